//! Bodies are as large as their route allows.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use hyper::body::{Frame, SizeHint};
use tenancy_axum::testing::TestHost;

use crate::app::{app, problem};

const MIB: usize = 1 << 20;

fn client() -> TestHost {
    app()
        .host("tenant1.localhost")
        .header("content-type", "application/json")
}

/// A body whose length is not known before it ends.
fn chunked(length: usize) -> Body {
    let chunk = Bytes::from(vec![b'a'; 4096]);
    let chunks = (0..length / 4096).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    Body::from_stream(stream::iter(chunks))
}

#[tokio::test]
async fn a_body_above_the_limit_is_413_in_every_extractor() {
    for path in ["/api/echo", "/api/items/"] {
        for body in [Body::from(vec![b'a'; MIB + 1]), chunked(MIB + 4096)] {
            let response = client().send(Method::POST, path, body).await;
            problem(&response, 413, "payload_too_large", path);
        }
    }
    for body in [Body::from(vec![b'a'; MIB]), chunked(MIB)] {
        let response = client().send(Method::POST, "/api/echo", body).await;
        assert_eq!((response.status.as_u16(), response.body.len()), (200, MIB));
    }
}

#[tokio::test]
async fn a_route_may_take_more_or_less() {
    for body in [Body::from(vec![b'a'; 3 * MIB]), chunked(3 * MIB)] {
        let response = client().send(Method::PUT, "/api/image", body).await;
        assert_eq!(response.text(), (3 * MIB).to_string());
    }
    for body in [Body::from(vec![b'a'; 3 * MIB + 1]), chunked(3 * MIB + 4096)] {
        let response = client().send(Method::PUT, "/api/image", body).await;
        problem(&response, 413, "payload_too_large", "/api/image");
    }
    assert_eq!(
        client().send(Method::PUT, "/api/tiny", "four").await.text(),
        "4"
    );
    let response = client().send(Method::PUT, "/api/tiny", "five!").await;
    problem(&response, 413, "payload_too_large", "/api/tiny");
}

#[tokio::test]
async fn nothing_of_a_body_that_announces_too_much_is_read() {
    let body = Body::new(Announced(2 * MIB as u64));
    let response = client().send(Method::POST, "/api/echo", body).await;
    problem(&response, 413, "payload_too_large", "/api/echo");
}

/// A body that has announced its length and must not be read.
struct Announced(u64);

impl HttpBody for Announced {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        panic!("the body was read")
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}
