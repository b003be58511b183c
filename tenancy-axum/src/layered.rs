//! One service shape for every layer of this crate: a request goes in, always a response comes out.

use std::convert::Infallible;
use std::mem;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower_service::Service;

/// What a layer does around the service inside it.
pub(crate) trait Around: Clone + Send + 'static {
    /// Answers `request`, usually with the help of `inner`, which is ready to be called.
    fn around<S: Inner>(self, inner: S, request: Request) -> impl Future<Output = Response> + Send;
}

/// A service of axum's shape that is ready to be called once.
pub(crate) trait Inner: Send + 'static {
    /// Passes the request on.
    fn run(self, request: Request) -> impl Future<Output = Response> + Send + 'static;
}

struct Ready<S>(S);

impl<S> Inner for Ready<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    fn run(mut self, request: Request) -> impl Future<Output = Response> + Send + 'static {
        self.0.call(request).map(|answer| match answer {
            Ok(response) => response,
            Err(never) => match never {},
        })
    }
}

/// The service that the layers of this crate make.
#[derive(Debug, Clone)]
pub struct Layered<L, S> {
    layer: L,
    inner: S,
}

impl<L, S> Layered<L, S> {
    pub(crate) fn new(layer: L, inner: S) -> Self {
        Self { layer, inner }
    }
}

impl<L, S> Service<Request> for Layered<L, S>
where
    L: Around,
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The clone may not be ready; the service that was polled is the one to call.
        let clone = self.inner.clone();
        let ready = Ready(mem::replace(&mut self.inner, clone));
        let layer = self.layer.clone();
        Box::pin(async move { Ok(layer.around(ready, request).await) })
    }
}
