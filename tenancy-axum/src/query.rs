//! The query string as a value, and a problem that names the parameter.

use axum::extract::FromRequestParts;
use axum::extract::rejection::QueryRejection;
use http::request::Parts;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use tenancy_core::{Problem, ProblemCode};

use crate::field;
use crate::problem::ApiError;

/// The query string as a `T`; what does not fit is 422 `validation_failed` with the parameter as
/// pointer, such as `#/limit`.
///
/// # Example
///
/// ```
/// use tenancy_axum::Query;
///
/// #[derive(serde::Deserialize)]
/// struct Page {
///     limit: Option<u32>,
/// }
///
/// async fn list(Query(page): Query<Page>) -> String {
///     format!("{} of them", page.limit.unwrap_or(20).min(100))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(list));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

impl<T, S> FromRequestParts<S> for Query<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(problem(&rejection).into()),
        }
    }
}

fn problem(rejection: &QueryRejection) -> Problem {
    // The source writes `<parameter>: <message>`, or the message alone.
    let text = rejection
        .source()
        .map_or_else(|| rejection.body_text(), ToString::to_string);
    let (path, message) = match text.split_once(": ") {
        Some((path, message)) if !path.contains(' ') => (path, message),
        _ => ("", text.as_str()),
    };
    let error = field::error(path, message);
    Problem::new(ProblemCode::ValidationFailed)
        .detail(format!("{}: {}", error.pointer, error.detail))
        .errors([error])
}
