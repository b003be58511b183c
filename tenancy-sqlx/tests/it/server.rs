//! A database for each test, with three tenants that have the same ids.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Database, PoolSettings, TenantDb, TenantRole};

use crate::topology;

pub(crate) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// Rows that every tenant has from the start, with the same ids.
pub(crate) const SEEDED: i64 = 5;

/// A database of one test, with a table `blogs` per tenant and a login for the application.
pub(crate) struct World {
    pub(crate) admin: PgConnectOptions,
    pub(crate) app: PgConnectOptions,
    /// The same without anything in between.
    #[allow(dead_code, reason = "only tests of what is in between go past it")]
    pub(crate) direct: PgConnectOptions,
    pub(crate) login: String,
    tenants: Vec<Arc<Tenant>>,
    /// `None` for that of another process.
    _database: Option<TestDatabase>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let app = topology::through(database.app_options());
        let login = app.get_username().to_owned();
        let mut connection = database.superuser().await;
        for schema in TENANTS {
            let setup = format!(
                "CREATE SCHEMA {schema};
                 CREATE TABLE {schema}.blogs (id bigint PRIMARY KEY, title text NOT NULL, body text);
                 INSERT INTO {schema}.blogs
                     SELECT id, '{schema} ' || id FROM pg_catalog.generate_series(1, {SEEDED}) id;
                 GRANT USAGE ON SCHEMA {schema} TO {login};
                 GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.blogs TO {login};"
            );
            run(&mut connection, setup).await;
        }
        Self {
            app,
            direct: database.app_options(),
            admin: database.superuser_options().disable_statement_logging(),
            login,
            tenants: TENANTS.map(tenant).to_vec(),
            _database: Some(database),
        }
    }

    /// The way of another process to this world, for [`World::of`].
    pub(crate) fn address(&self) -> String {
        let urls = [&self.app, &self.direct, &self.admin];
        urls.map(|options| options.to_url_lossy().to_string())
            .join(" ")
    }

    /// The world of another process.
    pub(crate) fn of(address: &str) -> Self {
        let mut urls = address.split(' ').map(|url| {
            let options: PgConnectOptions = url.parse().unwrap();
            options.disable_statement_logging()
        });
        let [app, direct, admin] = std::array::from_fn(|_| urls.next().unwrap());
        Self {
            login: app.get_username().to_owned(),
            app,
            direct,
            admin,
            tenants: TENANTS.map(tenant).to_vec(),
            _database: None,
        }
    }

    /// Gives every tenant a role of its own, as a fleet does.
    pub(crate) async fn give_roles(&self) {
        let group = "DO $$ BEGIN EXECUTE format('CREATE ROLE tenancy_tenants_%s', (
                SELECT oid FROM pg_database WHERE datname = current_database())); END $$"
            .to_owned();
        let roles = TENANTS.map(|name| {
            format!(
                "CREATE ROLE {role};
                 DO $$ BEGIN EXECUTE format('GRANT tenancy_tenants_%s TO {role}', (
                     SELECT oid FROM pg_database WHERE datname = current_database())); END $$;
                 GRANT {role} TO {login};
                 GRANT USAGE ON SCHEMA {name} TO {role};
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {role}",
                role = self.role(name),
                login = self.login
            )
        });
        let setup = format!("{group}; {}", roles.join("; "));
        self.run_as_admin(setup).await;
    }

    pub(crate) fn role(&self, name: &str) -> TenantRole {
        TenantRole::of(self.context(name).id())
    }

    pub(crate) fn context(&self, name: &str) -> TenantContext {
        let tenant = self.tenants.iter().find(|t| t.slug().as_str() == name);
        TenantContext::new(tenant.unwrap().clone(), "test").unwrap()
    }

    pub(crate) async fn database(&self, connections: u32) -> Database {
        let settings = settings().max_connections(connections);
        Database::connect(self.app.clone(), settings).await.unwrap()
    }

    /// A pool that the test can look into, and the door over it.
    pub(crate) async fn glass_pool(&self, connections: u32) -> (PgPool, Database) {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            // An acquire that is dropped while it asks closes the connection.
            .test_before_acquire(false)
            .connect_with(self.app.clone())
            .await
            .unwrap();
        let settings = PoolSettings::default()
            .statement_cache_capacity(100)
            .pooler(topology::pooler());
        let database = Database::from_pool_with(pool.clone(), settings).await;
        (pool, database.unwrap())
    }

    pub(crate) fn tenant(&self, database: &Database, name: &str) -> TenantDb {
        database.tenant(&self.context(name))
    }

    pub(crate) async fn admin(&self) -> PgConnection {
        self.admin.connect().await.unwrap()
    }

    pub(crate) async fn run_as_admin(&self, sql: impl Into<String>) {
        run(&mut self.admin().await, sql.into()).await;
    }

    /// How many of the application's server processes satisfy `condition` now.
    pub(crate) async fn backends(&self, condition: &str) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND usename = '{}' AND {condition}",
            self.login
        );
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.admin().await)
            .await
            .unwrap()
    }

    /// The one server process that the application has, once those it closed have ended.
    pub(crate) async fn backend(&self) -> i32 {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND usename = '{}'",
            self.login
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let pids: Vec<i32> = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
                .fetch_all(&mut self.admin().await)
                .await
                .unwrap();
            match pids.as_slice() {
                [pid] => return *pid,
                _ => assert!(Instant::now() < deadline, "the application has {pids:?}"),
            }
        }
    }

    /// Waits until `condition` holds for none of the application's server processes.
    pub(crate) async fn until_no_backend(&self, condition: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.backends(condition).await > 0 {
            assert!(Instant::now() < deadline, "some backend stays {condition}");
            tokio::task::yield_now().await;
        }
    }
}

/// What every pool of the tests is told.
pub(crate) fn settings() -> PoolSettings {
    PoolSettings::default().pooler(topology::pooler())
}

fn tenant(name: &str) -> Arc<Tenant> {
    let slug = Slug::parse(name).unwrap();
    let schema = SchemaName::parse(name).unwrap();
    Arc::new(Tenant::new(TenantId::generate(), slug, schema).with_status(Status::Active))
}

pub(crate) async fn run(connection: &mut PgConnection, sql: String) {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .unwrap();
}

/// What tests draw lots with: the same every time.
pub(crate) struct Lots(u64);

impl Lots {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    pub(crate) fn tenant(&mut self) -> &'static str {
        TENANTS[usize::try_from(self.below(TENANTS.len() as u64)).unwrap()]
    }
}
