//! A database of one's own for each test.

use std::env;
use std::fmt::Write as _;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, raw_sql};
use tokio::sync::OnceCell;

use crate::Isolation;
use crate::embedded::logins::{self, APP, OWNER};
use crate::embedded::postmaster::is_alive;
use crate::embedded::{EmbeddedOptions, EmbeddedPg};

const URL: &str = "TEST_DATABASE_URL";

const PREFIX: &str = "tenancy_test_";

/// The login that owns what the owner owns and may make roles.
const ROLE_OWNER: &str = "tenancy_test_role_owner";

/// A database of a process that is gone stays this long, for whoever wants to look at what a
/// failed test left.
const GRACE: Duration = Duration::from_mins(10);

/// One fresh database on the test server.
///
/// ```no_run
/// use tenancy_sqlx::testing::TestDatabase;
///
/// # async fn test() {
/// let database = TestDatabase::new().await;
/// let options = database.app_options();
/// // … connect, and test …
/// database.drop_database().await;
/// # }
/// ```
///
/// It is dropped some time after this value, or at once by
/// [`drop_database`](Self::drop_database). A test that panics keeps its database and prints
/// how to look at it.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static Server,
    /// Empty once dropped.
    name: String,
    /// Whether somebody wants to look at it.
    kept: AtomicBool,
}

#[derive(Debug)]
struct Server {
    superuser: PgConnectOptions,
    owner: PgConnectOptions,
    role_owner: PgConnectOptions,
    app: PgConnectOptions,
    /// Holds the life of a private server.
    embedded: Option<EmbeddedPg>,
    /// Takes the names of databases that nobody needs any more.
    unneeded: Sender<String>,
}

impl TestDatabase {
    /// Makes a database on the test server, and starts that first where none is given.
    ///
    /// # Panics
    ///
    /// When there is no server and none can be started, or when it does not answer.
    pub async fn new() -> Self {
        #[cfg(sabotage)]
        tenancy_core::testing::sabotage();
        let server = Server::get().await;
        let connection = connect(&server.superuser).await;
        Self::prepared(server, connection, next_name()).await
    }

    /// Makes another database with the same in it; nobody may be connected to this one.
    ///
    /// # Panics
    ///
    /// When the server does not answer, or refuses.
    pub(super) async fn copy(&self) -> Self {
        let (server, name) = (self.server, next_name());
        let mut connection = connect(&server.superuser).await;
        let copy = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{}""#, self.name);
        connection
            .execute(AssertSqlSafe(copy))
            .await
            .unwrap_or_else(|error| panic!("cannot make test database `{name}`: {error}"));
        // What is granted on a database and set for its logins does not come with the copy.
        Self::prepared(server, connection, name).await
    }

    async fn prepared(server: &'static Server, mut connection: PgConnection, name: String) -> Self {
        logins::prepare_database(&server.superuser, &mut connection, &name)
            .await
            .unwrap_or_else(|error| panic!("cannot make test database `{name}`: {error:?}"));
        // Nothing is lost when saying goodbye fails.
        let _ = connection.close().await;
        Self {
            server,
            name,
            kept: AtomicBool::new(false),
        }
    }

    /// Keeps the database when this value goes, and says where it is.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// The restricted login of the application; its default path is empty in this database.
    pub fn app_options(&self) -> PgConnectOptions {
        self.server.app.clone().database(&self.name)
    }

    /// The name of the application's login, which a [`Fleet`](crate::Fleet) grants rights to.
    pub fn app_login(&self) -> String {
        self.server.app.get_username().to_owned()
    }

    /// The login that owns the database, for migrations and provisioning.
    pub fn owner_options(&self) -> PgConnectOptions {
        self.server.owner.clone().database(&self.name)
    }

    /// A login with the owner's rights that may also make roles, for a fleet with
    /// [`Isolation::Role`](crate::Isolation::Role).
    ///
    /// The roles of a test's tenants are removed when its database is dropped.
    pub fn role_owner_options(&self) -> PgConnectOptions {
        self.server.role_owner.clone().database(&self.name)
    }

    /// The server's superuser, in this database.
    pub fn superuser_options(&self) -> PgConnectOptions {
        self.server.superuser.clone().database(&self.name)
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A superuser's connection, for planting faults.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn superuser(&self) -> PgConnection {
        connect(&self.superuser_options()).await
    }

