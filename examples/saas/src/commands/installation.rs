//! The database a command works on: the one at `DATABASE_URL`, or the private one of a folder.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};
use tenancy_sqlx::{Fleet, MigrationSet, Migrations, login};

use crate::cli::Failure;
use crate::settings::Settings;

static SHARED: Migrator = sqlx::migrate!("migrations/shared");
static TENANT: Migrator = sqlx::migrate!("migrations/tenant");

/// One database with the two logins that work on it.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) fleet: Fleet,
    /// For requests: reads and writes rows.
    pub(crate) app: PgConnectOptions,
    /// For what a pooler cannot carry: tables, notifications of changes.
    pub(crate) direct: PgConnectOptions,
    /// What the banner says of it.
    pub(crate) description: String,
    embedded: Option<EmbeddedPg>,
}

/// Opens the database of `settings`, brings its framework and shared tables up to date, and makes
/// sure that the application's login has an empty path.
pub(crate) async fn open(settings: &Settings, data_dir: &Path) -> Result<Installation, Failure> {
    let installation = match &settings.database {
        Some(app) => {
            let direct = settings
                .database_direct
                .clone()
                .unwrap_or_else(|| app.clone());
            given(app.clone(), direct).await?
        }
        None => private(settings, data_dir).await?,
    };
    installation.fleet.prepare().await?;
    Ok(installation)
}

async fn given(app: PgConnectOptions, direct: PgConnectOptions) -> Result<Installation, Failure> {
    for change in login::prepare(&app).await? {
        tracing::info!(target: "saas.database", "the application's login was set up: {change}");
    }
    let description = format!("PostgreSQL at {}:{}", app.get_host(), app.get_port());
    let fleet = fleet(&direct, &app).await?;
    Ok(Installation {
        fleet,
        app,
        direct,
        description,
        embedded: None,
    })
}

async fn private(settings: &Settings, data_dir: &Path) -> Result<Installation, Failure> {
    let server = EmbeddedPg::attach_or_start(private_options(settings, data_dir)).await?;
    let (app, direct) = (server.app_options(), server.owner_options());
    let description = format!(
        "embedded PostgreSQL {} in {}",
        server.version(),
        data_dir.display()
    );
    let fleet = fleet(&direct, &app).await?;
    Ok(Installation {
        fleet,
        app,
        direct,
        description,
        embedded: Some(server),
    })
}

/// The private server of `data_dir`.
pub(crate) fn private_options(settings: &Settings, data_dir: &Path) -> EmbeddedOptions {
    EmbeddedOptions::new(data_dir.join("pg"))
        .database("saas")
        .binaries(settings.pg_bin.clone())
}

async fn fleet(direct: &PgConnectOptions, app: &PgConnectOptions) -> Result<Fleet, Failure> {
    let migrations = Migrations {
        shared: MigrationSet::embedded(&SHARED)?,
        tenant: MigrationSet::embedded(&TENANT)?,
    };
    // One login for both owns what it makes and needs no grants.
    let login =
        (app.get_username() != direct.get_username()).then(|| app.get_username().to_owned());
    Ok(Fleet::connect(direct.clone(), login, migrations).await?)
}

impl Installation {
    /// Stops a private server that this process started; waits until it is gone.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        if let Some(server) = self.embedded {
            server.stop().await?;
        }
        Ok(())
    }
}
