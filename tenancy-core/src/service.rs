//! The service that resolves each request before another service gets it.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::context::TenantContext;
use crate::error::Error;
use crate::future::ResponseFuture;
use crate::host::PeerAddr;
use crate::layer::Failures;
use crate::problem::Problem;
use crate::resolve::{Resolution, Resolver};

/// What became of resolving a request: an extension of every request behind a
/// [`TenantLayer`](crate::TenantLayer).
#[derive(Debug, Clone)]
pub struct Resolved(pub Result<Resolution, Error>);

/// A service whose requests have been resolved; made by [`TenantLayer`](crate::TenantLayer).
#[derive(Debug, Clone)]
pub struct TenantService<S> {
    inner: S,
    resolver: Arc<Resolver>,
    failures: Failures,
}

impl<S> TenantService<S> {
    pub(crate) fn new(inner: S, resolver: Arc<Resolver>, failures: Failures) -> Self {
        Self {
            inner,
            resolver,
            failures,
        }
    }
}

impl<S, B, R> Service<Request<B>> for TenantService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone is not ready yet.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let resolver = Arc::clone(&self.resolver);
        let failures = self.failures;
        ResponseFuture::new(async move {
            match resolve(&resolver, failures, request).await {
                Ok(request) => inner.call(request).await,
                Err(problem) => Ok(problem.into_response()),
            }
        })
    }
}

/// Gives the request with its tenant, or what to answer instead.
async fn resolve<B>(
    resolver: &Resolver,
    failures: Failures,
    request: Request<B>,
) -> Result<Request<B>, Problem> {
    let (mut head, body) = request.into_parts();
    // Whatever says who the tenant is must come from here, and not from whoever made the request.
    if !crate::sabotaged!("tenant.context-smuggled") {
        head.extensions.remove::<TenantContext>();
        head.extensions.remove::<Resolved>();
    }
    let peer = head.extensions.get::<PeerAddr>().map(|peer| peer.0.ip());
    let resolution = resolver
        .resolve(&head.method, &head.uri, &head.headers, peer)
        .await;
    match &resolution {
        Ok(Resolution::Tenant(context)) => {
            if let Some(uri) = resolver.rewrite(context, &head.uri) {
                head.uri = uri;
            }
            head.extensions.insert(context.clone());
        }
        Ok(Resolution::Public) => {}
        Err(error) => {
            report(error);
            if failures == Failures::Answer {
                return Err(Problem::from(error).instance(head.uri.path()));
            }
        }
    }
    head.extensions.insert(Resolved(resolution));
    Ok(Request::from_parts(head, body))
}

fn report(error: &Error) {
    if error.code().status() == http::StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(target: "tenancy.resolve", ?error, "a request could not be resolved");
    } else {
        tracing::debug!(target: "tenancy.resolve", %error, "a request belongs to no active tenant");
    }
}
