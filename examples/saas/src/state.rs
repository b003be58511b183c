//! What handlers share: the application's database and what pages need to make links.

use axum::extract::FromRef;
use tenancy_core::{Domain, Prefix};
use tenancy_sqlx::{Database, PgTenantStore};

/// Shared by every request; cloning copies a few pointers.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) database: Database,
    pub(crate) tenants: PgTenantStore,
    pub(crate) site: Site,
    /// Starts every name outside the database, so that installations can share servers.
    pub(crate) prefix: Prefix,
}

/// How this installation is reached from outside.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// The public host; tenants made without a domain get one label below it.
    pub(crate) base_domain: Domain,
    /// Tenants a visitor is shown on the public page: those of the demo, else none.
    pub(crate) showcase: Vec<Domain>,
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
