//! A PostgreSQL for the tests: the one of `TEST_DATABASE_URL`, or a private one that ends with the
//! test process.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
use tenancy_sqlx::{Database, PoolSettings, TenantDb};

pub(crate) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// Rows that every tenant has from the start, with the same ids.
pub(crate) const SEEDED: i64 = 5;

/// A database of one test, with a table `blogs` per tenant and a login for the application.
pub(crate) struct World {
    pub(crate) admin: PgConnectOptions,
    pub(crate) app: PgConnectOptions,
    pub(crate) login: String,
    tenants: Vec<Arc<Tenant>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "door_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let login = format!("{name}_app");
        let server = server();
        let mut postgres = connect(&server).await;
        run(&mut postgres, format!("CREATE DATABASE {name}")).await;
        let setup = format!(
            "CREATE ROLE {login} LOGIN NOSUPERUSER PASSWORD 'app';
             ALTER ROLE {login} IN DATABASE {name} SET search_path = '';"
        );
        run(&mut postgres, setup).await;

        let admin = server.clone().database(&name);
        let mut connection = connect(&admin).await;
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
        let tenant = |name: &str| {
            let slug = Slug::parse(name).unwrap();
            let schema = SchemaName::parse(name).unwrap();
            Arc::new(Tenant::new(TenantId::generate(), slug, schema).with_status(Status::Active))
        };
        Self {
            app: admin.clone().username(&login).password("app"),
            admin,
            login,
            tenants: TENANTS.into_iter().map(tenant).collect(),
        }
    }

    pub(crate) fn context(&self, name: &str) -> TenantContext {
        let tenant = self.tenants.iter().find(|t| t.slug().as_str() == name);
        TenantContext::new(tenant.unwrap().clone(), "test").unwrap()
    }

    pub(crate) async fn database(&self, connections: u32) -> Database {
        let settings = PoolSettings::default().max_connections(connections);
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
        let database = Database::from_pool(pool.clone()).await.unwrap();
        (pool, database)
    }

    pub(crate) fn tenant(&self, database: &Database, name: &str) -> TenantDb {
        database.tenant(&self.context(name))
    }

    pub(crate) async fn admin(&self) -> PgConnection {
        connect(&self.admin).await
    }

    pub(crate) async fn run_as_admin(&self, sql: impl Into<String>) {
        run(&mut self.admin().await, sql.into()).await;
    }

    /// How many of the application's server processes satisfy `condition` now.
    pub(crate) async fn backends(&self, condition: &str) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND {condition}",
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
            "SELECT pid FROM pg_stat_activity WHERE usename = '{}'",
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

pub(crate) async fn run(connection: &mut PgConnection, sql: String) {
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .unwrap();
}

/// Connects, waiting for a server that is still starting.
async fn connect(options: &PgConnectOptions) -> PgConnection {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match options.connect().await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "no server: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn server() -> PgConnectOptions {
    static SERVER: OnceLock<PgConnectOptions> = OnceLock::new();
    let start = || match std::env::var("TEST_DATABASE_URL") {
        Ok(url) => url.parse().unwrap(),
        Err(_) => start(),
    };
    SERVER
        .get_or_init(start)
        .clone()
        .disable_statement_logging()
}

fn start() -> PgConnectOptions {
    let bin = binaries();
    let dir = tempfile::Builder::new()
        .prefix("door")
        .tempdir_in("/tmp")
        .unwrap()
        .keep();
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let command = |program: PathBuf| {
        let mut command = if root {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "--",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    };
    if root {
        let chown = Command::new("chown").arg("postgres").arg(&dir).status();
        assert!(chown.unwrap().success());
    }
    let data = dir.join("data");
    let made = command(bin.join("initdb"))
        .arg("-D")
        .arg(&data)
        .args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    // The shell ends the server when its standard input ends, and that is when this process does.
    let script = r#"dir=$1; shift
        "$@" </dev/null >"$dir/log" 2>&1 & p=$!
        trap 'kill -INT $p' TERM INT; cat >/dev/null; kill -INT $p; wait $p; rm -rf "$dir""#;
    #[allow(
        clippy::zombie_processes,
        reason = "it outlives this process by a moment"
    )]
    let mut child = command("/bin/sh".into())
        .args(["-c", script, "sh"])
        .arg(&dir)
        .arg(bin.join("postgres"))
        .arg("-D")
        .arg(&data)
        .arg("-k")
        .arg(&dir)
        .args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=100",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lifeline = child.stdin.take().unwrap();
    lifeline.flush().unwrap();
    // Held open until the process ends.
    std::mem::forget(lifeline);
    PgConnectOptions::new_without_pgpass()
        .socket(&dir)
        .username("postgres")
        .database("postgres")
}

fn binaries() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .filter(|(_, bin)| bin.join("postgres").exists())
        .collect();
    versions.sort();
    versions
        .pop()
        .map(|(_, bin)| bin)
        .or_else(|| Some(Path::new("/usr/local/bin").to_owned()))
        .expect("PostgreSQL is installed, or TEST_DATABASE_URL is set")
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
