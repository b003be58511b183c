//! `TenantDb` and the request's transaction as arguments of axum handlers.

mod desk;
mod layer;
mod transaction;

use axum_core::body::Body;
use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use tenancy_core::{Problem, ProblemCode, TenantContext};

use crate::database::Database;
use crate::db::TenantDb;
use crate::error::Error;
use crate::scoped::ScopedDb;

pub use layer::{TransactionLayer, TransactionService};
pub use transaction::{NoTransaction, Tx};

/// Why a handler did not get its [`TenantDb`]: the request belongs to no tenant.
///
/// A client sees what it sees for an unknown host, because on a route of tenants that is what the
/// request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoTenant;

impl std::fmt::Display for NoTenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request belongs to no tenant: put the tenant layer around this route")
    }
}

impl std::error::Error for NoTenant {}

impl IntoResponse for NoTenant {
    fn into_response(self) -> Response {
        Problem::new(ProblemCode::TenantNotFound).into_response::<Body>()
    }
}

impl<S> FromRequestParts<S> for TenantDb
where
    S: Send + Sync,
    Database: FromRef<S>,
{
    type Rejection = NoTenant;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NoTenant> {
        let context = parts.extensions.get::<TenantContext>().ok_or(NoTenant)?;
        Ok(Database::from_ref(state).tenant(context))
    }
}

/// With the scope that [`Database::scope_in_handlers`] says.
impl<S> FromRequestParts<S> for ScopedDb
where
    S: Send + Sync,
    Database: FromRef<S>,
{
    type Rejection = NoTenant;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NoTenant> {
        let db = TenantDb::from_request_parts(parts, state).await?;
        let scope = db.source().database.scope_of_handlers();
        Ok(db.scoped(scope))
    }
}

impl IntoResponse for Error {
    /// Tells the client what [`Error::to_problem`] says, and the log the rest.
    fn into_response(self) -> Response {
        let problem = self.to_problem();
        if problem.code().status().is_server_error() {
            tracing::error!(target: "tenancy.sql", error = ?self, "a request failed");
        }
        problem.into_response::<Body>()
    }
}
