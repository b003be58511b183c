//! One span and one closing event per request.

use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri, header};
use tenancy_core::TenantContext;
use tower_layer::Layer;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::layered::{Around, Inner, Layered};
use crate::request_id::RequestId;

/// The target of the span and the event.
const TARGET: &str = "tenancy.http";

/// Wraps every request in one span (target `tenancy.http`) and ends it with one event.
///
/// The span has `method`, `path`, `host`, `request_id`, and once they are known `tenant` (the
/// slug), `tenant_id`, `status` and `latency_ms`. The event is at error level for a 5xx status and
/// at info level otherwise; a request whose client went away says so. Query strings, bodies and
/// header values other than the host and the request id are never logged.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(*self, inner)
    }
}

impl Around for TraceLayer {
    async fn around<S: Inner>(self, inner: S, mut request: Request) -> Response {
        // Error level, so that the fields are there also where only errors are logged.
        let span = tracing::error_span!(
            target: TARGET,
            "request",
            method = %request.method(),
            path = request.uri().path(),
            host = host(request.uri(), request.headers()),
            request_id = request.extensions().get::<RequestId>().map(RequestId::as_str),
            tenant = Empty,
            tenant_id = Empty,
            status = Empty,
            latency_ms = Empty,
        );
        request.extensions_mut().insert(RequestSpan(span.clone()));
        let mut ending = Ending {
            span: span.clone(),
            start: Instant::now(),
            status: None,
        };
        let response = inner.run(request).instrument(span).await;
        ending.status = Some(response.status());
        response
    }
}

/// The request's span, for the layer that learns the tenant.
#[derive(Debug, Clone)]
pub(crate) struct RequestSpan(Span);

impl RequestSpan {
    pub(crate) fn record_tenant(&self, tenant: &TenantContext) {
        self.0.record("tenant", tenant.slug().as_str());
        self.0
            .record("tenant_id", tracing::field::display(tenant.id()));
    }
}

/// Writes the event when the request is over, also when its future is dropped.
struct Ending {
    span: Span,
    start: Instant,
    status: Option<StatusCode>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let latency_ms = self.start.elapsed().as_secs_f64() * 1000.0;
        self.span.record("latency_ms", latency_ms);
        let Some(status) = self.status else {
            tracing::info!(target: TARGET, parent: &self.span, "request cancelled");
            return;
        };
        self.span.record("status", status.as_u16());
        if status.is_server_error() {
            tracing::error!(target: TARGET, parent: &self.span, "request failed");
        } else {
            tracing::info!(target: TARGET, parent: &self.span, "request finished");
        }
    }
}

/// What the client called us, for the log only.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    // A name has at most 253 bytes; visible ASCII may be cut anywhere.
    host.get(..host.len().min(260))
}
