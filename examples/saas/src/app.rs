//! Read this first: how the crates become one application.
//!
//! `host -> resolver -> cached store -> TenantContext -> TenantDb -> handler -> JSON or problem`.
//! Which router answers is decided by the host alone; what it serves stands in `routes.rs`.

use std::sync::Arc;

use axum::Router;
use tenancy_axum::{Health, RateLimitLayer, RequestMetrics, Routes};
use tenancy_core::{
    CachedStore, Domain, ExactDomain, Fixed, Identifier, Resolver, TenantId, TrustedProxies,
};
use tenancy_search::{Indexer, Kind};
use tenancy_sqlx::PgTenantStore;
use tenancy_sqlx::jobs::Worker;

use crate::routes::{self, Side};
use crate::state::AppState;
use crate::{jobs, search};

/// Who a request's tenant is.
#[derive(Debug, Clone)]
pub enum Tenancy {
    /// The tenant that owns the host; the base domain itself is the public side.
    ByHost {
        /// The public host.
        base_domain: Domain,
    },
    /// One tenant on every host, chosen at start.
    Single(TenantId),
}

/// Builds the resolver: who serves a host is asked of the cache, and of the database only when
/// the cache does not know.
pub fn resolver(
    tenancy: &Tenancy,
    store: CachedStore<PgTenantStore>,
    proxies: TrustedProxies,
) -> Resolver {
    let resolver = Resolver::new(store).trust(proxies);
    match tenancy {
        Tenancy::ByHost { base_domain } => resolver
            .public_host(base_domain.clone())
            .strategy(ExactDomain),
        Tenancy::Single(id) => resolver.strategy(Fixed::new(Identifier::Id(*id))),
    }
}

/// Builds the whole application as one router.
pub fn router(state: &AppState, resolver: Resolver, requests: RequestMetrics) -> Router {
    Routes::new(Arc::new(resolver))
        .public(routes::router(Side::Public).with_state(state.clone()))
        .tenant(
            routes::router(Side::Tenant)
                .with_state(state.clone())
                // Whose plan limits no requests, is not limited.
                .layer(RateLimitLayer::new(Arc::clone(&state.rates))),
        )
        .universal(health(state))
        .metrics(requests)
        .build()
}

/// The kinds of documents that tenants search.
pub const SEARCHED: [Kind; 2] = search::KINDS;

/// What keeps the indexes of `state` as the rows are, once a worker tells it what changed.
///
/// # Errors
///
/// [`ErrorKind::Configuration`](tenancy_core::ErrorKind::Configuration) when its search is not of
/// the [kinds](SEARCHED) that there are.
pub fn indexer(state: &AppState) -> Result<Indexer, tenancy_core::Error> {
    search::fill(state.search.clone(), &state.database)
}

/// What does the jobs of all tenants, with the memory and the database of `state`.
pub fn worker(state: &AppState) -> Worker {
    jobs::worker(state)
}

/// What every host serves: the paths are [`Health::PATHS`].
fn health(state: &AppState) -> Router {
    let database = state.database.clone();
    Health::new()
        .check("database", move || {
            let database = database.clone();
            async move { database.ping().await }
        })
        .routes()
}
