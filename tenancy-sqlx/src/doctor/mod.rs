//! Looks for what would make isolation fail, before an application serves.
//!
//! ```no_run
//! use tenancy_sqlx::{Error, Fleet};
//!
//! async fn check(fleet: &Fleet) -> Result<(), Error> {
//!     let diagnosis = fleet.doctor().examine().await?;
//!     for finding in &diagnosis.findings {
//!         tracing::warn!("{finding}");
//!     }
//!     diagnosis.refuse_critical(&[])
//! }
//! ```

mod code;
mod diagnosis;
mod finding;

mod look;

mod application;
mod clock;
mod probe;

mod dependencies;
mod objects;
mod registry;
mod rights;
mod routines;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Row as _, raw_sql};

use self::clock::Reading;
use self::look::Look;
use self::probe::{Database, Pooling};
use crate::error::{Error, ErrorKind};
use crate::fleet::{Fleet, transaction};
use crate::search_path;

pub use code::Code;
pub use diagnosis::Diagnosis;
pub use finding::{Finding, Fix, Severity};

/// An examination of a database and of the two logins that work on it.
///
/// It changes nothing, asks a fixed number of questions whatever the number of tenants, and ends
/// in time. Made by [`Fleet::doctor`].
#[derive(Clone)]
pub struct Doctor {
    fleet: Fleet,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    limit: Duration,
}

/// What is asked first, on the owner's connection.
struct Start {
    database: Database,
    is_prepared: bool,
    login_exists: bool,
}

impl Fleet {
    /// Looks for what would make isolation fail; [`Fleet::application`] says as whom the
    /// application works.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example(fleet: tenancy_sqlx::Fleet) -> Result<(), tenancy_sqlx::Error> {
    /// let app = "postgres://app:secret@pooler.example:6432/saas".parse().unwrap();
    /// let diagnosis = fleet.application(app).doctor().examine().await?;
    /// println!("{diagnosis}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn doctor(&self) -> Doctor {
        Doctor {
            fleet: self.clone(),
            clock: Arc::new(SystemTime::now),
            limit: Duration::from_secs(30),
        }
    }
}

impl Doctor {
    /// Takes this machine's time from `clock`, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Gives up after this long; 30 seconds unless said otherwise.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Examines everything once.
    ///
    /// The application's connection is looked at where [`Fleet::application`] said how it is made;
    /// else the application's login is looked up by its name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Forbidden`] or [`ErrorKind::Configuration`] when
    /// one of the connections cannot be made or the application's login does not exist;
    /// [`ErrorKind::Timeout`] when it takes longer than its limit. What is found is no error: ask
    /// [`Diagnosis::refuse_critical`].
    pub async fn examine(&self) -> Result<Diagnosis, Error> {
        let examined = tokio::time::timeout(self.limit, self.examine_all()).await;
        let late = || {
            let limit = self.limit.as_secs_f64();
            Error::new(
                ErrorKind::Timeout,
                format!("it took longer than {limit} s: raise the limit"),
            )
        };
        examined
            .unwrap_or_else(|_| Err(late()))
            .map_err(|error| error.while_doing("examining the database"))
    }

    async fn examine_all(&self) -> Result<Diagnosis, Error> {
        let mut connection = self.fleet.open().await?;
        let diagnosis = self.examine_on(&mut connection).await;
        transaction::finish(connection, diagnosis).await
    }

    async fn examine_on(&self, owner: &mut PgConnection) -> Result<Diagnosis, Error> {
        let reading = self.read_clocks(owner).await?;
        let mut findings: Vec<Finding> = reading.finding().into_iter().collect();
        let mut login = None;
        let mut seen = None;
        let mut pooling = None;
        match &self.fleet.application {
            Some(options) => {
                let mut connection = probe::connect(options).await?;
                let probe = probe::ask(&mut connection).await?;
                let how = probe
                    .pooling(&mut connection, options, reading.server)
                    .await;
                transaction::close(connection).await;
                findings.extend(application::findings(&probe, how));
                if is_same(options, &self.fleet.owner) {
                    pooling = Some(how);
                }
                login = Some(probe.login);
                seen = Some(probe.database);
            }
            None => findings.push(Finding::new(
                Code::ApplicationNotSeen,
                "application",
                "how the application connects is not known here, so its path, its limits and its \
                 pooler were not looked at",
            )),
        }
        let pooling = if let Some(pooling) = pooling {
            pooling
        } else {
            let probe = probe::ask(owner).await?;
            probe
                .pooling(owner, &self.fleet.owner, reading.server)
                .await
        };
        if pooling == Pooling::Transaction {
            findings.push(Finding::new(
                Code::DirectConnectionPooled,
                "owner",
                "the owner's connection goes through a transaction pooler, which cannot carry \
                 notifications of changes: give the fleet a direct one",
            ));
        }
        let of_owner = self.fleet.owner.get_username();
        let login = login.unwrap_or_else(|| {
            self.fleet
                .app_login
                .as_deref()
                .unwrap_or(of_owner)
                .to_owned()
        });
        self.examine_catalog(owner, &login, seen, findings).await
    }

