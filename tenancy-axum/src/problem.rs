//! Every failure leaves as one shape: `application/problem+json`, or a page for a browser.

use std::fmt;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt;
use tenancy_core::{IntoProblem, Problem, ProblemCode};
use tower_layer::Layer;

use crate::document::Document;
use crate::layered::{Around, Inner, Layered};
use crate::page;
use crate::request_id::RequestId;

/// Where a body of more bytes is no problem of ours.
const LONGEST_BODY: u64 = 64 * 1024;
/// A text of more bytes is no detail any more.
const LONGEST_DETAIL: usize = 500;

/// What a handler returns when it fails: a [`Problem`] for the client, and the cause for the log.
///
/// # Example
///
/// ```
/// use axum::response::IntoResponse;
/// use tenancy_axum::ApiError;
/// use tenancy_core::{Problem, ProblemCode};
///
/// async fn take_name(name: &str) -> Result<(), ApiError> {
///     if name == "acme" {
///         return Err(Problem::new(ProblemCode::Conflict).detail("the name is taken").into());
///     }
///     Ok(())
/// }
///
/// # futures_util::FutureExt::now_or_never(async {
/// let response = take_name("acme").await.into_response();
/// assert_eq!(response.status(), 409);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// # });
/// ```
pub struct ApiError(Box<Failure>);

/// Boxed, since every handler's result has room for it.
struct Failure {
    problem: Problem,
    cause: Option<BoxError>,
}

impl ApiError {
    /// A failure of ours: the client is told 500 and nothing else, the log gets `cause`.
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::from(Problem::new(ProblemCode::Internal)).caused_by(cause)
    }

    /// Keeps `cause` for the log; it is written when the status is 5xx.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<BoxError>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// What the client is told.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl<E: IntoProblem> From<E> for ApiError {
    fn from(failure: E) -> Self {
        let (problem, cause) = failure.into_problem();
        Self(Box::new(Failure { problem, cause }))
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("problem", &self.0.problem)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Failure { problem, cause } = *self.0;
        let code = problem.code();
        if let (true, Some(cause)) = (code.status().is_server_error(), &cause) {
            tracing::error!(
                target: "tenancy.http",
                code = code.as_str(),
                cause = %Chain(&**cause),
                "a request failed"
            );
        }
        problem.into_response::<Body>()
    }
}

/// Turns every failure into a problem that names its request.
///
/// - A problem gets the `request_id` and the `instance` (the path) where it has none.
/// - A bare 4xx or 5xx response, that is one without a body or with `text/plain`, becomes a
///   problem. The text of a 4xx one is kept as `detail` when it is short; that of a 5xx one is not.
/// - Bodies of other types, such as an application's own error page, stay as they are.
/// - A browser, which prefers `text/html`, gets a page instead of JSON.
///
/// Other headers of the response, such as `Allow` and `Retry-After`, stay.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemLayer;

impl<S> Layer<S> for ProblemLayer {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(*self, inner)
    }
}

impl Around for ProblemLayer {
    async fn around<S: Inner>(self, inner: S, request: Request) -> Response {
        let asked = Asked {
            uri: request.uri().clone(),
            request_id: request.extensions().get().cloned(),
            page: page::is_preferred(request.headers()),
            head: request.method() == Method::HEAD,
        };
        let response = inner.run(request).await;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            asked.rewrite(response).await
        } else {
            response
        }
    }
}

/// What the rewriting needs to know of the request.
struct Asked {
    uri: Uri,
    request_id: Option<RequestId>,
    page: bool,
    head: bool,
}

impl Asked {
    async fn rewrite(self, response: Response) -> Response {
        let kind = Kind::of(response.headers());
        if kind == Kind::Other {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let body = match small(body).await {
            Ok(bytes) => bytes,
            // A problem that is streamed or huge is its author's own.
            Err(body) if kind == Kind::Problem => return Response::from_parts(parts, body),
            Err(_) => Bytes::new(),
        };
        let document = match kind {
            // A HEAD request's problem has lost its body on the way.
            Kind::Problem if body.is_empty() => Document::of_status(parts.status),
            Kind::Problem => match serde_json::from_slice(&body) {
                Ok(document) => document,
                Err(_) => return Response::from_parts(parts, Body::from(body)),
            },
            _ => bare(parts.status, &parts.headers, &body),
        }
        .name(self.uri.path(), self.request_id.as_ref());

        let (content_type, text) = if self.page {
            ("text/html; charset=utf-8", page::render(&document))
        } else {
            ("application/problem+json", document.to_json())
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_ENCODING);
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        parts
            .headers
            .append(header::VARY, HeaderValue::from_static("accept"));
        let body = if self.head {
            Body::empty()
        } else {
            Body::from(text)
        };
        Response::from_parts(parts, body)
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Problem,
    Bare,
    Other,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Self::Bare;
        };
        let value = value.to_str().unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/problem+json") {
            Self::Problem
        } else if essence.eq_ignore_ascii_case("text/plain") {
            Self::Bare
        } else {
            Self::Other
        }
    }
}

fn bare(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Document {
    let document = Document::of_status(status);
    let text = str::from_utf8(body).unwrap_or_default().trim();
    if let (StatusCode::METHOD_NOT_ALLOWED, Some(Ok(allow)), "") = (
        status,
        headers.get(header::ALLOW).map(|allow| allow.to_str()),
        text,
    ) {
        return document.detail(&format!("this route takes {allow}"));
    }
    if status.is_client_error() && (1..=LONGEST_DETAIL).contains(&text.len()) {
        document.detail(text)
    } else {
        document
    }
}

/// The whole body, if it is known to be small before a byte of it was read.
async fn small(body: Body) -> Result<Bytes, Body> {
    match body.size_hint().exact() {
        Some(length) if length <= LONGEST_BODY => Ok(body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default()),
        _ => Err(body),
    }
}

/// An error and what caused it, in one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}
