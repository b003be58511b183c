//! One database with a hundred tenants and a schema that is nobody's, all with the same rows.

use std::sync::Arc;

use serde::Serialize;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, FromRow};
use tenancy_core::{Domain, Slug, TenantContext};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{
    Database, Fleet, Migration, MigrationSet, Migrations, NewTenant, PoolSettings, Read, TenantSql,
    tenant_sql,
};

use crate::plan::Failure;

/// Tenants in rotation.
pub const TENANTS: usize = 100;
/// Connections of either side.
pub const CONNECTIONS: u32 = 8;
/// Statements that a connection keeps, which is more than either side has.
const STATEMENTS: usize = 512;
const ROWS: u64 = 1_000;

const TABLE: &str = "CREATE TABLE posts (id bigint PRIMARY KEY, title text NOT NULL)";

/// What the handlers give.
#[derive(Debug, Serialize, FromRow)]
pub struct Post {
    /// Its number.
    pub id: i64,
    /// Starts with the schema that it lies in.
    pub title: String,
}

/// The rows of all sides, and the connections that read them.
#[derive(Debug)]
pub struct Posts {
    /// The side under test.
    pub database: Database,
    /// The floor: as many connections that keep as many statements, without the ping that sqlx
    /// sends before each use.
    pub plain: PgPool,
    /// The same again for every tenant's texts, so that the floor's servers know one table only.
    pub all_texts: PgPool,
    /// The tenants in order.
    pub tenants: Arc<[TenantContext]>,
    test: TestDatabase,
}

impl Posts {
    /// Makes the tenants as an application does, and one schema more.
    ///
    /// # Errors
    ///
    /// What the database answers.
    pub async fn make() -> Result<Self, Failure> {
        let test = TestDatabase::new().await;
        let app = test.app_options();
        let login = app.get_username().to_owned();
        let migrations = Migrations {
            shared: MigrationSet::default(),
            tenant: MigrationSet::new([Migration::new(1, "posts", TABLE)])?,
        };
        let fleet = Fleet::connect(test.owner_options(), Some(login.clone()), migrations).await?;
        fleet.prepare().await?;
        let mut tenants = Vec::new();
        for number in 0..TENANTS {
            let new = NewTenant::new(Slug::parse(&name(number))?).domain(domain(number)?);
            let tenant = fleet.create(new, |_| {}).await?;
            tenants.push(TenantContext::new(Arc::new(tenant), "bench")?);
        }
        let mut superuser = test.superuser().await;
        let plain = format!(
            "CREATE SCHEMA plain; GRANT USAGE ON SCHEMA plain TO {login}; \
             CREATE TABLE plain.posts (LIKE t0000.posts INCLUDING ALL); \
             GRANT SELECT ON plain.posts TO {login}"
        );
        superuser
            .execute(sqlx::raw_sql(AssertSqlSafe(plain)))
            .await?;
        for schema in (0..TENANTS).map(name).chain(["plain".to_owned()]) {
            let rows = format!(
                "INSERT INTO {schema}.posts \
                 SELECT n, '{schema} has a post of moderate length, number ' || n \
                 FROM generate_series(1, {ROWS}) n; ANALYZE {schema}.posts"
            );
            superuser
                .execute(sqlx::raw_sql(AssertSqlSafe(rows)))
                .await?;
        }

        let settings = PoolSettings::default()
            .max_connections(CONNECTIONS)
            .statement_cache_capacity(STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false);
        let options = app.clone().statement_cache_capacity(STATEMENTS);
        Ok(Self {
            database: Database::connect(app, settings).await?,
            plain: pool.clone().connect_with(options.clone()).await?,
            all_texts: pool.connect_with(options).await?,
            tenants: tenants.into(),
            test,
        })
    }

    /// Closes every connection and drops the database.
    pub async fn drop_all(self) {
        self.database.close().await;
        self.plain.close().await;
        self.all_texts.close().await;
        self.test.drop_database().await;
    }
}

/// The schema and slug of a tenant; as long as `plain`, so that all rows are.
pub(crate) fn name(number: usize) -> String {
    format!("t{number:04}")
}

/// The host of a tenant.
pub(crate) fn domain(number: usize) -> Result<Domain, Failure> {
    Ok(Domain::parse(&format!("{}.localhost", name(number)))?)
}

/// The tenant that operation `n` is for.
pub(crate) fn tenant_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or_default() % TENANTS
}

/// The row that operation `n` asks for; wanders over the table.
pub(crate) fn row_of(n: u64) -> i64 {
    i64::try_from(n * 7919 % (ROWS - 20)).unwrap_or_default() + 1
}

/// One row by its key.
pub(crate) fn one() -> &'static TenantSql<Read> {
    tenant_sql!("SELECT id, title FROM posts WHERE id = $1")
}

/// Twenty rows from a key on.
pub(crate) fn list() -> &'static TenantSql<Read> {
    tenant_sql!("SELECT id, title FROM posts WHERE id >= $1 ORDER BY id LIMIT 20")
}

pub(crate) const PLAIN_ONE: &str = "SELECT id, title FROM plain.posts WHERE id = $1";
pub(crate) const PLAIN_LIST: &str =
    "SELECT id, title FROM plain.posts WHERE id >= $1 ORDER BY id LIMIT 20";
