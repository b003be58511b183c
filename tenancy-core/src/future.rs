//! The future of a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Response;

/// The response of a [`TenantService`](crate::TenantService), once the tenant is known.
///
/// Dropping it drops the lookup, or the inner service's future.
pub struct ResponseFuture<R, E>(BoxFuture<'static, Result<Response<R>, E>>);

impl<R, E> ResponseFuture<R, E> {
    pub(crate) fn new(
        future: impl Future<Output = Result<Response<R>, E>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(future))
    }
}

impl<R, E> Future for ResponseFuture<R, E> {
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R, E> fmt::Debug for ResponseFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
