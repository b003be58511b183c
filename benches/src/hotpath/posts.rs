//! One database with many tenants and a schema that is nobody's, all with the same rows.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor, FromRow};
use tenancy_core::{Domain, Slug, TenantContext};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{
    Database, Fleet, Migration, MigrationSet, Migrations, NewTenant, PoolSettings, Read, TenantSql,
    tenant_sql,
};
use tokio::task::JoinSet;

use crate::plan::Failure;

/// Connections of each side.
pub const CONNECTIONS: u32 = 8;
/// Statements that a connection keeps.
const STATEMENTS: usize = 512;
/// Rows of each tenant.
const ROWS: u64 = 200;
/// Tenants that are made at a time.
const JOBS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

const TABLE: &str = "CREATE TABLE posts (id bigint PRIMARY KEY, title text NOT NULL)";

/// What the handlers give.
#[derive(Debug, Serialize, FromRow)]
pub(super) struct Post {
    /// Its number.
    pub(super) id: i64,
    /// Starts with the schema that it lies in.
    pub(super) title: String,
}

/// One database with many tenants and a schema that is nobody's, all with the same rows.
#[derive(Debug)]
pub struct Posts {
    /// The tenants in order.
    pub(super) tenants: Arc<[TenantContext]>,
    test: TestDatabase,
}

impl Posts {
    /// Makes the tenants as an application does, and one schema more.
    ///
    /// # Errors
    ///
    /// What the database answers.
    pub async fn make(count: usize) -> Result<Self, Failure> {
        let test = TestDatabase::new().await;
        let login = test.app_login();
        let migrations = Migrations {
            shared: MigrationSet::default(),
            tenant: MigrationSet::new([Migration::new(1, "posts", TABLE)])?,
        };
        let fleet = Fleet::connect(test.owner_options(), Some(login.clone()), migrations).await?;
        let fleet = fleet.keep_connections(Duration::from_secs(10));
        fleet.prepare().await?;
        let tenants = make_tenants(&fleet, count).await?;
        let mut superuser = test.superuser().await;
        let plain = format!(
            "CREATE SCHEMA plain; GRANT USAGE ON SCHEMA plain TO {login}; \
             CREATE TABLE plain.posts (LIKE t0000.posts INCLUDING ALL); \
             GRANT SELECT ON plain.posts TO {login}"
        );
        superuser
            .execute(sqlx::raw_sql(AssertSqlSafe(plain)))
            .await?;
        for schema in (0..count).map(name).chain(["plain".to_owned()]) {
            let rows = format!(
                "INSERT INTO {schema}.posts \
                 SELECT n, '{schema} has a post of moderate length, number ' || n \
                 FROM generate_series(1, {ROWS}) n; ANALYZE {schema}.posts"
            );
            superuser
                .execute(sqlx::raw_sql(AssertSqlSafe(rows)))
                .await?;
        }
        Ok(Self {
            tenants: tenants.into(),
            test,
        })
    }

    /// The server that all this is on.
    pub fn test(&self) -> &TestDatabase {
        &self.test
    }

    /// The application's login.
    pub fn options(&self) -> PgConnectOptions {
        self.test.app_options()
    }

    /// The side under test, on a pool of its own.
    ///
    /// # Errors
    ///
    /// When the server is not reached.
    pub async fn own(&self, options: PgConnectOptions) -> Result<Database, Failure> {
        let settings = PoolSettings::default()
            .max_connections(CONNECTIONS)
            .statement_cache_capacity(STATEMENTS);
        Ok(Database::connect(options, settings).await?)
    }

    /// The same on a pool that the application brings.
    ///
    /// # Errors
    ///
    /// When the server is not reached.
    pub async fn brought(&self) -> Result<Database, Failure> {
        let settings = PoolSettings::default().statement_cache_capacity(STATEMENTS);
        Ok(Database::from_pool_with(self.plain().await?, settings).await?)
    }

    /// The floor: as many connections that keep as many statements, without the ping that sqlx
    /// sends before each use.
    ///
    /// # Errors
    ///
    /// When the server is not reached.
    pub async fn plain(&self) -> Result<PgPool, Failure> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false);
        let options = self.options().statement_cache_capacity(STATEMENTS);
        Ok(pool.connect_with(options).await?)
    }

    /// Drops the database; whoever has connections closes them before.
    pub async fn drop_all(self) {
        self.test.drop_database().await;
    }
}

async fn make_tenants(fleet: &Fleet, count: usize) -> Result<Vec<TenantContext>, Failure> {
    let mut making = JoinSet::new();
    let mut made = Vec::new();
    for number in 0..count {
        if making.len() >= JOBS.get() {
            made.extend(making.join_next().await.transpose()?.transpose()?);
        }
        let fleet = fleet.clone();
        making.spawn(async move {
            let new = NewTenant::new(Slug::parse(&name(number))?).domain(domain(number)?);
            let tenant = fleet.create(new, |_| {}).await?;
            Ok::<_, Failure>((number, TenantContext::new(Arc::new(tenant), "bench")?))
        });
    }
    while let Some(done) = making.join_next().await {
        made.push(done??);
    }
    made.sort_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, tenant)| tenant).collect())
}

/// The schema and slug of a tenant; as long as `plain`, so that all rows are.
pub(super) fn name(number: usize) -> String {
    format!("t{number:04}")
}

/// The host of a tenant.
pub(super) fn domain(number: usize) -> Result<Domain, Failure> {
    Ok(Domain::parse(&format!("{}.localhost", name(number)))?)
}

/// The row that operation `n` asks for; wanders over the table.
pub(super) fn row_of(n: u64) -> i64 {
    i64::try_from(n * 7919 % (ROWS - 20)).unwrap_or_default() + 1
}

/// One row by its key.
pub(super) fn one() -> &'static TenantSql<Read> {
    tenant_sql!("SELECT id, title FROM posts WHERE id = $1")
}

/// Twenty rows from a key on.
pub(super) fn list() -> &'static TenantSql<Read> {
    tenant_sql!("SELECT id, title FROM posts WHERE id >= $1 ORDER BY id LIMIT 20")
}

pub(super) const PLAIN_ONE: &str = "SELECT id, title FROM plain.posts WHERE id = $1";
pub(super) const PLAIN_LIST: &str =
    "SELECT id, title FROM plain.posts WHERE id >= $1 ORDER BY id LIMIT 20";
