//! A client for tests that asks an application in-process and sets the host.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt;

/// An application under test; requests go straight into its router.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tenancy_axum::testing::TestApp;
///
/// # futures_util::FutureExt::now_or_never(async {
/// let app = TestApp::new(Router::new().route("/", get(|| async { "hello" })));
/// let response = app.host("tenant1.localhost").get("/").await;
/// assert_eq!(response.status, 200);
/// assert_eq!(response.text(), "hello");
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TestApp {
    router: Router,
}

impl TestApp {
    /// Takes the application.
    pub fn new(router: Router) -> Self {
        Self { router }
    }

    /// A client that asks on `host`.
    ///
    /// # Panics
    ///
    /// When `host` cannot stand in a header.
    pub fn host(&self, host: &str) -> TestHost {
        let client = TestHost {
            router: self.router.clone(),
            headers: HeaderMap::new(),
        };
        client.header("host", host)
    }

    /// Sends a request as it is, also one without a host.
    pub async fn send(&self, request: Request) -> TestResponse {
        send(self.router.clone(), request).await
    }
}

/// A client of one host; every method sends one request.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestHost {
    router: Router,
    headers: HeaderMap,
}

impl TestHost {
    /// Adds a header to every request that follows.
    ///
    /// # Panics
    ///
    /// When it is not a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header name");
        let value = HeaderValue::from_str(value).expect("a header value");
        self.headers.append(name, value);
        self
    }

    /// Presents a token with every request that follows.
    ///
    /// # Panics
    ///
    /// When it cannot stand in a header.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, Body::empty()).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> TestResponse {
        self.send(Method::DELETE, path, Body::empty()).await
    }

    /// `POST path` without a body.
    pub async fn post(&self, path: &str) -> TestResponse {
        self.send(Method::POST, path, Body::empty()).await
    }

    /// `POST path` with a JSON body.
    pub async fn post_json(&self, path: &str, body: &(impl Serialize + Sync)) -> TestResponse {
        self.send_json(Method::POST, path, body).await
    }

    /// `PUT path` with a JSON body.
    pub async fn put_json(&self, path: &str, body: &(impl Serialize + Sync)) -> TestResponse {
        self.send_json(Method::PUT, path, body).await
    }

    /// `PATCH path` with a JSON body.
    pub async fn patch_json(&self, path: &str, body: &(impl Serialize + Sync)) -> TestResponse {
        self.send_json(Method::PATCH, path, body).await
    }

    /// Any method with a JSON body.
    ///
    /// # Panics
    ///
    /// When `body` cannot be JSON.
    pub async fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> TestResponse {
        let body = serde_json::to_vec(body).expect("a body that is JSON");
        let mut client = self.clone();
        client.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        client.send(method, path, body).await
    }

    /// Any method with any body.
    ///
    /// # Panics
    ///
    /// When `path` is not one.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> TestResponse {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        *request.headers_mut() = self.headers.clone();
        send(self.router.clone(), request).await
    }
}

/// What the application answered, read to its end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TestResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl TestResponse {
    /// The body as JSON, of any type that it fits: `response.json::<Value>()`.
    ///
    /// # Panics
    ///
    /// When it does not fit; the message has status and body.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "the answer is not the expected JSON: {error}\n{} {:?}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a body of text")
    }

    /// The header `name`, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

async fn send(router: Router, request: Request) -> TestResponse {
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the body arrives");
    TestResponse {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
    }
}
