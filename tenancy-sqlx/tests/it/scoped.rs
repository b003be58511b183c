//! SQL of others in a scoped transaction.

use futures_util::TryStreamExt;
use sqlx::{Executor, Row};
use tenancy_sqlx::{Error, ErrorKind, Scope, ScopedTx};

use crate::proxy::Tap;
use crate::server::World;
use crate::statements::*;
use crate::topology;

/// As written for one connection, with the type of its argument changed and nothing else.
async fn rename(connection: &mut ScopedTx<'_>, id: i64, title: &str) -> Result<u64, sqlx::Error> {
    let done = sqlx::query("UPDATE blogs SET title = $2 WHERE id = $1")
        .bind(id)
        .bind(title)
        .execute(&mut *connection)
        .await?;
    Ok(done.rows_affected())
}

/// As written for a transaction in a connection.
async fn rename_or_leave(connection: &mut ScopedTx<'_>, id: i64) -> Result<bool, sqlx::Error> {
    let mut tx = connection.begin().await?;
    let row = sqlx::query("SELECT title FROM blogs WHERE id = $1 FOR UPDATE")
        .bind(id)
        .fetch_optional(&mut tx)
        .await?;
    if row.is_none() {
        tx.rollback().await?;
        return Ok(false);
    }
    rename(&mut tx, id, "again").await?;
    tx.commit().await?;
    Ok(true)
}

#[tokio::test]
async fn unqualified_sql_of_every_sort_reads_and_writes_the_tenants_rows() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");

    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    assert_eq!(rename(&mut tx, 1, "new").await.unwrap(), 1);
    assert!(rename_or_leave(&mut tx, 2).await.unwrap());
    assert!(!rename_or_leave(&mut tx, 99).await.unwrap());
    let title: String = sqlx::query_scalar("SELECT title FROM blogs WHERE id = $1")
        .bind(1_i64)
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert_eq!(title, "new");
    let rows = tx.fetch_all("SELECT id FROM blogs ORDER BY id").await;
    assert_eq!(rows.unwrap().len(), 5);
    let mut ids = Vec::new();
    {
        let mut stream = sqlx::query("SELECT id FROM blogs ORDER BY id").fetch(&mut tx);
        while let Some(row) = stream.try_next().await.unwrap() {
            ids.push(row.get::<i64, _>(0));
        }
    }
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    let prepared = (&mut tx)
        .prepare(sqlx::SqlSafeStr::into_sql_str("SELECT title FROM blogs"))
        .await
        .unwrap();
    assert_eq!(sqlx::Statement::columns(&prepared).len(), 1);
    tx.commit().await.unwrap();

    let titles = db.query_scalar::<String>(TITLES).fetch_all().await.unwrap();
    assert_eq!(titles[..3], ["new", "again", "acme 3"]);
    let other = world.tenant(&database, "globex");
    let titles = other.query_scalar::<String>(TITLES).fetch_all().await;
    assert!(
        titles
            .unwrap()
            .iter()
            .all(|title| title.starts_with("globex"))
    );
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_statement_and_one_message_opens() {
    let world = World::new().await;
    let tap = Tap::new(&world.app).await;
    let settings = crate::server::settings().max_connections(1);
    let database = tenancy_sqlx::Database::connect(tap.options.clone(), settings);
    let db = world.tenant(&database.await.unwrap(), "acme");
    let mut warm = db.begin_scoped(Scope::Path).await.unwrap();
    rename(&mut warm, 1, "warm").await.unwrap();
    warm.rollback().await.unwrap();

    let turns = || tap.count().0;
    let before = turns();
    let unused = db.begin_scoped(Scope::Path).await.unwrap();
    unused.commit().await.unwrap();
    drop(db.begin_scoped(Scope::Path).await.unwrap());
    assert_eq!(turns(), before);

    // The pool's own greeting of the connection, the opening, preparing, the statement, the end.
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    rename(&mut tx, 1, "new").await.unwrap();
    tx.commit().await.unwrap();
    assert!(turns() - before <= 5, "{}", turns() - before);
}

