//! `saas serve`: the application on a listener, until it is told to stop.

use std::net::SocketAddr;
use std::path::Path;

use tenancy_axum::{MetricsEndpoint, RequestMetrics, ServeOptions};
use tenancy_core::{CachedStore, Domain, Identifier, TenantStore};
use tenancy_sqlx::{
    Database, Fleet, PgTenantStore, PoolSettings, Presence, TenantChange, TenantChanges, login,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::indexing::{self, Indexing};
use super::installation::{self, Installation, Purpose};
use super::worker::{Inside, Working};
use super::{banner, cache, doctor, metrics, presence, rates};
use crate::app::{self, Tenancy};
use crate::cli::Failure;
use crate::settings::Settings;
use crate::state::{AppState, CacheHeader, Site};

/// Serves the database of `settings`, or the private one of `data_dir`.
pub(crate) async fn run(
    mut settings: Settings,
    data_dir: &Path,
    jobs: Inside,
) -> Result<(), Failure> {
    let listener = bind(&settings).await?;
    // Where others are told that it is.
    settings.listen = listener.local_addr()?;
    let installation = installation::open(&settings, data_dir, Purpose::Serve).await?;
    if settings.database.is_some() {
        for change in login::prepare(&installation.app).await? {
            tracing::info!(target: "saas.database", "the application's login was set up: {change}");
        }
    }
    let running = Running::start(
        &settings,
        &installation,
        Vec::new(),
        CacheHeader::Hidden,
        jobs,
    )
    .await?;
    doctor::refuse_critical(&settings, &installation).await?;
    if settings.secret_key.is_some() {
        tracing::info!(
            target: "saas.settings",
            "SECRET_KEY is set, and no part of this version uses it"
        );
    }
    banner::serving(
        &settings,
        listener.local_addr()?,
        running.metrics_address(),
        &installation.description,
    );
    running.serve(listener, installation).await
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
    metrics: Option<(TcpListener, MetricsEndpoint)>,
    changes: TenantChanges,
    settling: JoinHandle<()>,
    indexing: Indexing,
    working: Option<Working>,
    presence: Presence,
}

impl Running {
    /// Brings the database up to date and connects everything; `showcase` is what the public page
    /// shows to strangers.
    pub(crate) async fn start(
        settings: &Settings,
        installation: &Installation,
        showcase: Vec<Domain>,
        cache_header: CacheHeader,
        jobs: Inside,
    ) -> Result<Self, Failure> {
        let listener = metrics::bind(settings.metrics_listen).await?;
        installation.fleet.prepare().await?;
        let mut pool = PoolSettings::default()
            .pooler(settings.pooler)
            .max_connections(settings.pool_size);
        if settings.single_tenant.is_some() {
            // There is nobody to keep connections for.
            pool = pool.reserved_connections(0);
        }
        let database = Database::connect(installation.app.clone(), pool).await?;
        let database = database.scope_in_handlers(settings.isolation.scope());
        let tenants = PgTenantStore::new(&database);
        let cache = CachedStore::new(tenants.clone());
        // Whoever changes a tenant, here or in another process, makes this cache forget it.
        let changes = {
            let cache = cache.clone();
            PgTenantStore::listen(installation.direct.clone(), move |change| {
                forget(&cache, &change);
            })
        };
        let site = Site {
            base_domain: settings.base_domain.clone(),
            showcase,
        };
        let state = AppState {
            database: database.clone(),
            tenants,
            caches: installation.caches.clone(),
            rates: rates::open(settings)?,
            search: indexing::tells_what_is_missing(&installation.search, &database),
            cache_header,
            site,
            prefix: settings.prefix.clone(),
        };
        let proxies = settings.trusted_proxies.clone();
        let remembered = cache.clone();
        let resolver = app::resolver(
            &tenancy(settings, &installation.fleet, &state.tenants).await?,
            cache,
            proxies,
        );
        let head = installation.fleet.migrations().tenant.head();
        let resolver =
            resolver.requires_migration(settings.min_migration.or(head).unwrap_or_default());
        let requests = RequestMetrics::new(metrics::TENANTS);
        // Last of what may keep it from serving, so that whoever is refused has left nothing.
        let presence = presence::announce(settings, &database).await?;
        let indexing = Indexing::begin(&state)?;
        let working = (jobs == Inside::Works).then(|| Working::begin(&state));
        let page = metrics::page(
            requests.clone(),
            database.clone(),
            remembered,
            state.caches.clone(),
            state.search.clone(),
            indexing.figures(),
            working.as_ref().map(Working::figures),
        );
        let router = app::router(&state, resolver, requests);
        Ok(Self {
            database,
            router,
            metrics: listener.map(|listener| (listener, page)),
            changes,
            settling: cache::settle(state.caches),
            indexing,
            working,
            presence,
        })
    }

    /// Where the figures are told.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.0.local_addr().ok()
    }

    /// Serves until Ctrl-C, SIGTERM or the end of a private server, lets what is under way
    /// finish, and lets go of everything.
    pub(crate) async fn serve(
        mut self,
        listener: TcpListener,
        mut installation: Installation,
    ) -> Result<(), Failure> {
        let mut lost = false;
        let mut displaced = None;
        let stop = async {
            tokio::select! {
                () = stop_signal() => {}
                () = installation.lost() => lost = true,
                reason = self.presence.lost() => displaced = Some(reason),
            }
            tracing::info!(target: "saas.serve", "stopping: requests under way may finish");
        };
        let metrics = self.metrics.map(|(at, page)| metrics::serve(at, page));
        let served =
            tenancy_axum::serve(listener, self.router, ServeOptions::default(), stop).await;
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        drop(self.changes);
        self.settling.abort();
        // Jobs leave messages that the search is still to be told.
        if let Some(working) = self.working {
            working.end().await;
        }
        self.indexing.end().await;
        self.presence.leave().await;
        self.database.close().await;
        // What could not be sent yet is lost with this process.
        installation.caches.settle().await;
        if lost {
            let what = installation.description;
            return Err(format!("{what} has ended by itself: its postgres.log says why").into());
        }
        installation.close().await?;
        if let Some(reason) = displaced {
            return Err(reason.into());
        }
        tracing::info!(target: "saas.serve", "stopped");
        Ok(served?)
    }
}

/// What the settings make of hosts.
async fn tenancy(
    settings: &Settings,
    fleet: &Fleet,
    tenants: &PgTenantStore,
) -> Result<Tenancy, Failure> {
    let Some(schema) = &settings.single_tenant else {
        let base_domain = settings.base_domain.clone();
        // The public side would hide that tenant's.
        let owner = Identifier::Domain(base_domain.clone());
        if let Some(tenant) = tenants.find(&owner).await? {
            return Err(format!(
                "BASE_DOMAIN={base_domain} is a domain of the tenant {}: set another one, or give \
                 that tenant another domain",
                tenant.slug()
            )
            .into());
        }
        return Ok(Tenancy::ByHost { base_domain });
    };
    match fleet.tenant_of_schema(schema).await? {
        Some(tenant) => Ok(Tenancy::Single(tenant.id())),
        None => Err(format!(
            "DEFAULT_TENANT_SCHEMA={schema} is no tenant's schema: make one with \
             `saas create_tenant --schema_name={schema}`; `saas tenant list` shows those there are"
        )
        .into()),
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

/// Waits for Ctrl-C or SIGTERM; a second one ends the process at once, and the private server
/// with it.
pub(super) async fn stop_signal() {
    one_signal().await;
    tokio::spawn(async {
        one_signal().await;
        std::process::exit(130);
    });
}

async fn one_signal() {
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
}
