//! Read this first: how the crates become one application.
//!
//! `host -> resolver -> cached store -> TenantContext -> TenantDb -> handler -> JSON or problem`.
//! Which router answers is decided by the host alone.

use std::sync::Arc;

use axum::Router;
use tenancy_axum::{Health, RequestMetrics, Routes};
use tenancy_core::{
    CachedStore, Domain, ExactDomain, Fixed, Identifier, Resolver, TenantId, TrustedProxies,
};
use tenancy_sqlx::PgTenantStore;

use crate::state::AppState;
use crate::{blog, pages};

/// Who a request's tenant is.
#[derive(Debug, Clone)]
pub(crate) enum Tenancy {
    /// The tenant that owns the host; the base domain itself is the public side.
    ByHost { base_domain: Domain },
    /// One tenant on every host, chosen at start.
    Single(TenantId),
}

/// Builds the resolver: who serves a host is asked of the cache, and of the database only when
/// the cache does not know.
pub(crate) fn resolver(
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
pub(crate) fn router(state: &AppState, resolver: Resolver, requests: RequestMetrics) -> Router {
    Routes::new(Arc::new(resolver))
        .public(public(state))
        .tenant(tenant(state))
        .universal(health(state))
        .metrics(requests)
        .build()
}

/// What `localhost` serves.
fn public(state: &AppState) -> Router {
    Router::new()
        .merge(pages::public())
        .with_state(state.clone())
}

/// What `tenant1.localhost` serves.
fn tenant(state: &AppState) -> Router {
    Router::new()
        .merge(pages::tenant())
        .merge(blog::api())
        .with_state(state.clone())
}

/// What every host serves.
fn health(state: &AppState) -> Router {
    let database = state.database.clone();
    Health::new()
        .check("database", move || {
            let database = database.clone();
            async move { database.ping().await }
        })
        .routes()
}