    /// Drops the database now, and cuts off whoever is still connected.
    ///
    /// # Panics
    ///
    /// When the server does not answer, or refuses.
    pub async fn drop_database(mut self) {
        let name = std::mem::take(&mut self.name);
        let mut connection = connect(&self.server.superuser).await;
        drop_database(&mut connection, &name)
            .await
            .unwrap_or_else(|error| panic!("cannot drop test database `{name}`: {error}"));
        let _ = connection.close().await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.name.is_empty() {
            return;
        }
        if thread::panicking() || *self.kept.get_mut() {
            self.say_where("the test's database is");
        } else {
            // Where the thread is gone the next run drops it.
            let _ = self.server.unneeded.send(std::mem::take(&mut self.name));
        }
    }
}

impl TestDatabase {
    #[expect(
        clippy::print_stderr,
        reason = "the reader of a failed test's output needs it"
    )]
    pub(super) fn say_where(&self, what: &str) {
        let options = &self.server.superuser;
        let host = options.get_socket().map_or_else(
            || options.get_host().to_owned(),
            |socket| socket.display().to_string(),
        );
        let until = if self.server.embedded.is_some() {
            format!("until this process ends; set {URL} to keep it for longer")
        } else {
            format!("for {} minutes", GRACE.as_secs() / 60)
        };
        eprintln!(
            "{what} kept {until}:\n  psql -h '{host}' -p {} -U {} {}",
            options.get_port(),
            options.get_username(),
            self.name
        );
    }
}

impl Server {
    async fn get() -> &'static Self {
        static SERVER: OnceCell<Server> = OnceCell::const_new();
        SERVER
            .get_or_init(|| async {
                match env::var(URL) {
                    Ok(url) if !url.is_empty() => Self::given(&url).await,
                    _ => Self::started().await,
                }
            })
            .await
    }

    /// The server that somebody runs for us.
    async fn given(url: &str) -> Self {
        let superuser = PgConnectOptions::from_str(url)
            .unwrap_or_else(|error| panic!("{URL} is not a PostgreSQL URL: {error}"));
        let password = password(url);
        let mut connection = connect(&superuser).await;
        ensure_logins(&mut connection, &password).await;
        let left = abandoned(&mut connection).await;
        let _ = connection.close().await;
        let login = |name: &str| superuser.clone().username(name).password(&password);
        Self {
            owner: login(OWNER),
            role_owner: login(ROLE_OWNER),
            app: login(APP),
            embedded: None,
            unneeded: drop_in_background(superuser.clone(), left),
            superuser,
        }
    }

    /// A private server, whose life is this process's.
    async fn started() -> Self {
        let embedded = EmbeddedPg::start(EmbeddedOptions::temporary())
            .await
            .unwrap_or_else(|error| {
                panic!("there is no PostgreSQL for the tests: set {URL} to a superuser's URL, or let them start one: {error}")
            });
        let superuser = embedded.superuser_options().database("postgres");
        let mut connection = connect(&superuser).await;
        make_role_owner(&mut connection).await;
        let _ = connection.close().await;
        Self {
            owner: embedded.owner_options(),
            role_owner: embedded.owner_options().username(ROLE_OWNER),
            app: embedded.app_options(),
            unneeded: drop_in_background(superuser.clone(), Vec::new()),
            embedded: Some(embedded),
            superuser,
        }
    }
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    options.connect().await.unwrap_or_else(|error| {
        panic!(
            "the PostgreSQL server for the tests does not answer at `{}` port {} for `{}`: {error}",
            options.get_host(),
            options.get_port(),
            options.get_username()
        )
    })
}

/// Makes the logins, with a password that servers on a network ask for.
async fn ensure_logins(connection: &mut PgConnection, password: &str) {
    logins::ensure_logins(connection, Isolation::Schema)
        .await
        .unwrap_or_else(|error| panic!("{URL} must be a superuser's: {error}"));
    make_role_owner(connection).await;
    // Processes that start at the same time would otherwise update the same row at once.
    let set = format!(
        "SELECT pg_catalog.pg_advisory_xact_lock({lock});
         ALTER ROLE {OWNER} PASSWORD '{password}';
         ALTER ROLE {ROLE_OWNER} PASSWORD '{password}';
         ALTER ROLE {APP} PASSWORD '{password}'",
        lock = logins::LOCK
    );
    raw_sql(AssertSqlSafe(set))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("cannot give the test logins a password: {error}"));
}