    /// Everything that the catalog knows, in one transaction that only reads.
    async fn examine_catalog(
        &self,
        connection: &mut PgConnection,
        login: &str,
        seen: Option<Database>,
        findings: Vec<Finding>,
    ) -> Result<Diagnosis, Error> {
        transaction::send(connection, self.begin()).await?;
        let start = start(connection, login).await?;
        let mut look = Look {
            connection,
            login,
            findings,
            omitted: BTreeMap::new(),
        };
        let elsewhere = seen.is_some_and(|seen| seen != start.database);
        if elsewhere {
            let message = "the application's connection leads to another database than the \
                           owner's: its logins and tables were not looked at";
            let finding = Finding::new(Code::AnotherDatabase, "application", message);
            look.findings.push(finding);
        } else if !start.login_exists {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("the application's login {login:?} does not exist: create it first"),
            ));
        } else if start.is_prepared {
            rights::look(&mut look, self.fleet.owner.get_username()).await?;
            routines::look(&mut look).await?;
            dependencies::look(&mut look).await?;
            objects::look(&mut look).await?;
            registry::look(&mut look, self.fleet.sets()).await?;
        } else {
            let message = "the framework's tables are not in this database: prepare it first";
            let finding = Finding::new(Code::NotPrepared, "tenancy", message);
            look.findings.push(finding.command("migrate run --shared"));
        }
        let Look {
            connection,
            findings,
            omitted,
            ..
        } = look;
        transaction::rollback(connection).await?;
        Ok(Diagnosis::new(findings, omitted))
    }

    /// Compiling a question would take longer than answering it does.
    fn begin(&self) -> String {
        format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = {}; \
             SET LOCAL lock_timeout = '2s'; SET LOCAL jit = off; {}",
            self.limit.as_millis().clamp(1, 86_400_000),
            search_path::SET_LOCAL_CATALOG
        )
    }

    async fn read_clocks(&self, connection: &mut PgConnection) -> Result<Reading, Error> {
        let before = (self.clock)();
        let row =
            raw_sql("SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::text")
                .fetch_one(connection)
                .await?;
        let after = (self.clock)();
        Ok(Reading {
            before,
            after,
            server: row.try_get::<String, _>(0)?.parse().unwrap_or_default(),
        })
    }
}

async fn start(connection: &mut PgConnection, login: &str) -> Result<Start, Error> {
    let question = format!(
        "SELECT {}, to_regclass('tenancy.tenants') IS NOT NULL
             AND to_regclass('tenancy.migrations') IS NOT NULL,
             EXISTS (SELECT FROM pg_roles WHERE rolname = $1)",
        probe::DATABASE
    );
    let row = sqlx::query(AssertSqlSafe(question))
        .bind(login)
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok(Start {
        database: Database::new(row.try_get(0)?),
        is_prepared: row.try_get(1)?,
        login_exists: row.try_get(2)?,
    })
}

/// Whether two ways to connect are one.
fn is_same(one: &PgConnectOptions, other: &PgConnectOptions) -> bool {
    let place = |options: &PgConnectOptions| {
        (
            options.get_host().to_owned(),
            options.get_port(),
            options.get_socket().cloned(),
            options.get_username().to_owned(),
            options.get_database().map(str::to_owned),
        )
    };
    place(one) == place(other)
}

impl fmt::Debug for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doctor")
            .field("fleet", &self.fleet)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
