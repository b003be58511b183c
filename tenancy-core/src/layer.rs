//! Puts tenancy in front of any `http` service.

use std::sync::Arc;

use tower_layer::Layer;

use crate::resolve::Resolver;
use crate::service::TenantService;

/// Resolves every request before the service behind sees it.
///
/// A request of a tenant arrives with a [`TenantContext`](crate::TenantContext) among its
/// extensions, and every request with [`Resolved`](crate::Resolved). Requests that belong to no
/// active tenant and to no public host are answered with a [`Problem`](crate::Problem), unless
/// [`TenantLayer::pass_failures`] says otherwise.
#[derive(Debug, Clone)]
pub struct TenantLayer {
    resolver: Arc<Resolver>,
    failures: Failures,
}

/// What happens to a request that is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    Answer,
    Pass,
}

impl TenantLayer {
    /// Resolves with `resolver`, and answers failures itself.
    pub fn new(resolver: impl Into<Arc<Resolver>>) -> Self {
        Self {
            resolver: resolver.into(),
            failures: Failures::Answer,
        }
    }

    /// Passes requests that are nobody's on, with the error in [`Resolved`](crate::Resolved) and
    /// without a context; for services with routes that every host has, such as health checks.
    #[must_use]
    pub fn pass_failures(mut self) -> Self {
        self.failures = Failures::Pass;
        self
    }
}

impl<S> Layer<S> for TenantLayer {
    type Service = TenantService<S>;

    fn layer(&self, inner: S) -> TenantService<S> {
        TenantService::new(inner, Arc::clone(&self.resolver), self.failures)
    }
}
