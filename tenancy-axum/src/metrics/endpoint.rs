//! `/metrics`, for a listener that strangers do not reach.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;
use tenancy_core::Exposition;

type Source = Arc<dyn Fn(&mut Exposition) + Send + Sync>;

/// The figures of an application as one page, `/metrics`, in the text format of Prometheus.
///
/// Serve it on a listener of its own: the names of busy tenants are in it, and it knows no tenant
/// and no login.
///
/// ```
/// use tenancy_axum::{MetricsEndpoint, RequestMetrics};
///
/// let requests = RequestMetrics::new(20);
/// let router = MetricsEndpoint::new()
///     .source(move |out| requests.expose(out))
///     .source(|out| {
///         out.gauge("build_info", "What runs.").sample(&[("version", "1.0.0")], 1);
///     })
///     .routes();
/// # let _: axum::Router = router;
/// ```
#[derive(Clone, Default)]
pub struct MetricsEndpoint {
    sources: Vec<Source>,
}

impl MetricsEndpoint {
    /// Starts without figures.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds figures; they are asked for each time the page is.
    #[must_use]
    pub fn source(mut self, source: impl Fn(&mut Exposition) + Send + Sync + 'static) -> Self {
        self.sources.push(Arc::new(source));
        self
    }

    /// The route.
    pub fn routes(self) -> Router {
        let page = move || {
            let mut out = Exposition::new();
            for source in &self.sources {
                source(&mut out);
            }
            let kind = [(header::CONTENT_TYPE, Exposition::CONTENT_TYPE)];
            async move { (kind, out.into_text()).into_response() }
        };
        Router::new().route("/metrics", get(page))
    }
}

impl fmt::Debug for MetricsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsEndpoint")
            .field("sources", &self.sources.len())
            .finish()
    }
}
