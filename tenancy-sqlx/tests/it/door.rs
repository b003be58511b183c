//! Statements and transactions: values in, rows out, errors by kind.

use sqlx::{FromRow, Row};
use tenancy_sqlx::{DynSql, Error, ErrorKind, TenantDb, shared_sql, tenant_sql};

use crate::server::{SEEDED, World};
use crate::statements::*;
use crate::topology;

#[derive(Debug, PartialEq, FromRow)]
struct Blog {
    id: i64,
    title: String,
    body: Option<String>,
}

#[tokio::test]
async fn each_tenant_reads_its_own_rows_of_the_same_ids() {
    let world = World::new().await;
    let database = world.database(2).await;
    let acme = world.tenant(&database, "acme");
    let globex = world.tenant(&database, "globex");

    let blog = acme.query_as::<Blog>(BLOG).bind(1_i64).fetch_one().await;
    assert_eq!(
        blog.unwrap(),
        Blog {
            id: 1,
            title: "acme 1".into(),
            body: None
        }
    );
    // One statement, asked for one tenant and for the other in turns.
    for (db, own) in [(&acme, "acme 1"), (&globex, "globex 1"), (&acme, "acme 1")] {
        let title = db.query_scalar::<String>(TITLE).bind(1_i64);
        assert_eq!(title.fetch_optional().await.unwrap().unwrap(), own);
    }
    let rows = globex.query(TITLES).fetch_all().await.unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[4].get::<String, _>("title"), "globex 5");
}

#[tokio::test]
async fn a_missing_row_is_none_or_an_error_that_says_so() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let none = db.query_as::<Blog>(BLOG).bind(99_i64).fetch_optional();
    assert_eq!(none.await.unwrap(), None);
    let error = db.query_as::<Blog>(BLOG).bind(99_i64).fetch_one().await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::RowNotFound);
}

#[tokio::test]
async fn execute_gives_the_number_of_rows_touched() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let touched = db.execute(UPDATE).bind(1_i64).bind("new").await.unwrap();
    assert_eq!(touched, 1);
    let touched = db.execute(UPDATE).bind(99_i64).bind("new").await.unwrap();
    assert_eq!(touched, 0);
}

#[tokio::test]
async fn a_committed_transaction_takes_effect_and_a_dropped_or_rolled_back_one_does_not() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");

    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(10_i64).bind("kept").await.unwrap();
    let seen = tx.query_scalar::<String>(TITLE).bind(10_i64).fetch_one();
    assert_eq!(seen.await.unwrap(), "kept");
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(11_i64).bind("gone").await.unwrap();
    tx.rollback().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(12_i64).bind("gone").await.unwrap();
    drop(tx);

    let ids = db.query_scalar::<i64>(IDS).fetch_all().await.unwrap();
    assert_eq!(ids, [1, 2, 3, 4, 5, 10]);
}

#[tokio::test]
async fn a_read_only_transaction_sees_rows() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin_read_only().await.unwrap();
    let count = tx.query_scalar::<i64>(COUNT).fetch_one().await.unwrap();
    assert_eq!(count, SEEDED);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_wrong_number_of_values_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let expect = |error: Error, words: &str| {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let message = error.to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.starts_with("tenant acme: "), "{message}");
    };

    let few = db.execute(UPDATE).bind(1_i64).await.unwrap_err();
    expect(few, "takes 2 values and 1 were bound");
    let many = db.query(TITLE).bind(1_i64).bind(2_i64).fetch_all().await;
    expect(many.unwrap_err(), "takes 1 values and 2 were bound");

    // A transaction goes on, because the server has not heard of it.
    let mut tx = db.begin().await.unwrap();
    expect(
        tx.execute(DELETE).await.unwrap_err(),
        "takes 1 values and 0",
    );
    tx.execute(DELETE).bind(1_i64).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_conflict_names_its_constraint_and_leaves_the_connection_usable() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    db.query(TITLES).fetch_all().await.unwrap();
    let before = world.backend().await;
    let error = db.execute(INSERT).bind(1_i64).bind("twice").await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.constraint(), Some("blogs_pkey"));
    db.query(TITLES).fetch_all().await.unwrap();
    assert_eq!(world.backend().await, before);
}

