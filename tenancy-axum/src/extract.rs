//! The tenant of a request, as an argument of its handler.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::Extensions;
use http::request::Parts;
use tenancy_core::{Problem, ProblemCode, Resolution, Resolved, TenantContext};

use crate::problem::ApiError;

/// The tenant that this request is for; there is no default one.
///
/// As `Option<Tenant>` it is `None` on the public host, for handlers that serve both. A request
/// that could not be resolved is rejected in both forms, with the problem of its failure.
///
/// # Example
///
/// ```
/// use tenancy_axum::Tenant;
///
/// async fn name(Tenant(tenant): Tenant) -> String {
///     tenant.tenant().name().to_owned()
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(name));
/// ```
#[derive(Debug, Clone)]
pub struct Tenant(pub TenantContext);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        tenant(&parts.extensions)?.ok_or_else(|| {
            Problem::new(ProblemCode::TenantNotFound)
                .detail("this route belongs to a tenant: ask on a tenant's host")
                .into()
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ApiError> {
        tenant(&parts.extensions)
    }
}

fn tenant(extensions: &Extensions) -> Result<Option<Tenant>, ApiError> {
    if let Some(Resolved(Err(error))) = extensions.get() {
        return Err(error.into());
    }
    Ok(extensions.get().cloned().map(Tenant))
}

/// Lets a handler run on the public host only; anywhere else nothing is there (404).
#[derive(Debug, Clone, Copy)]
pub struct PublicOnly;

impl<S: Sync> FromRequestParts<S> for PublicOnly {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get() {
            Some(Resolved(Ok(Resolution::Public))) => Ok(Self),
            Some(Resolved(Err(error))) => Err(error.into()),
            _ => Err(ProblemCode::NotFound.into()),
        }
    }
}
