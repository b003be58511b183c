//! A healthy database with a login of its own, to plant faults in.

use std::collections::BTreeSet;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_sqlx::doctor::{Code, Diagnosis, Fix};
use tenancy_sqlx::{Fleet, Migrations, login};

use crate::support::*;

/// As every server of the tests takes it.
const PASSWORD: &str = "patient";

pub(crate) struct Patient {
    pub(crate) database: TestDatabase,
    pub(crate) fleet: Fleet,
    pub(crate) app: PgConnectOptions,
    pub(crate) admin: PgConnection,
    /// The application's login as SQL has it: with a quote, a space and a letter of two bytes.
    pub(crate) login: String,
}

impl Patient {
    /// Two tenants, `acme` and `globex`, each with the table `notes`.
    pub(crate) async fn new() -> Self {
        Self::with_tenants(&["acme", "globex"]).await
    }

    pub(crate) async fn with_tenants(names: &[&str]) -> Self {
        let database = TestDatabase::new().await;
        let name = format!("Dr \"É\" {}", database.name());
        let login = format!("\"{}\"", name.replace('"', "\"\""));
        let mut admin = database.superuser().await;
        run(
            &mut admin,
            &format!(
                "CREATE ROLE {login} LOGIN NOINHERIT PASSWORD '{PASSWORD}';
                 GRANT CONNECT ON DATABASE {} TO {login}",
                database.name()
            ),
        )
        .await;
        let app = database.app_options().username(&name).password(PASSWORD);
        login::prepare(&app).await.unwrap();
        let migrations = Migrations {
            shared: set([]),
            tenant: set([NOTES]),
        };
        let fleet = Fleet::connect(database.owner_options(), Some(name), migrations)
            .await
            .unwrap()
            .application(app.clone());
        fleet.prepare().await.unwrap();
        for name in names {
            create(&fleet, name).await;
        }
        Self {
            database,
            fleet,
            app,
            admin,
            login,
        }
    }

    /// Runs what a superuser may; `{login}` and `{database}` are this patient's.
    pub(crate) async fn plant(&mut self, sql: &str) {
        let sql = self.filled(sql);
        run(&mut self.admin, &sql).await;
    }

    pub(crate) fn filled(&self, sql: &str) -> String {
        sql.replace("{login}", &self.login)
            .replace("{database}", self.database.name())
    }

    pub(crate) async fn examine(&self) -> Diagnosis {
        self.fleet.doctor().examine().await.unwrap()
    }

    /// Runs every statement that the diagnosis gives, as it stands there.
    pub(crate) async fn mend(&mut self, diagnosis: &Diagnosis) {
        for finding in &diagnosis.findings {
            match &finding.fix {
                Some(Fix::Sql(_)) => {
                    let fix = finding.fix.as_ref().unwrap().to_string();
                    run(&mut self.admin, &fix).await;
                }
                Some(Fix::Command(command)) => self.obey(command).await,
                _ => {}
            }
        }
    }

    /// Does what a command does.
    async fn obey(&self, command: &str) {
        for words in command.split(" && ") {
            match words.split(' ').collect::<Vec<_>>()[..] {
                ["tenant", "archive", name] => {
                    drop(self.fleet.archive(&slug(name), None).await.unwrap());
                }
                ["tenant", "purge", name, "--confirm", again] => {
                    let (name, again) = (slug(name), slug(again));
                    drop(self.fleet.purge(&name, &again).await.unwrap());
                }
                ["migrate", "run", ref only @ ..] => {
                    self.fleet.prepare().await.unwrap();
                    if let ["--tenant", name] = only {
                        let selection = tenancy_sqlx::Selection::only([slug(name)]);
                        let report = self
                            .fleet
                            .migrate(selection, jobs(1), |_| {})
                            .await
                            .unwrap();
                        assert!(report.is_complete(), "{report:?}");
                    }
                }
                _ => {}
            }
        }
    }

    /// The login goes with its database: the server may be somebody's own.
    pub(crate) async fn discharge(self) {
        let mut elsewhere =
            PgConnection::connect_with(&self.database.superuser_options().database("postgres"))
                .await
                .unwrap();
        let _ = self.admin.close().await;
        self.database.drop_database().await;
        run(&mut elsewhere, &format!("DROP ROLE {}", self.login)).await;
    }
}

/// What was found, without its words.
pub(crate) fn names(diagnosis: &Diagnosis) -> BTreeSet<(Code, String)> {
    diagnosis
        .findings
        .iter()
        .map(|finding| (finding.code, finding.subject.clone()))
        .collect()
}