#[tokio::test]
async fn a_transaction_with_a_failed_statement_cannot_go_on_and_not_be_committed() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(10_i64).bind("first").await.unwrap();
    let error = tx.execute(INSERT).bind(1_i64).bind("twice").await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
    let error = tx.execute(INSERT).bind(11_i64).bind("late").await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    let count = db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap();
    assert_eq!(count, SEEDED);
}

#[tokio::test]
async fn a_deferred_constraint_fails_the_commit_by_its_kind() {
    let world = World::new().await;
    let deferred = "ALTER TABLE acme.blogs ADD CONSTRAINT one_title UNIQUE (title) \
                    DEFERRABLE INITIALLY DEFERRED";
    world.run_as_admin(deferred).await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin().await.unwrap();
    let insert = tx.execute(INSERT).bind(10_i64).bind("acme 1");
    insert.await.unwrap();
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let count = db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap();
    assert_eq!(count, SEEDED);
}

#[tokio::test]
async fn a_column_that_changed_its_type_is_prepared_anew() {
    if topology::pooler() == tenancy_sqlx::Pooler::Transaction {
        return;
    }
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let read = || db.query(BLOG).bind(1_i64).fetch_one();
    read().await.unwrap();
    world
        .run_as_admin("ALTER TABLE acme.blogs ALTER title TYPE varchar(99)")
        .await;
    let row = read().await.unwrap();
    assert_eq!(row.get::<String, _>("title"), "acme 1");
    read().await.unwrap();

    // A transaction cannot be repaired from inside, but the next one starts afresh.
    world
        .run_as_admin("ALTER TABLE acme.blogs ALTER title TYPE text")
        .await;
    let mut tx = db.begin().await.unwrap();
    let error = tx.query(BLOG).bind(1_i64).fetch_one().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    drop(tx);
    let mut tx = db.begin().await.unwrap();
    tx.query(BLOG).bind(1_i64).fetch_one().await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_process_is_replaced_and_costs_a_read_nothing() {
    if topology::leaves_out("the pooler replaces an idle session unseen") {
        return;
    }
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let kill = || {
        world.run_as_admin(format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE datname = current_database() AND usename = '{}'",
            world.login
        ))
    };
    db.query(TITLES).fetch_all().await.unwrap();
    let first = world.backend().await;
    kill().await;
    db.query(TITLES).fetch_all().await.unwrap();
    assert_ne!(world.backend().await, first);

    // Whether a write took effect before its connection was cut off, nobody knows.
    kill().await;
    let written = db.execute(INSERT).bind(9_i64).bind("lost").await;
    assert_eq!(written.unwrap_err().kind(), ErrorKind::Unavailable);

    // Nothing was done before the first message of a transaction.
    kill().await;
    db.begin().await.unwrap().rollback().await.unwrap();
    db.query(TITLES).fetch_all().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(10_i64).bind("lost").await.unwrap();
    kill().await;
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let count = db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap();
    assert_eq!(count, SEEDED);
}

#[tokio::test]
async fn no_connection_in_time_is_unavailable_and_says_what_to_look_for() {
    let world = World::new().await;
    let settings = crate::server::settings()
        .max_connections(1)
        .acquire_timeout(std::time::Duration::from_millis(50));
    let database = tenancy_sqlx::Database::connect(world.app.clone(), settings);
    let db = world.tenant(&database.await.unwrap(), "acme");
    // The first connection is made within the timeout at some point.
    let tx = loop {
        if let Ok(tx) = db.begin().await {
            break tx;
        }
    };
    let error = db.begin().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("max_connections"), "{error}");
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_closed_database_refuses_and_leaves_no_server_process() {
    if topology::leaves_out("the pooler keeps its sessions") {
        return;
    }
    let world = World::new().await;
    let database = world.database(2).await;
    let db = world.tenant(&database, "acme");
    db.query(TITLES).fetch_all().await.unwrap();
    database.close().await;
    let error = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    world.until_no_backend("true").await;
}

