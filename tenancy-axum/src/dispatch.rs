//! From what a request resolved to, to the router that answers it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tenancy_core::{Resolution, Resolved};
use tower_service::Service;

use crate::metrics::Counted;
use crate::problem::ApiError;
use crate::trace::RequestSpan;

/// Sends a resolved request to the router of its kind of host.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) public: Router,
    pub(crate) tenant: Router,
}

impl Service<Request> for Dispatch {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let router = match request.extensions().get() {
            Some(Resolved(Ok(Resolution::Tenant(tenant)))) => {
                if let Some(span) = request.extensions().get::<RequestSpan>() {
                    span.record_tenant(tenant);
                }
                if let Some(counted) = request.extensions().get::<Counted>() {
                    counted.is_of(tenant);
                }
                &mut self.tenant
            }
            Some(Resolved(Ok(Resolution::Public))) => &mut self.public,
            Some(Resolved(Err(error))) => return refuse(error.into()),
            // Neither a tenant nor public is neither tenant's nor public's routes.
            _ => return refuse(ApiError::internal("the request was not resolved")),
        };
        router.call(request).boxed()
    }
}

fn refuse(error: ApiError) -> BoxFuture<'static, Result<Response, Infallible>> {
    // Made within the request's own future, so that its log lines are in the request's span.
    async move { Ok(error.into_response()) }.boxed()
}
