//! A database, a fleet and what a fault must not leave behind.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{Domain, SchemaName, Slug, Tenant};
pub(crate) use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Fleet, Migration, MigrationSet, Migrations, NewTenant};

/// The application's login, as tests grant to it.
pub(crate) const APP: &str = "tenancy_app";

pub(crate) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub(crate) fn schema(text: &str) -> SchemaName {
    SchemaName::parse(text).unwrap()
}

pub(crate) fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

pub(crate) fn jobs(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Numbers `sql` from one.
pub(crate) fn set<const N: usize>(sql: [&'static str; N]) -> MigrationSet {
    MigrationSet::new(
        (1..)
            .zip(sql)
            .map(|(version, sql)| Migration::new(version, "step", sql)),
    )
    .unwrap()
}

pub(crate) const NOTES: &str = "CREATE TABLE notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL -- what it says
)";

pub(crate) const TAGS: &str =
    "CREATE TABLE tags (name text PRIMARY KEY); ALTER TABLE notes ADD tag text REFERENCES tags;";

/// A prepared fleet with these tenant migrations.
pub(crate) async fn fleet(database: &TestDatabase, tenant: MigrationSet) -> Fleet {
    let fleet = unprepared(database, MigrationSet::default(), tenant).await;
    fleet.prepare().await.unwrap();
    fleet
}

pub(crate) async fn unprepared(
    database: &TestDatabase,
    shared: MigrationSet,
    tenant: MigrationSet,
) -> Fleet {
    let migrations = Migrations { shared, tenant };
    Fleet::connect(database.owner_options(), Some(APP.to_owned()), migrations)
        .await
        .unwrap()
}

pub(crate) async fn create(fleet: &Fleet, name: &str) -> Tenant {
    fleet
        .create(NewTenant::new(slug(name)), |_| {})
        .await
        .unwrap()
}

/// The locks that operations on this fleet hold or wait for.
pub(crate) const LOCKS: &str = "(SELECT granted FROM pg_locks WHERE locktype = 'advisory' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) locks";

/// Waits until the server has noticed that a killed program is gone.
pub(crate) async fn no_locks(connection: &mut PgConnection) {
    eventually("the end of the killed program", async || {
        (count(connection, LOCKS).await == 0).then_some(())
    })
    .await;
}

/// Runs statements as `connection`'s login.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Asks for one number.
pub(crate) async fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {sql}")))
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Everything that creating a tenant may leave behind, in one comparable text.
pub(crate) async fn traces(connection: &mut PgConnection) -> String {
    sqlx::query_scalar(
        "SELECT concat_ws(E'\n',
            (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM tenancy.tenants t),
            (SELECT string_agg(d::text, ',' ORDER BY d::text) FROM tenancy.domains d),
            (SELECT string_agg(m::text, ',' ORDER BY m::text) FROM tenancy.migrations m),
            (SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace
             WHERE nspname !~ '^pg_'),
            (SELECT string_agg(oid::regclass::text, ',' ORDER BY oid) FROM pg_class
             WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'),
            (SELECT count(*) FROM pg_default_acl),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

/// Waits for something that another process does, until it has had long enough.
pub(crate) async fn eventually<F, T>(what: &str, mut look: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
