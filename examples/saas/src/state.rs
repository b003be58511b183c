//! What handlers share: the application's database and what pages need to make links.

use std::sync::Arc;

use axum::extract::FromRef;
use tenancy_core::rate::RateLimiter;
use tenancy_core::{Caches, Domain, Prefix};
use tenancy_search::Search;
use tenancy_sqlx::{Database, PgTenantStore};

/// Shared by every request; cloning copies a few pointers.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Whatever is in PostgreSQL.
    pub database: Database,
    /// Who the tenants are.
    pub tenants: PgTenantStore,
    /// What is remembered of each tenant's catalog.
    pub caches: Caches,
    /// How fast each tenant asks.
    pub rates: Arc<dyn RateLimiter>,
    /// What tenants find as they type.
    pub search: Search,
    /// Whether answers say that they were remembered.
    pub cache_header: CacheHeader,
    /// How this installation is reached.
    pub site: Site,
    /// Starts every name outside the database, so that installations can share servers.
    pub prefix: Prefix,
}

/// Whether answers from the catalog carry `x-cache: hit` or `miss`: those of the demo do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheHeader {
    /// They do.
    Shown,
    /// How the answer came about is nobody's business.
    Hidden,
}

/// How this installation is reached from outside.
#[derive(Debug, Clone)]
pub struct Site {
    /// The public host; tenants made without a domain get one label below it.
    pub base_domain: Domain,
    /// Tenants a visitor is shown on the public page: those of the demo, else none.
    pub showcase: Vec<Domain>,
}

impl FromRef<AppState> for Database {
    fn from_ref(state: &AppState) -> Self {
        state.database.clone()
    }
}

impl FromRef<AppState> for Prefix {
    fn from_ref(state: &AppState) -> Self {
        state.prefix.clone()
    }
}

impl FromRef<AppState> for Search {
    fn from_ref(state: &AppState) -> Self {
        state.search.clone()
    }
}
