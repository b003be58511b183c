//! The transaction of a request as an argument of its handler.

use std::fmt;

use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use tenancy_core::TenantContext;

use super::NoTenant;
use super::desk::{Desk, OfRequest};
use crate::database::Database;
use crate::error::{Error, ErrorKind};
use crate::transaction::{Lease, ScopedTx, TenantTx};

/// The transaction of this request, which [`TransactionLayer`](super::TransactionLayer) ends.
///
/// It is an argument of a handler. Nothing is sent before its first statement, so a slow body
/// holds no connection.
pub type Tx = Lease<TenantTx<'static>>;

/// Why a handler did not get its [`Tx`].
#[derive(Debug)]
#[non_exhaustive]
pub enum NoTransaction {
    /// The request belongs to no tenant.
    NoTenant,
    /// There is no [`TransactionLayer`](super::TransactionLayer) around the route.
    NoLayer,
    /// The handler, or something before it, has the transaction already.
    InUse,
}

impl fmt::Display for NoTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTenant => NoTenant.fmt(f),
            Self::NoLayer => f.write_str(
                "nothing would end the transaction: put `TransactionLayer::new()` around this route",
            ),
            Self::InUse => f.write_str(
                "the request's transaction is in use, or of the other kind: take one and pass it \
                 on by reference",
            ),
        }
    }
}

impl std::error::Error for NoTransaction {}

impl IntoResponse for NoTransaction {
    fn into_response(self) -> Response {
        match self {
            Self::NoTenant => NoTenant.into_response(),
            fault => Error::new(ErrorKind::Internal, fault.to_string()).into_response(),
        }
    }
}

fn lease<S, W>(parts: &Parts, state: &S) -> Result<Lease<W>, NoTransaction>
where
    W: OfRequest,
    Database: FromRef<S>,
{
    let extensions = &parts.extensions;
    let context = extensions
        .get::<TenantContext>()
        .ok_or(NoTransaction::NoTenant)?;
    let desk = extensions.get::<Desk>().ok_or(NoTransaction::NoLayer)?;
    let db = Database::from_ref(state).tenant(context);
    desk.lend(&db).ok_or(NoTransaction::InUse)
}

impl<S> FromRequestParts<S> for Tx
where
    S: Send + Sync,
    Database: FromRef<S>,
{
    type Rejection = NoTransaction;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NoTransaction> {
        lease(parts, state)
    }
}

/// With the scope that [`Database::scope_in_handlers`] says.
impl<S> FromRequestParts<S> for Lease<ScopedTx<'static>>
where
    S: Send + Sync,
    Database: FromRef<S>,
{
    type Rejection = NoTransaction;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NoTransaction> {
        lease(parts, state)
    }
}
