//! Path parameters as values; a path that does not parse is a path that does not exist.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use http::request::Parts;
use serde::de::DeserializeOwned;
use tenancy_core::ProblemCode;

use crate::problem::ApiError;

/// The path's parameters as a `T`; a parameter that does not parse, such as an id that is not a
/// UUID, is 404 `not_found`: nothing is there.
///
/// # Example
///
/// ```
/// use tenancy_axum::Path;
/// use uuid::Uuid;
///
/// async fn show(Path(id): Path<Uuid>) -> String {
///     id.to_string()
/// }
/// # let _: axum::Router = axum::Router::new().route("/{id}/", axum::routing::get(show));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Path<T>(pub T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if is_ours(&rejection) => Err(ApiError::internal(rejection)),
            Err(_) => Err(ProblemCode::NotFound.into()),
        }
    }
}

/// Whether the handler asks for parameters that its route does not have.
fn is_ours(rejection: &PathRejection) -> bool {
    match rejection {
        PathRejection::FailedToDeserializePathParams(error) => matches!(
            error.kind(),
            ErrorKind::WrongNumberOfParameters { .. } | ErrorKind::UnsupportedType { .. }
        ),
        _ => true,
    }
}
