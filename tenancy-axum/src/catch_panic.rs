//! A panic in one request ends that request only.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tenancy_core::{Problem, ProblemCode};
use tower_layer::Layer;

use crate::layered::{Around, Inner, Layered};
use crate::problem::ApiError;

/// Answers a panic with a 500 problem and writes its message to the log, under the request's id.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(*self, inner)
    }
}

impl Around for CatchPanicLayer {
    async fn around<S: Inner>(self, inner: S, request: Request) -> Response {
        // A service may also panic before it has made its future. What it shared with others is
        // theirs to guard: a poisoned lock says so itself.
        let answer = AssertUnwindSafe(async { inner.run(request).await });
        match answer.catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                tracing::error!(
                    target: "tenancy.http",
                    panic = message(&*panic),
                    "a request panicked"
                );
                ApiError::from(Problem::new(ProblemCode::Internal)).into_response()
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "a value that is not text"
    }
}
