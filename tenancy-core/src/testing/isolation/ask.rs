//! One request, to be sent by everybody.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;

/// The body of the requests that the kit sends.
pub type RequestBody = Full<Bytes>;

/// What stands for the canary of whoever sends the request.
const CANARY: &str = "{canary}";

/// One request that the kit sends as everybody, each on their own host.
///
/// `{canary}` in the path, in a header or in the body is the canary of whoever sends it, so that
/// rows that are made on the way are recognised too.
///
/// # Example
///
/// ```
/// use tenancy_core::testing::Ask;
///
/// let asks = [
///     Ask::get("/api/posts/1"),
///     Ask::post("/api/posts").json(r#"{ "title": "{canary}" }"#),
///     Ask::delete("/api/posts/2").header("if-match", "*"),
/// ];
/// # let _ = asks;
/// ```
#[derive(Debug, Clone)]
pub struct Ask {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
    pub(super) refused: bool,
    pub(super) changing: bool,
}

impl Ask {
    /// A request of any method.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            refused: false,
            changing: false,
        }
    }

    /// `GET path`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `POST path`.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// `PUT path`.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// `PATCH path`.
    pub fn patch(path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// `DELETE path`.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// When `name` is not the name of one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("the name of a header");
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends `text` as JSON.
    #[must_use]
    pub fn json(self, text: &str) -> Self {
        self.header("content-type", "application/json").body(text)
    }

    /// Sends `body`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Says that everybody is refused here; otherwise a request that nobody gets a success or a
    /// redirection for is reported, because it proves nothing.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.refused = true;
        self
    }

    /// Says that the answer is another one each time, so it is looked through and not compared.
    #[must_use]
    pub fn changing(mut self) -> Self {
        self.changing = true;
        self
    }

    /// Its method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its path with the query, as it was given.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it must not change anything.
    pub(super) fn is_read(&self) -> bool {
        self.method.is_safe()
    }

    /// The request as one of the actors sends it.
    ///
    /// # Panics
    ///
    /// When path, host or headers cannot stand in a request.
    pub(super) fn request(
        &self,
        host: &str,
        more: &[(HeaderName, HeaderValue)],
        canary: &str,
    ) -> Request<RequestBody> {
        let body = match str::from_utf8(&self.body) {
            Ok(text) => Bytes::from(text.replace(CANARY, canary)),
            Err(_) => Bytes::copy_from_slice(&self.body),
        };
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(self.path.replace(CANARY, canary))
            .header(header::HOST, host)
            // Nobody can look into a compressed answer.
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONTENT_LENGTH, body.len())
            // An application that answers with the request's own id gives the same answer twice.
            .header("x-request-id", "isolation-kit");
        for (name, value) in &self.headers {
            request = request.header(name, value.replace(CANARY, canary));
        }
        for (name, value) in more {
            request = request.header(name, value);
        }
        request
            .body(Full::new(body))
            .unwrap_or_else(|error| panic!("{self} on {host} is no request: {error}"))
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
