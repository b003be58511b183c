//! `#[tenancy_sqlx::test]`: tenants for one test, and nothing of them afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tenancy_core::TenantContext;
use tenancy_sqlx::testing::{FromTest, Needs, TestDatabase, TestOutcome, TestTenant, TestTenants};
use tenancy_sqlx::{Database, Error, Fleet, ScopedDb, SharedDb, TenantDb, shared_sql, tenant_sql};

#[tenancy_sqlx::test(migrations = "tests/it/migrations")]
async fn a_tenant_has_its_tables_and_nothing_in_them(db: TenantDb) -> Result<(), Error> {
    let count = || db.query_scalar::<i64>(tenant_sql!("SELECT count(*) FROM posts"));
    assert_eq!(count().fetch_one().await?, 0);
    post(&db, "mine").await?;
    assert_eq!(count().fetch_one().await?, 1);
    Ok(())
}

#[tenancy_sqlx::test(migrations = "tests/it/migrations")]
async fn two_tenants_have_the_same_ids_and_rows_of_their_own(
    one: TenantDb,
    other: TenantDb,
) -> Result<(), Error> {
    let first = (post(&one, "one").await?, post(&other, "other").await?);
    assert_eq!(first, (1, 1));
    for (db, title) in [(&one, "one"), (&other, "other")] {
        let found: Vec<String> = db
            .query_scalar(tenant_sql!("SELECT title FROM posts"))
            .fetch_all()
            .await?;
        assert_eq!(found, [title]);
    }
    Ok(())
}

/// A fixture of one's own.
struct Posts {
    tenant: TestTenant,
}

impl FromTest for Posts {
    async fn from_test(tenants: &TestTenants) -> Self {
        let tenant = tenants.tenant().await;
        post(tenant.db(), tenant.canary().as_str()).await.unwrap();
        Self { tenant }
    }
}

#[tenancy_sqlx::test(migrations = "tests/it/migrations")]
async fn every_argument_is_of_the_same_database(
    tenants: TestTenants,
    Posts { tenant }: Posts,
    context: TenantContext,
    scoped: ScopedDb,
    shared: SharedDb,
    database: Database,
    fleet: Fleet,
) {
    let slugs: Vec<String> = fleet
        .tenants()
        .await
        .unwrap()
        .iter()
        .map(|tenant| tenant.slug().to_string())
        .collect();
    assert_eq!(slugs, ["tenant-1", "tenant-2", "tenant-3"]);
    assert_eq!(context.slug().as_str(), "tenant-2");
    assert_eq!(tenant.host(), "tenant-1.example");

    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM posts")
        .fetch_one(&scoped)
        .await
        .unwrap();
    assert_eq!(count, 0);
    let titles: Vec<String> = database
        .tenant(tenant.context())
        .query_scalar(tenant_sql!("SELECT title FROM posts"))
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(titles, [tenant.canary().as_str()]);
    let countries: Vec<String> = shared
        .query_scalar(shared_sql!("SELECT code FROM shared.countries"))
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(countries, ["is"]);
    assert!(tenants.test_database().name().starts_with("tenancy_test_"));
}

#[tenancy_sqlx::test(migrations = "tests/it/migrations")]
#[should_panic(expected = "as it should")]
async fn attributes_of_the_harness_are_the_tests(_db: TenantDb) {
    std::future::ready(()).await;
    panic!("as it should");
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/migrations");

/// What the attribute expands to, run by hand so that its end can be watched; and the database and
/// schema it had.
fn run<R: TestOutcome>(needs: Needs, test: impl AsyncFnOnce() -> R) -> (Option<R>, [String; 2]) {
    let mut names = [const { String::new() }; 2];
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        tenancy_sqlx::__private::test(FOLDER, &[needs], async |tenants: &TestTenants| {
            let tenant = tenants.tenant().await;
            let database = tenants.test_database().name().to_owned();
            names = [database, tenant.context().schema().to_string()];
            test().await
        })
    }));
    (outcome.ok(), names)
}

#[test]
fn what_a_test_made_goes_when_it_ends_and_stays_when_it_fails() {
    for needs in [Needs::Tenants, Needs::Database] {
        let (passed, gone) = run(needs, async || Ok::<_, Error>(()));
        assert!(matches!(passed, Some(Ok(()))));
        let (failed, kept) = run(needs, async || Err::<(), _>("an error"));
        assert_eq!(failed, Some(Err("an error")));
        let (panicked, kept_too) = run(needs, async || {
            let meant = true;
            assert!(!meant, "this panic is meant");
        });
        assert_eq!(panicked, None);

        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let other = TestDatabase::new().await;
            let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
            while exists(&other, &gone).await {
                assert!(tokio::time::Instant::now() < deadline, "{gone:?} is there");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            for kept in [kept, kept_too] {
                assert!(exists(&other, &kept).await, "{kept:?} is gone");
            }
        });
    }
}

#[tenancy_sqlx::test(migrations = "tests/it/migrations")]
async fn the_application_has_only_its_rights(tenants: TestTenants) {
    let mut app = PgConnection::connect_with(&tenants.test_database().app_options())
        .await
        .unwrap();
    let refused = sqlx::raw_sql("CREATE SCHEMA mine").execute(&mut app).await;
    assert!(refused.is_err(), "the copy grants more than the original");
    let path: String = sqlx::query_scalar("SHOW search_path")
        .fetch_one(&mut app)
        .await
        .unwrap();
    assert_eq!(path, "\"\"");
}

async fn post(db: &TenantDb, title: &str) -> Result<i64, Error> {
    db.query_scalar(tenant_sql!(
        "INSERT INTO posts (title) VALUES ($1) RETURNING id"
    ))
    .bind(title)
    .fetch_one()
    .await
}

/// Whether the server has this schema in this database, with its table.
async fn exists(server: &TestDatabase, [database, schema]: &[String; 2]) -> bool {
    let options = server.superuser_options().database(database);
    let Ok(mut inside) = PgConnection::connect_with(&options).await else {
        return false;
    };
    sqlx::query_scalar("SELECT to_regclass($1 || '.posts') IS NOT NULL")
        .bind(schema)
        .fetch_one(&mut inside)
        .await
        .unwrap()
}