#[tokio::test]
async fn a_renamed_schema_is_followed_by_the_next_context() {
    let world = World::new().await;
    let database = world.database(1).await;
    let old = world.context("acme");
    let db = database.tenant(&old);
    db.query(TITLES).fetch_all().await.unwrap();
    world
        .run_as_admin("ALTER SCHEMA acme RENAME TO acme_two")
        .await;
    let renamed = tenancy_core::Tenant::new(
        old.id(),
        old.slug().clone(),
        tenancy_core::SchemaName::parse("acme_two").unwrap(),
    )
    .with_status(tenancy_core::Status::Active);
    let new = tenancy_core::TenantContext::new(renamed.into(), "test").unwrap();
    let followed = database.tenant(&new);
    let titles = followed.query(TITLES).fetch_all();
    assert_eq!(titles.await.unwrap().len(), 5);
    let error = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
}

#[test]
fn a_transaction_dropped_on_a_thread_without_a_runtime_is_rolled_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (world, db, tx) = runtime.block_on(async {
        let world = World::new().await;
        let db = world.tenant(&world.database(1).await, "acme");
        let mut tx = db.begin().await.unwrap();
        tx.execute(INSERT).bind(10_i64).bind("gone").await.unwrap();
        (world, db, tx)
    });
    drop(tx);
    runtime.block_on(async {
        let count = db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap();
        assert_eq!(count, SEEDED);
        // One whose runtime has ended is closed.
        let tx = db.begin().await.unwrap();
        std::thread::spawn(move || {
            let other = tokio::runtime::Runtime::new().unwrap();
            let _entered = other.enter();
            drop(tx);
        })
        .join()
        .unwrap();
        world
            .until_no_backend("state LIKE 'idle in transaction%'")
            .await;
    });
    let tx = runtime.block_on(db.begin()).unwrap();
    drop(runtime);
    drop(tx);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(world.until_no_backend("state LIKE 'idle in transaction%'"));
}

#[test]
fn a_broken_transaction_can_be_dropped_on_a_thread_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_world, db, tx) = runtime.block_on(async {
        let world = World::new().await;
        let db = world.tenant(&world.database(1).await, "acme");
        let mut tx = db.begin().await.unwrap();
        let kill = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE datname = current_database() AND usename = '{}'",
            world.login
        );
        world.run_as_admin(kill).await;
        tx.query(TITLES).fetch_all().await.unwrap_err();
        (world, db, tx)
    });
    let dropped = std::thread::spawn(move || drop(tx)).join();
    assert!(dropped.is_ok());
    runtime.block_on(db.query(TITLES).fetch_all()).unwrap();
}

#[test]
fn every_future_can_move_between_threads() {
    fn can_move<T: Send>(_: impl Fn(TenantDb) -> T) {}
    can_move(|db| async move {
        db.query_as::<Blog>(BLOG).bind(1_i64).fetch_one().await?;
        db.execute(DELETE).bind(1_i64).await?;
        let mut tx = db.begin().await?;
        tx.query(TITLES).fetch_all().await?;
        tx.execute(DELETE).bind(1_i64).await?;
        tx.commit().await
    });
}

#[tokio::test]
async fn an_error_knows_where_its_statement_is_written() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let (statement, line) = (tenant_sql!("SELECT missing FROM blogs"), line!());
    let error = db.query(statement).fetch_all().await.unwrap_err();
    assert_eq!(error.statement(), Some((file!(), line)));
    assert!(format!("{error:?}").contains(&format!("{}:{line}", file!())));
    let shared = shared_sql!("SELECT id FROM public.missing");
    let error = database.shared().query(shared).fetch_all().await;
    assert_eq!(
        error.unwrap_err().statement(),
        Some((file!(), shared.line()))
    );
    let error = db
        .query(DynSql::new("SELECT missing FROM blogs"))
        .fetch_all()
        .await;
    assert_eq!(error.unwrap_err().statement(), None);
}
