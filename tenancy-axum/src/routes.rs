//! One listener, three kinds of routes: a tenant's, the public ones, and those of every host.

use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use axum::response::Response;
use http::{HeaderValue, header};
use tenancy_core::{Resolver, TenantLayer};
use tower_layer::Layer;

use crate::authority::ResolvedBy;
use crate::body_limit::BodyLimitLayer;
use crate::catch_panic::CatchPanicLayer;
use crate::dispatch::Dispatch;
use crate::metrics::RequestMetrics;
use crate::problem::ProblemLayer;
use crate::request_id::RequestIdLayer;
use crate::trace::TraceLayer;

/// An application whose routes are reached through the right kind of host only.
///
/// - **Tenant** routes answer on a tenant's host. Their handlers take [`Tenant`](crate::Tenant).
/// - **Public** routes answer on the public host.
/// - **Universal** routes answer whatever the host is, also when it is unknown, an IP address, or
///   missing, because load balancers and probes ask so. They come first, nothing is resolved for
///   them, and no store is asked: they know no tenant.
///
/// A route of one kind asked for on another kind of host is 404 `not_found`. A host that does not
/// resolve is the problem of its failure: 404 `tenant_not_found`, 403 `tenant_suspended`, 503 with
/// `Retry-After`, or 400 `invalid_host`.
///
/// [`build`](Self::build) puts these layers around, from the outside in:
///
/// 1. [`RequestIdLayer`]: `x-request-id` in and out.
/// 2. `x-content-type-options: nosniff` on every response.
/// 3. [`TraceLayer`]: one span, one closing event.
///    Around it, [`RequestMetrics`], if [`metrics`](Self::metrics) gave some.
/// 4. [`ProblemLayer`]: every failure becomes `application/problem+json`, or a page for a browser.
/// 5. [`CatchPanicLayer`]: a panic becomes a 500 problem.
/// 6. [`BodyLimitLayer`]: 1 MiB, if [`body_limit`](Self::body_limit) says nothing else.
/// 7. The universal routes; whatever is none of theirs goes on.
/// 8. [`TenantLayer`]: the host becomes a tenant, public, or a failure.
/// 9. The tenant's or the public routes.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tenancy_axum::{Health, Routes, Tenant};
/// use tenancy_core::{Domain, MemoryStore, Resolver, Subdomain};
///
/// async fn home(Tenant(tenant): Tenant) -> String {
///     format!("this is {}", tenant.slug())
/// }
///
/// let base = Domain::parse("localhost")?;
/// let resolver = Resolver::new(MemoryStore::new())
///     .strategy(Subdomain::of(base.clone()))
///     .public_host(base);
/// let app: Router = Routes::new(resolver)
///     .tenant(Router::new().route("/", get(home)))
///     .public(Router::new().route("/", get(|| async { "find your team" })))
///     .universal(Health::new().routes())
///     .build();
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is served before `build` has made a router"]
pub struct Routes {
    resolver: Arc<Resolver>,
    public: Router,
    tenant: Router,
    universal: Router,
    body_limit: usize,
    metrics: Option<RequestMetrics>,
}

impl Routes {
    /// Starts an application without routes whose hosts `resolver` understands.
    pub fn new(resolver: impl Into<Arc<Resolver>>) -> Self {
        Self {
            resolver: resolver.into(),
            public: Router::new(),
            tenant: Router::new(),
            universal: Router::new(),
            body_limit: BodyLimitLayer::DEFAULT,
            metrics: None,
        }
    }

    /// Adds routes of the public host.
    ///
    /// # Panics
    ///
    /// Like [`Router::merge`], when a route is there already.
    pub fn public(mut self, routes: Router) -> Self {
        self.public = self.public.merge(routes);
        self
    }

    /// Adds routes of the tenants' hosts.
    ///
    /// # Panics
    ///
    /// Like [`Router::merge`], when a route is there already.
    pub fn tenant(mut self, routes: Router) -> Self {
        self.tenant = self.tenant.merge(routes);
        self
    }

    /// Adds routes of every host, before anything is resolved.
    ///
    /// A fallback of `routes` would hide everything else and is not used.
    ///
    /// # Panics
    ///
    /// Like [`Router::merge`], when a route is there already.
    pub fn universal(mut self, routes: Router) -> Self {
        self.universal = self.universal.merge(routes.reset_fallback());
        self
    }

    /// Limits request bodies to `bytes` (default 1 MiB); a route may have its own
    /// [`BodyLimitLayer`].
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Counts every request in `metrics`, also those whose host nobody has.
    pub fn metrics(mut self, metrics: RequestMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Makes the router that answers for all of them, with every layer in its place.
    pub fn build(self) -> Router {
        let dispatch = Dispatch {
            public: self.public,
            tenant: self.tenant,
        };
        let resolved_by = Extension(ResolvedBy(Arc::clone(&self.resolver)));
        let resolved = TenantLayer::new(self.resolver)
            .pass_failures()
            .layer(dispatch);
        let router = self
            .universal
            .fallback_service(resolved)
            .layer(resolved_by)
            .layer(BodyLimitLayer::new(self.body_limit))
            .layer(CatchPanicLayer)
            .layer(ProblemLayer)
            .layer(TraceLayer);
        let router = match self.metrics {
            Some(metrics) => router.layer(metrics),
            None => router,
        };
        router
            .layer(axum::middleware::map_response(no_sniffing))
            .layer(RequestIdLayer)
    }
}

async fn no_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