/// Makes the login of [`TestDatabase::role_owner_options`]: what the owner may not do, another
/// login does for the tests that need it.
async fn make_role_owner(connection: &mut PgConnection) {
    let make = format!(
        "SELECT pg_catalog.pg_advisory_xact_lock({lock});
         DO $$ BEGIN
             IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{ROLE_OWNER}') THEN
                 CREATE ROLE {ROLE_OWNER} LOGIN CREATEROLE IN ROLE {OWNER};
             END IF;
         END $$",
        lock = logins::LOCK
    );
    raw_sql(AssertSqlSafe(make))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("cannot make the login {ROLE_OWNER}: {error}"));
}

/// As good as the superuser's own, and the same in every process of one test run.
fn password(url: &str) -> String {
    let mut password = String::new();
    for byte in &Sha256::digest(format!("tenancy test login {url}"))[..16] {
        // Writing to a string cannot fail.
        let _ = write!(password, "{byte:02x}");
    }
    password
}

/// Drops `left` and then every name that it is given, for as long as the process lives.
fn drop_in_background(superuser: PgConnectOptions, left: Vec<String>) -> Sender<String> {
    let (sender, receiver) = mpsc::channel();
    // Without the thread the databases stay until a later run.
    let _ = thread::Builder::new()
        .name("tenancy-testing".to_owned())
        .spawn(move || drop_all(&superuser, left, receiver));
    sender
}

fn drop_all(superuser: &PgConnectOptions, left: Vec<String>, unneeded: Receiver<String>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    let mut connection = None;
    for name in left.into_iter().chain(unneeded) {
        runtime.block_on(async {
            if connection.is_none() {
                connection = superuser.connect().await.ok();
            }
            // Failing leaves the database to a later run.
            if let Some(open) = &mut connection
                && drop_database(open, &name).await.is_err()
            {
                connection = None;
            }
        });
    }
}

async fn drop_database(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    // Roles are the server's, and those of this database's tenants are members of one.
    let roles: Vec<String> = sqlx::query_scalar(
        "WITH tenants AS (SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r
                          JOIN pg_catalog.pg_database d ON r.rolname = 'tenancy_tenants_' || d.oid
                          WHERE d.datname = $1)
         SELECT pg_catalog.quote_ident(rolname) FROM tenants UNION ALL
         SELECT pg_catalog.quote_ident(r.rolname) FROM tenants t
         JOIN pg_catalog.pg_auth_members m ON m.roleid = t.oid
         JOIN pg_catalog.pg_roles r ON r.oid = m.member",
    )
    .bind(name)
    .fetch_all(&mut *connection)
    .await?;
    let drop = format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#);
    connection.execute(AssertSqlSafe(drop)).await?;
    for role in roles {
        let drop = format!("DROP ROLE IF EXISTS {role}");
        match connection.execute(AssertSqlSafe(drop)).await {
            // Another database has it, too.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("2BP01") => {}
            dropped => dropped.map(|_| ())?,
        }
    }
    Ok(())
}

/// The databases of test processes that are gone.
async fn abandoned(connection: &mut PgConnection) -> Vec<String> {
    // Lists the databases; which of them are of tests, and whose, their names say.
    let names: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_catalog.pg_database")
        .fetch_all(connection)
        .await
        .unwrap_or_default();
    let now = now().as_secs();
    names
        .into_iter()
        .filter(|name| is_abandoned(name, now, is_alive))
        .collect()
}

fn is_abandoned(name: &str, now: u64, is_alive: impl Fn(u32) -> bool) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('_').collect();
    let [process, _, made] = parts[..] else {
        return false;
    };
    let (Ok(process), Ok(made)) = (process.parse(), made.parse::<u64>()) else {
        return false;
    };
    made + GRACE.as_secs() < now && !is_alive(process)
}

/// A name that no other test's database has.
fn next_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!(
        "{PREFIX}{}_{number}_{}",
        std::process::id(),
        now().as_secs()
    )
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_databases_of_processes_that_are_gone_are_abandoned() {
        let check = |name: &str, alive: bool, expected: bool| {
            assert_eq!(
                is_abandoned(name, 10_000, |_| alive),
                expected,
                "{name} {alive}"
            );
        };
        check("tenancy_test_7_0_1000", false, true);
        check("tenancy_test_7_0_1000", true, false);
        check("tenancy_test_7_0_9999", false, false);
        check("tenancy_test_7_0", false, false);
        check("tenancy_test_seven_0_1000", false, false);
        check("tenancy_tests", false, false);
        check("postgres", false, false);
    }

    #[test]
    fn this_process_is_alive_and_an_impossible_one_is_not() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(i32::MAX.unsigned_abs()));
    }
}
