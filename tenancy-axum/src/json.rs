//! JSON in, JSON out, and a problem that says where it went wrong.

use std::error::Error;
use std::io;

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tenancy_core::{Problem, ProblemCode};

use crate::field;
use crate::problem::ApiError;

/// A body of JSON: an extractor whose every rejection is a problem, and a response.
///
/// | Body | Answer |
/// |---|---|
/// | no `content-type`, or one that is not JSON | 415 `unsupported_media_type` |
/// | larger than the [limit](crate::BodyLimitLayer) | 413 `payload_too_large` |
/// | too slow for the server's body timeout or deadline | 408 `request_timeout` |
/// | not JSON | 400 `invalid_json` with line and column |
/// | JSON that does not fit `T` | 422 `validation_failed` with the field as a JSON pointer |
///
/// # Example
///
/// ```
/// use tenancy_axum::Json;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct NewBlog {
///     title: String,
/// }
///
/// async fn create(Json(blog): Json<NewBlog>) -> Json<serde_json::Value> {
///     Json(serde_json::json!({ "title": blog.title }))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::post(create));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(Problem::new(ProblemCode::UnsupportedMediaType)
                .detail("send the body with content-type: application/json")
                .into());
        }
        let bytes = match Bytes::from_request(request, state).await {
            Ok(bytes) => bytes,
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(ProblemCode::PayloadTooLarge.into());
            }
            Err(rejection) if has_timed_out(&rejection) => {
                return Err(Problem::new(ProblemCode::RequestTimeout)
                    .detail("the body took too long to arrive")
                    .into());
            }
            Err(_) => {
                return Err(Problem::new(ProblemCode::BadRequest)
                    .detail("the body ended before it was complete")
                    .into());
            }
        };
        parse(&bytes).map(Self).map_err(ApiError::from)
    }
}

/// Gives `None` where the request has no `content-type`, and so no body.
impl<T, S> OptionalFromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        if request.headers().get(header::CONTENT_TYPE).is_none() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str())
    else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn has_timed_out(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        next = error.source();
    }
    false
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let error = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if error.classify() != Category::Data {
        return Err(
            Problem::new(ProblemCode::InvalidJson).detail(if bytes.is_empty() {
                "the body is empty: send a JSON document".to_owned()
            } else {
                format!("the body is not JSON: {error}")
            }),
        );
    }
    // axum's own extractor knows the path of what does not fit and puts it in front of the
    // message; parsing a second time costs only those who sent something that does not fit.
    let message = error.to_string();
    let path = match axum::Json::<T>::from_bytes(bytes) {
        Err(rejection) => field::path_before(&rejection.body_text(), &message),
        Ok(_) => None,
    };
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let error = field::error(path.as_deref().unwrap_or_default(), message);
    Err(Problem::new(ProblemCode::ValidationFailed)
        .detail(format!("{}: {}", error.pointer, error.detail))
        .errors([error]))
}
