//! `/metrics` on a listener of its own.

use std::net::SocketAddr;

use tenancy_axum::{MetricsEndpoint, RequestMetrics, ServeOptions};
use tenancy_core::{CachedStore, Caches};
use tenancy_search::Search;
use tenancy_sqlx::jobs::JobFigures;
use tenancy_sqlx::{Database, OutboxFigures, PgTenantStore};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::cli::Failure;
use crate::settings::MetricsListen;
use crate::state::AppState;

/// How many tenants have figures of their own.
pub(crate) const TENANTS: usize = 20;

/// Takes the address of the figures. The usual one is taken only if it is free: two of these
/// programs on one machine are no mistake.
pub(crate) async fn bind(listen: MetricsListen) -> Result<Option<TcpListener>, Failure> {
    let usual = SocketAddr::from(MetricsListen::USUAL);
    match listen {
        MetricsListen::Off => Ok(None),
        MetricsListen::Usual => Ok(TcpListener::bind(usual).await.map_or_else(
            |error| {
                tracing::warn!(
                    target: "saas.metrics",
                    "no figures are told, for {usual} is not to be had ({error}): set METRICS_LISTEN"
                );
                None
            },
            Some,
        )),
        MetricsListen::At(address) => TcpListener::bind(address).await.map(Some).map_err(|error| {
            format!(
                "cannot listen on {address} for /metrics: {error}; give another \
                 --metrics-listen, or an empty one to tell no figures"
            )
            .into()
        }),
    }
}

/// What the application counts, as a page.
pub(crate) fn page(
    requests: RequestMetrics,
    database: Database,
    tenants: CachedStore<PgTenantStore>,
    caches: Caches,
    search: Search,
    outbox: OutboxFigures,
    jobs: Option<JobFigures>,
) -> MetricsEndpoint {
    MetricsEndpoint::new()
        .source(move |out| requests.expose(out))
        .source(move |out| {
            if let Some(pool) = database.metrics() {
                pool.expose(out);
            }
        })
        .source(move |out| tenants.stats().expose(out))
        .source(move |out| caches.figures().expose(out))
        .source(move |out| search.figures().expose(out))
        .source(move |out| outbox.expose(out))
        .source(move |out| {
            if let Some(jobs) = &jobs {
                jobs.expose(out);
            }
        })
}

/// What a worker counts that serves nothing, as a page.
pub(crate) fn worker_page(state: &AppState, jobs: JobFigures) -> MetricsEndpoint {
    let (database, caches) = (state.database.clone(), state.caches.clone());
    MetricsEndpoint::new()
        .source(move |out| {
            if let Some(pool) = database.metrics() {
                pool.expose(out);
            }
        })
        .source(move |out| caches.figures().expose(out))
        .source(move |out| jobs.expose(out))
}

/// Tells them until the task is ended.
pub(crate) fn serve(listener: TcpListener, page: MetricsEndpoint) -> JoinHandle<()> {
    tokio::spawn(async move {
        let never = std::future::pending();
        let served =
            tenancy_axum::serve(listener, page.routes(), ServeOptions::default(), never).await;
        if let Err(error) = served {
            tracing::error!(target: "saas.metrics", %error, "the figures are no longer told");
        }
    })
}
