//! `saas serve`: the application on a listener, until it is told to stop.

use std::path::Path;

use tenancy_axum::ServeOptions;
use tenancy_core::{CachedStore, Domain, Identifier};
use tenancy_sqlx::{Database, PgTenantStore, PoolSettings, TenantChange, TenantChanges};
use tokio::net::TcpListener;

use super::banner;
use super::installation::{self, Installation};
use crate::app::{self, Tenancy};
use crate::cli::Failure;
use crate::settings::Settings;
use crate::state::{AppState, Site};

/// Serves the database of `settings`, or the private one of `data_dir`.
pub(crate) async fn run(settings: Settings, data_dir: &Path) -> Result<(), Failure> {
    let listener = bind(&settings).await?;
    let installation = installation::open(&settings, data_dir).await?;
    let running = Running::start(&settings, &installation, Vec::new()).await?;
    banner::serving(&settings, listener.local_addr()?, &installation.description);
    let served = running.serve(listener).await;
    installation.close().await?;
    served
}

/// Takes the address first: a taken port should cost nothing else.
pub(crate) async fn bind(settings: &Settings) -> Result<TcpListener, Failure> {
    TcpListener::bind(settings.listen).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; stop what listens there, or give another --listen",
            settings.listen
        )
        .into()
    })
}

/// The application with its database, ready for a listener.
pub(crate) struct Running {
    pub(crate) database: Database,
    router: axum::Router,
    changes: TenantChanges,
}

impl Running {
    /// Connects everything; `showcase` is what the public page shows to strangers.
    pub(crate) async fn start(
        settings: &Settings,
        installation: &Installation,
        showcase: Vec<Domain>,
    ) -> Result<Self, Failure> {
        let pool = PoolSettings::default().max_connections(settings.pool_size);
        let database = Database::connect(installation.app.clone(), pool).await?;
        let tenants = PgTenantStore::new(&database);
        let cache = CachedStore::new(tenants.clone());
        // Whoever changes a tenant, here or in another process, makes this cache forget it.
        let changes = {
            let cache = cache.clone();
            PgTenantStore::listen(installation.direct.clone(), move |change| {
                forget(&cache, &change)
            })
        };
        let site = Site {
            base_domain: settings.base_domain.clone(),
            showcase,
        };
        let state = AppState {
            database: database.clone(),
            tenants,
            site,
        };
        let proxies = settings.trusted_proxies.clone();
        let resolver = app::resolver(&Tenancy::of(settings), cache, proxies);
        let router = app::router(&state, resolver);
        Ok(Self {
            database,
            router,
            changes,
        })
    }

    /// Serves until Ctrl-C or SIGTERM, lets what is under way finish, and lets go of the database.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<(), Failure> {
        let options = ServeOptions::default();
        tenancy_axum::serve(listener, self.router, options, stop_signal()).await?;
        drop(self.changes);
        self.database.close().await;
        tracing::info!(target: "saas.serve", "stopped");
        Ok(())
    }
}

fn forget(cache: &CachedStore<PgTenantStore>, change: &TenantChange) {
    match change {
        TenantChange::Tenant { id, slugs, domains } => {
            cache.invalidate(id);
            let slugs = slugs.iter().cloned().map(Identifier::Slug);
            let domains = domains.iter().cloned().map(Identifier::Domain);
            for name in slugs.chain(domains) {
                cache.invalidate_identifier(&name);
            }
        }
        _ => cache.clear(),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            // Without the handler the default action ends the process, which is as good.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
    tracing::info!(target: "saas.serve", "stopping: requests under way may finish");
}