#[tokio::test]
async fn a_schema_that_is_gone_or_closed_is_an_error_before_any_statement() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    world
        .run_as_admin(format!(
            "CREATE TABLE public.blogs (id bigint, title text);
             INSERT INTO public.blogs VALUES (1, 'poison');
             GRANT SELECT ON public.blogs TO {login};
             REVOKE USAGE ON SCHEMA acme FROM {login}",
            login = world.login
        ))
        .await;
    for damage in ["", "DROP SCHEMA acme CASCADE"] {
        world.run_as_admin(damage).await;
        let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
        let error = sqlx::query("SELECT title FROM blogs")
            .fetch_all(&mut tx)
            .await
            .unwrap_err();
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
        assert!(error.to_string().contains("acme"), "{error}");
        tx.commit().await.unwrap_err();
    }
    let other = world.tenant(&database, "globex");
    assert_eq!(other.query(TITLES).fetch_all().await.unwrap().len(), 5);
}

#[tokio::test]
async fn refused_sql_is_not_sent_and_leaves_the_transaction_as_it_was() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    rename(&mut tx, 1, "kept").await.unwrap();
    for sql in [
        "COMMIT",
        "SET search_path TO globex",
        "SELECT 1; SELECT 2",
        "SELECT id FROM public.users",
        "INSERT INTO tenancy.audit (id) VALUES (1)",
        "LISTEN news",
        "SELECT set_config('search_path', 'globex', false)",
        "SELECT pg_advisory_lock(1)",
    ] {
        let refused = tx.execute(sqlx::raw_sql(sql)).await.unwrap_err();
        assert_eq!(
            Error::from(refused).kind(),
            ErrorKind::InvalidInput,
            "{sql}"
        );
        let refused = sqlx::query(sql).fetch(&mut tx).try_next().await;
        assert!(refused.is_err(), "{sql}");
    }
    tx.commit().await.unwrap();
    let title = db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    assert_eq!(title.await.unwrap(), "kept");
}

#[tokio::test]
async fn a_failure_of_the_database_stays_the_drivers_own_error() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    let error = sqlx::query("INSERT INTO blogs (id, title) VALUES (1, 'twice')")
        .execute(&mut tx)
        .await
        .unwrap_err();
    assert!(error.as_database_error().unwrap().is_unique_violation());
    let next = sqlx::query("SELECT id FROM blogs").fetch_all(&mut tx).await;
    let next = Error::from(next.unwrap_err());
    assert_eq!(next.kind(), ErrorKind::TransactionAborted);
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
}

#[tokio::test]
async fn a_closure_is_run_again_when_another_transaction_was_in_the_way() {
    if topology::lacks_sessions(2) {
        return;
    }
    let world = World::new().await;
    world
        .run_as_admin(format!(
            "ALTER ROLE {} IN DATABASE {} SET default_transaction_isolation = 'serializable'",
            world.login,
            world.admin.get_database().unwrap()
        ))
        .await;
    let database = world.database(4).await;
    let serializable = &world.tenant(&database, "acme");
    let runs = std::sync::atomic::AtomicUsize::new(0);
    let runs = &runs;
    let raised: i64 = serializable
        .scoped_transaction(Scope::Path, |mut tx| async move {
            let run = runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let sum: i64 = sqlx::query_scalar("SELECT sum(id)::bigint FROM blogs")
                .fetch_one(&mut *tx)
                .await?;
            if run == 0 {
                // Somebody else is first.
                let mut other = serializable.begin().await?;
                other.execute(INSERT).bind(50_i64).bind("other").await?;
                other.query_scalar::<i64>(COUNT).fetch_one().await?;
                other.execute(UPDATE).bind(1_i64).bind("other").await?;
                other.commit().await?;
            }
            rename(&mut tx, 1, "mine").await?;
            Ok::<_, Error>(sum)
        })
        .await
        .unwrap();
    assert_eq!(raised, 65);
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 2);
    let title = serializable
        .query_scalar::<String>(TITLE)
        .bind(1_i64)
        .fetch_one();
    assert_eq!(title.await.unwrap(), "mine");
}
