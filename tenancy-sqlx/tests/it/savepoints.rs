//! Savepoints, streams and closures of a tenant's transaction.

use futures_util::TryStreamExt;
use sqlx::Row;
use tenancy_sqlx::{Error, ErrorKind, TenantDb, TenantTx};

use crate::server::World;
use crate::statements::*;

async fn titles(db: &TenantDb) -> Vec<String> {
    db.query_scalar::<String>(TITLES).fetch_all().await.unwrap()
}

async fn insert(tx: &mut TenantTx<'_>, id: i64) -> Result<u64, Error> {
    tx.execute(INSERT).bind(id).bind("new").await
}

#[tokio::test]
async fn what_is_done_in_a_savepoint_is_kept_or_undone_with_it() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin().await.unwrap();
    insert(&mut tx, 10).await.unwrap();

    let mut kept = tx.begin().await.unwrap();
    insert(&mut kept, 11).await.unwrap();
    let mut inner = kept.begin().await.unwrap();
    insert(&mut inner, 12).await.unwrap();
    inner.rollback().await.unwrap();
    kept.commit().await.unwrap();

    let mut failed = tx.begin().await.unwrap();
    insert(&mut failed, 13).await.unwrap();
    assert_eq!(
        insert(&mut failed, 1).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(
        insert(&mut failed, 14).await.unwrap_err().kind(),
        ErrorKind::TransactionAborted
    );
    failed.rollback().await.unwrap();

    let mut dropped = tx.begin().await.unwrap();
    insert(&mut dropped, 15).await.unwrap();
    let mut within = dropped.begin().await.unwrap();
    insert(&mut within, 1).await.unwrap_err();
    drop(within);
    drop(dropped);

    insert(&mut tx, 16).await.unwrap();
    let mut last = tx.begin().await.unwrap();
    insert(&mut last, 17).await.unwrap();
    drop(last);
    tx.commit().await.unwrap();

    let ids = db.query_scalar::<i64>(IDS).fetch_all().await.unwrap();
    assert_eq!(ids, [1, 2, 3, 4, 5, 10, 11, 16]);
}

#[tokio::test]
async fn a_failed_savepoint_cannot_be_committed_and_does_not_fail_the_rest() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin().await.unwrap();
    insert(&mut tx, 10).await.unwrap();
    let mut failed = tx.begin().await.unwrap();
    insert(&mut failed, 1).await.unwrap_err();
    let error = failed.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    tx.commit().await.unwrap();
    assert_eq!(titles(&db).await.len(), 6);
}

#[tokio::test]
async fn a_stream_gives_every_row_and_leaves_the_transaction_healthy() {
    let world = World::new().await;
    let db = world.tenant(&world.database(2).await, "acme");
    let fill = "INSERT INTO acme.blogs SELECT id, 'acme ' || id FROM generate_series(6, 5000) id";
    world.run_as_admin(fill).await;
    let mut tx = db.begin().await.unwrap();
    let mut rows = tx.query_scalar::<i64>(IDS).fetch();
    let mut wanted = 1;
    while let Some(id) = rows.try_next().await.unwrap() {
        assert_eq!(id, wanted);
        wanted += 1;
    }
    drop(rows);
    assert_eq!(wanted, 5001);
    insert(&mut tx, 6000).await.unwrap();
    tx.commit().await.unwrap();

    let single: Vec<i64> = db
        .query_scalar::<i64>(IDS)
        .fetch()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(single.len(), 5001);
}

#[tokio::test]
async fn a_half_read_stream_costs_its_transaction_and_never_the_next_user() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    let fill = "INSERT INTO acme.blogs SELECT id, 'acme ' || id FROM generate_series(6, 9000) id";
    world.run_as_admin(fill).await;
    for read in [0, 1, 40, 100] {
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, -1).await.unwrap();
        {
            let mut rows = tx.query_scalar::<i64>(IDS).fetch();
            for _ in 0..read {
                rows.try_next().await.unwrap().unwrap();
            }
        }
        if read > 0 {
            let error = tx.commit().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        } else {
            drop(tx);
        }
        let mut rows = db.query_scalar::<i64>(IDS).fetch();
        for _ in 0..read {
            rows.try_next().await.unwrap().unwrap();
        }
        drop(rows);
        let title = db.query_scalar::<String>(TITLE).bind(2_i64).fetch_one();
        assert_eq!(title.await.unwrap(), "acme 2");
        let closed = sqlx::raw_sql("SELECT (now() = statement_timestamp())::text")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(closed.get::<&str, _>(0), "true");
    }
    let ids = db.query_scalar::<i64>(IDS).fetch_all().await.unwrap();
    assert_eq!(ids[0], 1, "what was not committed is there");
}

#[tokio::test]
async fn a_stream_that_fails_says_so_once() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    world.run_as_admin("DROP TABLE acme.blogs").await;
    let mut rows = db.query_scalar::<i64>(IDS).fetch();
    let error = rows.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("tenant acme"), "{error}");
    assert!(rows.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_closure_commits_when_it_gives_ok_and_only_then() {
    let world = World::new().await;
    let db = world.tenant(&world.database(2).await, "acme");
    let title = String::from("in a closure");
    let text = &title;
    let id = db
        .transaction(|mut tx| async move {
            tx.execute(INSERT).bind(20_i64).bind(text).await?;
            Ok::<_, Error>(20_i64)
        })
        .await
        .unwrap();
    let kept = db.query_scalar::<String>(TITLE).bind(id).fetch_one();
    assert_eq!(kept.await.unwrap(), title);

    let refused: Result<(), Error> = db
        .transaction(|mut tx| async move {
            tx.execute(INSERT).bind(21_i64).bind(text).await?;
            Err(Error::new(ErrorKind::InvalidInput, "not like this"))
        })
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);

    let swallowed: Result<(), Error> = db
        .transaction(|mut tx| async move {
            tx.execute(INSERT).bind(22_i64).bind(text).await?;
            tx.execute(INSERT).bind(1_i64).bind(text).await.unwrap_err();
            Ok(())
        })
        .await;
    assert_eq!(swallowed.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(titles(&db).await.len(), 6);
}

#[tokio::test]
async fn a_transaction_that_its_closure_gave_away_is_not_committed() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let away = std::sync::Mutex::new(None);
    let away = &away;
    let error = db
        .transaction(|mut tx| async move {
            tx.execute(INSERT).bind(20_i64).bind("away").await?;
            *away.lock().unwrap() = Some(tx);
            Ok::<_, Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    drop(away.lock().unwrap().take());
    assert_eq!(titles(&db).await.len(), 5);
}

#[tokio::test]
async fn a_closure_of_a_handler_may_be_sent_between_threads() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let task = tokio::spawn(async move {
        let title = String::from("sent");
        let title = &title;
        db.transaction(|mut tx| async move {
            let mut savepoint = tx.begin().await?;
            savepoint.execute(INSERT).bind(30_i64).bind(title).await?;
            savepoint.commit().await
        })
        .await
        .unwrap();
        titles(&db).await.len()
    });
    assert_eq!(task.await.unwrap(), 6);
}
