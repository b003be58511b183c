//! What is done in the background: which handlers there are, and what a tenant sees of its jobs.

mod api;

use tenancy_core::job::JobId;
use tenancy_sqlx::jobs::Worker;

pub(crate) use self::api::ROUTES;

use crate::catalog;
use crate::state::AppState;

/// A worker with every handler of the application.
pub(crate) fn worker(state: &AppState) -> Worker {
    Worker::new(&state.database, state.tenants.clone())
        .handler(catalog::IMPORT, catalog::Importer::new(state))
}

/// Where a tenant sees how far its job is.
pub(crate) fn path(id: JobId) -> String {
    format!("/api/jobs/{id}/")
}
