//! The application under test, whatever its types are.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, poll_fn};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt as _;
use tower_service::Service;

use super::ask::RequestBody;

type BoxError = Box<dyn StdError + Send + Sync>;

/// What came back, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

/// An answer, or how the application failed without one.
pub(super) type Outcome = Result<Answer, String>;

type Sender = dyn Fn(Request<RequestBody>) -> LocalBoxFuture<'static, Outcome>;

/// A service without its types.
pub(super) struct App(Box<Sender>);

impl App {
    pub(super) fn new<S, R>(service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<R>> + Clone + 'static,
        S::Error: Into<BoxError>,
        R: Body,
        R::Error: Into<BoxError>,
    {
        Self(Box::new(move |request| {
            let mut service = service.clone();
            Box::pin(async move {
                let answer = async {
                    poll_fn(|context| service.poll_ready(context))
                        .await
                        .map_err(Into::into)?;
                    let response = service.call(request).await.map_err(Into::into)?;
                    let (head, body) = response.into_parts();
                    let body = body.collect().await.map_err(Into::into)?;
                    Ok(Answer {
                        status: head.status,
                        headers: head.headers,
                        trailers: body.trailers().cloned().unwrap_or_default(),
                        body: body.to_bytes(),
                    })
                };
                answer.await.map_err(|error: BoxError| said(&*error))
            })
        }))
    }

    pub(super) fn send(&self, request: Request<RequestBody>) -> LocalBoxFuture<'static, Outcome> {
        (self.0)(request)
    }
}

/// The error with all its causes.
pub(super) fn said(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}
