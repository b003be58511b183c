//! A request's body is never larger than its route takes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Version, header};
use http_body_util::{Full, Limited};
use hyper::body::{Frame, SizeHint};
use tower_layer::Layer;

use crate::layered::{Around, Inner, Layered};

/// Limits the bodies of the routes inside; the layer nearest to the route decides.
///
/// The whole application has 1 MiB by default; put another one around a route that takes more (or
/// less). Nothing of a body is read when its `Content-Length` is already too large, and a body
/// without one is cut where it passes the limit: both are 413 in every extractor that reads a
/// whole body.
///
/// # Example
///
/// ```
/// use axum::{Router, body::Bytes, routing::put};
/// use tenancy_axum::BodyLimitLayer;
///
/// async fn upload(image: Bytes) -> String {
///     format!("{} bytes", image.len())
/// }
///
/// let router: Router = Router::new()
///     .route("/image/", put(upload).layer(BodyLimitLayer::new(5 * 1024 * 1024)));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BodyLimitLayer {
    bytes: usize,
}

impl BodyLimitLayer {
    /// The limit of an application that sets none: 1 MiB.
    pub const DEFAULT: usize = 1024 * 1024;

    /// Limits bodies to `bytes`.
    pub const fn new(bytes: usize) -> Self {
        Self { bytes }
    }
}

impl Default for BodyLimitLayer {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

impl<S> Layer<S> for BodyLimitLayer {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(*self, inner)
    }
}

impl Around for BodyLimitLayer {
    async fn around<S: Inner>(self, inner: S, mut request: Request) -> Response {
        if let Some(Limit(limit)) = request.extensions().get() {
            limit.store(self.bytes, Ordering::Relaxed);
            return inner.run(request).await;
        }
        let limit = Arc::new(AtomicUsize::new(self.bytes));
        let unread = Arc::new(AtomicBool::new(false));
        let version = request.version();
        request.extensions_mut().insert(Limit(Arc::clone(&limit)));
        // axum's own default would cap a route that takes more than its 2 MB.
        DefaultBodyLimit::disable().apply(&mut request);
        let request = request.map(|body| {
            Body::new(LimitedBody {
                reading: Reading::Untouched {
                    body: Some(body),
                    limit,
                },
                ended: false,
                unread: Arc::clone(&unread),
            })
        });
        let mut response = inner.run(request).await;
        // The rest of such a body is not waited for, so the connection ends with this answer, and
        // a client has to be told before it sends the next request on it.
        if unread.load(Ordering::Relaxed) && version < Version::HTTP_2 {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The limit of the request, which layers further in may change until the body is read.
#[derive(Debug, Clone)]
struct Limit(Arc<AtomicUsize>);

/// How much of a body may be left unread for the connection to go on.
const NEGLIGIBLE: u64 = 8 * 1024;

/// A body that learns its limit when it is read for the first time.
struct LimitedBody {
    reading: Reading,
    /// Whether its end was reached; some bodies cannot tell by themselves.
    ended: bool,
    /// Set when much of it is left.
    unread: Arc<AtomicBool>,
}

enum Reading {
    Untouched {
        body: Option<Body>,
        limit: Arc<AtomicUsize>,
    },
    Begun(Limited<Body>),
}

impl HttpBody for LimitedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Reading::Untouched { body, limit } = &mut self.reading {
            let limit = limit.load(Ordering::Relaxed);
            let body = body.take().unwrap_or_default();
            let announced = body.size_hint().lower();
            let begun = if usize::try_from(announced).is_ok_and(|announced| announced <= limit) {
                Limited::new(body, limit)
            } else {
                self.unread.store(true, Ordering::Relaxed);
                // A byte too many gives the error that axum's extractors know, unread.
                Limited::new(Body::new(Full::new(Bytes::from_static(b"x"))), 0)
            };
            self.reading = Reading::Begun(begun);
        }
        let frame = match &mut self.reading {
            Reading::Begun(body) => Pin::new(body).poll_frame(cx),
            Reading::Untouched { .. } => Poll::Ready(None),
        };
        self.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.reading {
            Reading::Untouched { body, .. } => body.as_ref().is_none_or(HttpBody::is_end_stream),
            Reading::Begun(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.reading {
            Reading::Untouched { body, .. } => body.as_ref().map(HttpBody::size_hint),
            Reading::Begun(body) => Some(body.size_hint()),
        }
        .unwrap_or_default()
    }
}

impl Drop for LimitedBody {
    fn drop(&mut self) {
        let most = self.size_hint().upper();
        if !self.ended && !self.is_end_stream() && most.is_none_or(|most| most > NEGLIGIBLE) {
            self.unread.store(true, Ordering::Relaxed);
        }
    }
}
