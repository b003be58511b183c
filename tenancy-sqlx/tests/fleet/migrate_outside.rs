//! Migrations without a transaction: repeated until what they name is whole.

use sqlx::Connection as _;
use tenancy_sqlx::{ErrorKind, Migration, MigrationSet, Outcome, Selection};

use crate::support::*;

const UNIQUE: &str = "-- no-transaction
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_title ON notes (title);
ANALYZE notes; VACUUM notes";

const VALID: &str = "pg_index WHERE indexrelid::regclass::text ~ 'one_title' AND indisvalid";

#[tokio::test]
async fn an_index_that_could_not_be_built_is_in_no_ledger_and_is_built_anew() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    create(&old, "globex").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('twice'), ('twice')",
    )
    .await;
    let after = "ALTER TABLE notes ADD more int";
    let new = fleet(&database, set([NOTES, TAGS, UNIQUE, after])).await;
    let plan = new.plan(Selection::all()).await.unwrap();
    let transactional: Vec<_> = plan.tenants[0]
        .pending
        .iter()
        .map(|m| m.transactional)
        .collect();
    assert_eq!(transactional, [true, false, true]);
    let report = new
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    let Outcome::Failed(failure) = &report.tenants[0].outcome else {
        panic!("{report:?}")
    };
    assert_eq!(failure.file.as_deref(), Some("3_step.sql"));
    assert_eq!(failure.sqlstate.as_deref(), Some("23505"));
    assert_eq!(report.tenants[1].outcome.applied(), [2, 3, 4]);
    // What came before it stays, what comes after it waits, and the index is there and invalid.
    let status = new.status().await.unwrap();
    assert_eq!(status.tenants[0].ledger.applied, [1, 2]);
    let last = new.runs(1).await.unwrap().remove(0);
    assert_eq!((last.applied, last.failed), (1 + 3, 1));
    assert_eq!(count(&mut superuser, VALID).await, 1);
    let all = VALID.replace(" AND indisvalid", "");
    assert_eq!(count(&mut superuser, &all).await, 2);

    run(&mut superuser, "DELETE FROM acme.notes").await;
    let report = new
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert_eq!(report.tenants[0].outcome.applied(), [3, 4]);
    assert_eq!(count(&mut superuser, VALID).await, 2);
    assert_eq!(count(&mut superuser, &all).await, 2);
    assert_eq!(count(&mut superuser, LOCKS).await, 0);
}

#[tokio::test]
async fn a_tenant_is_made_with_everything_in_one_transaction_all_the_same() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, UNIQUE])).await;
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    assert_eq!(count(&mut superuser, VALID).await, 1);
    assert!(fleet.status().await.unwrap().is_at_head());
    let one = "(SELECT DISTINCT xmin::text FROM tenancy.migrations WHERE scope = 'tenant') t";
    assert_eq!(count(&mut superuser, one).await, 1);
}

#[tokio::test]
async fn what_all_share_may_do_without_a_transaction_too() {
    let database = TestDatabase::new().await;
    let shared = set([
        "CREATE TABLE public.users (name text)",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_name ON users (name)",
        "ALTER TABLE users ADD mail text",
    ]);
    let fleet = unprepared(&database, shared, MigrationSet::default()).await;
    let report = fleet.prepare().await.unwrap();
    assert_eq!(report.shared.unwrap().applied(), [1, 2, 3]);
    let mut superuser = database.superuser().await;
    let index = "pg_index WHERE indexrelid = 'public.by_name'::regclass AND indisvalid";
    assert_eq!(count(&mut superuser, index).await, 1);
}

#[tokio::test]
async fn an_open_transaction_of_the_application_holds_up_its_tenant_and_no_reader() {
    // One worker alone comes to the other tenant as well.
    for workers in [2, 1] {
        held_up(workers).await;
    }
}

async fn held_up(workers: usize) {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    create(&old, "globex").await;
    let mut app = database.superuser().await;
    let mut open = app.begin().await.unwrap();
    run(&mut open, "INSERT INTO acme.notes (title) VALUES ('open')").await;
    let new = fleet(&database, set([NOTES, UNIQUE])).await;
    let migration = tokio::spawn(async move {
        new.migrate(Selection::all(), jobs(workers), |_| {})
            .await
            .unwrap()
    });
    let mut superuser = database.superuser().await;
    eventually("the other tenant's index", async || {
        (count(&mut superuser, VALID).await == 1).then_some(())
    })
    .await;
    // The index is being built, waits for the transaction, and stands in nobody's way.
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('meanwhile')",
    )
    .await;
    open.commit().await.unwrap();
    let report = migration.await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(count(&mut superuser, "acme.notes").await, 2);
}

#[test]
fn a_file_that_may_not_be_repeated_is_refused_with_its_line() {
    let sql = "-- no-transaction\nANALYZE notes;\nUPDATE notes SET title = ''";
    let error = MigrationSet::new([Migration::new(1, "bad", sql)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("1_bad.sql, line 3"), "{error}");
}
