//! Tables that change under statements that were prepared for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use tenancy_core::TenantContext;
use tenancy_sqlx::{Database, Error, ErrorKind, Read, TenantDb, TenantSql, tenant_sql};

use crate::server::World;
use crate::statements::*;

const LONG: &str = "ALTER TABLE acme.blogs ALTER COLUMN title TYPE varchar(90)";
const SHORT: &str = "ALTER TABLE acme.blogs ALTER COLUMN title TYPE varchar(80)";

const TYPED: &TenantSql<Read> = tenant_sql!("SELECT title FROM blogs WHERE id = $1 OR id = $2");

/// The same tenant as its store tells of it after a migration.
fn migrated(db: &TenantDb, database: &Database, version: i64) -> TenantDb {
    let tenant = db.context().tenant().clone().with_migration(version);
    database.tenant(&TenantContext::new(tenant.into(), "test").unwrap())
}

fn retries(database: &Database) -> u64 {
    database.metrics().unwrap().retried
}

async fn ask(db: &TenantDb) -> Result<String, Error> {
    let title = db.query_scalar(TYPED).bind(1_i64).bind(1_i64);
    title.fetch_one().await
}

#[tokio::test]
async fn a_statement_prepared_before_a_migration_is_not_used_after_it() {
    let world = World::new().await;
    let database = world.database(1).await;
    let before = world.tenant(&database, "acme");
    ask(&before).await.unwrap();
    for (version, change) in [(1, LONG), (2, SHORT), (3, LONG)] {
        world.run_as_admin(change).await;
        let after = migrated(&before, &database, version);
        for _ in 0..10 {
            assert_eq!(ask(&after).await.unwrap(), "acme 1");
        }
    }
    assert_eq!(retries(&database), 0, "it was noticed by a failure");

    // Who still holds the old context pays one more question, and only the first time.
    for _ in 0..10 {
        assert_eq!(ask(&before).await.unwrap(), "acme 1");
    }
    assert_eq!(retries(&database), 1);
}

#[tokio::test]
async fn a_transaction_that_meets_a_changed_table_says_so_and_a_closure_is_run_again() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    ask(&db).await.unwrap();
    world.run_as_admin(LONG).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(10_i64).bind("first").await.unwrap();
    let stale = tx.query_scalar::<String>(TYPED).bind(1_i64).bind(1_i64);
    let error = stale.fetch_one().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(
        error.to_string().contains("run the transaction again"),
        "{error}"
    );
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);

    ask(&db).await.unwrap();
    world.run_as_admin(SHORT).await;
    let runs = &AtomicUsize::new(0);
    let title = db.transaction(|mut tx| async move {
        runs.fetch_add(1, Ordering::Relaxed);
        tx.execute(INSERT).bind(11_i64).bind("kept").await?;
        let title = tx.query_scalar::<String>(TYPED).bind(1_i64).bind(1_i64);
        title.fetch_one().await
    });
    assert_eq!(title.await.unwrap(), "acme 1");
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 6);
}

/// One connection, and tenants at two migrations by turns.
#[tokio::test]
async fn tenants_at_different_migrations_share_a_connection_without_an_error() {
    let world = World::new().await;
    let database = world.database(1).await;
    let (old, new) = ("globex", "acme");
    world
        .run_as_admin(
            "ALTER TABLE acme.blogs ALTER COLUMN title TYPE varchar(90);
             ALTER TABLE acme.blogs ADD COLUMN summary text;
             ALTER TABLE acme.blogs DROP COLUMN body;
             ALTER TABLE acme.blogs ADD COLUMN body varchar(20)",
        )
        .await;
    let new_db = migrated(&world.tenant(&database, new), &database, 2);
    let old_db = migrated(&world.tenant(&database, old), &database, 1);
    for round in 0..1_000_i64 {
        for (db, name) in [(&old_db, old), (&new_db, new)] {
            let id = round % 5 + 1;
            let title = db.query_scalar::<String>(TITLE).bind(id).fetch_one().await;
            assert_eq!(title.unwrap(), format!("{name} {id}"));
            db.query(BLOG).bind(id).fetch_one().await.unwrap();
            db.query(TITLES).fetch_all().await.unwrap();
            db.query(IDS).fetch_all().await.unwrap();
            assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 5);
            let own = format!("{name} {id}");
            db.execute(UPDATE).bind(id).bind(own).await.unwrap();
            assert_eq!(ask(db).await.unwrap(), format!("{name} 1"));
        }
    }
    assert_eq!(retries(&database), 0);
}
