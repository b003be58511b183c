//! One id per request, the same in the response, in the log and in every problem.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_layer::Layer;
use uuid::Uuid;

use crate::layered::{Around, Inner, Layered};

/// The header that carries the id, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 64;

/// The id of one request: 1 to 64 letters, digits, `.`, `_` or `-`, so that it is safe in a log
/// line, a header and a page.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Makes a new id that sorts by time (UUIDv7).
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The client's own id, if it sent exactly one and that one is harmless.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(REQUEST_ID).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let text = value.to_str().ok()?;
        let harmless = (1..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        harmless.then(|| Self(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

/// Gives the id of this request; a new one where no [`RequestIdLayer`] is in place.
impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        if let Some(id) = parts.extensions.get::<Self>() {
            return Ok(id.clone());
        }
        let id = Self::generate();
        parts.extensions.insert(id.clone());
        Ok(id)
    }
}

/// Gives every request a [`RequestId`] extension and every response an `x-request-id`.
///
/// A client's own id is taken when it is the only one and is 1 to 64 letters, digits, `.`, `_` or
/// `-`; anything else is replaced by a new UUIDv7.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestIdLayer;

impl<S> Layer<S> for RequestIdLayer {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(*self, inner)
    }
}

impl Around for RequestIdLayer {
    async fn around<S: Inner>(self, inner: S, mut request: Request) -> Response {
        let id = RequestId::from_headers(request.headers()).unwrap_or_else(RequestId::generate);
        let header = HeaderValue::from_str(id.as_str()).expect("an id is plain ASCII");
        request.headers_mut().insert(REQUEST_ID, header.clone());
        request.extensions_mut().insert(id);
        let mut response = inner.run(request).await;
        response.headers_mut().insert(REQUEST_ID, header);
        response
    }
}
