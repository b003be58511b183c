//! The database a command works on: the one at `DATABASE_URL`, or the private one of a folder.

use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use tenancy_core::{CacheResource, Caches};
use tenancy_search::{Search, SearchResource};
use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};
use tenancy_sqlx::{Fleet, MigrationSet, Migrations};

use super::cache;
use crate::cli::Failure;
use crate::search;
use crate::settings::Settings;

static SHARED: Migrator = sqlx::migrate!("migrations/shared");
static TENANT: Migrator = sqlx::migrate!("migrations/tenant");

/// One database with the two logins that work on it.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) fleet: Fleet,
    /// What is remembered of tenants, which the fleet removes with them.
    pub(crate) caches: Caches,
    /// What tenants find, which the fleet makes and removes with them.
    pub(crate) search: Search,
    /// For requests: reads and writes rows.
    pub(crate) app: PgConnectOptions,
    /// For what a pooler cannot carry: tables, notifications of changes.
    pub(crate) direct: PgConnectOptions,
    /// What the banner says of it.
    pub(crate) description: String,
    embedded: Option<EmbeddedPg>,
}

/// What the database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve: a private server is this process's own, and lives as long as it does.
    Serve,
    /// For one command: a private server that runs already will do.
    Command,
}

/// Opens the database of `settings`, or the private one of `data_dir`.
pub(crate) async fn open(
    settings: &Settings,
    data_dir: &Path,
    purpose: Purpose,
) -> Result<Installation, Failure> {
    let caches = cache::open(settings)?;
    let search = search::open(settings)?;
    let (app, direct, description, embedded) = if let Some(app) = &settings.database {
        let direct = settings
            .database_direct
            .clone()
            .unwrap_or_else(|| app.clone());
        let description = format!("PostgreSQL at {}:{}", app.get_host(), app.get_port());
        (app.clone(), direct, description, None)
    } else {
        let options = private_options(settings, data_dir);
        let server = match purpose {
            Purpose::Serve => EmbeddedPg::start(options).await?,
            Purpose::Command => EmbeddedPg::attach_or_start(options).await?,
        };
        let folder = server.cluster_dir().parent().unwrap_or(data_dir);
        let description = format!(
            "embedded PostgreSQL {} in {}",
            server.version(),
            folder.display()
        );
        (
            server.app_options(),
            server.owner_options(),
            description,
            Some(server),
        )
    };
    let migrations = Migrations {
        shared: MigrationSet::embedded(&SHARED)?,
        tenant: MigrationSet::embedded(&TENANT)?,
    };
    // One login for both owns what it makes and needs no grants.
    let login = app.get_username();
    let login = (login != direct.get_username()).then(|| login.to_owned());
    let fleet = Fleet::connect(direct.clone(), login, migrations)
        .await?
        .public_host(settings.base_domain.clone())
        .isolation(settings.isolation)
        .application(app.clone())
        .resource(Arc::new(CacheResource::new(caches.clone())))
        .resource(Arc::new(SearchResource::new(search.clone())));
    let fleet = search::first_messages()
        .into_iter()
        .fold(fleet, Fleet::first_message);
    Ok(Installation {
        fleet,
        caches,
        search,
        app,
        direct,
        description,
        embedded,
    })
}

/// The private server of `data_dir`.
pub(crate) fn private_options(settings: &Settings, data_dir: &Path) -> EmbeddedOptions {
    EmbeddedOptions::new(data_dir.join("pg"))
        .database("saas")
        .isolation(settings.isolation)
        .binaries(settings.pg_bin.clone())
}

impl Installation {
    /// Waits until a private server has ended by itself; for ever when there is none.
    pub(crate) async fn lost(&mut self) {
        match &mut self.embedded {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Stops a private server that this process started; waits until it is gone.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        if let Some(server) = self.embedded {
            server.stop().await?;
        }
        Ok(())
    }
}
