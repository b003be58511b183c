//! Requests to a server, each with a time limit, and no more at once than allowed.

use std::fmt;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use serde_json::Value;
use tenancy_core::{Error, ErrorKind};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::failure::{Failure, unavailable};
use super::options::ElasticOptions;

/// The way to a server.
pub(super) struct Link {
    client: Client,
    base: Url,
    /// Turns of those who wait for a search, and of all others: writes that hang keep no visitor
    /// waiting.
    searches: Semaphore,
    changes: Semaphore,
    pub(super) options: ElasticOptions,
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Body<'a> {
    Nothing,
    Json(&'a Value),
    /// Lines of JSON.
    Lines(String),
}

/// The most bytes of an answer; a batch of documents or a page of hits has far fewer.
const ANSWER: usize = 32 * 1024 * 1024;

/// What the server itself waits for before a change of its indexes is called unknown.
pub(super) const PATIENCE: &str = "master_timeout=10s&timeout=10s";

impl Link {
    pub(super) fn new(url: &str, options: ElasticOptions) -> Result<Self, Error> {
        let base = address(url)?;
        let client = Client::builder()
            .connect_timeout(options.connect)
            .pool_max_idle_per_host(options.connections)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| {
                Error::with_source(
                    ErrorKind::Configuration,
                    "no HTTP client can be made",
                    error,
                )
            })?;
        Ok(Self {
            client,
            base,
            searches: Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)),
            changes: Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)),
            options,
        })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.change(Method::GET, path, Body::Nothing).await
    }

    pub(super) async fn post(&self, path: &str, body: Body<'_>) -> Result<Value, Failure> {
        self.change(Method::POST, path, body).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.change(Method::PUT, path, Body::Json(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.change(Method::DELETE, path, Body::Nothing).await
    }

    /// Sends what a visitor waits for.
    pub(super) async fn search(&self, path: &str, body: Body<'_>) -> Result<Value, Failure> {
        let limit = self.options.search;
        self.within(limit, &self.searches, Method::POST, path, body)
            .await
    }

    /// Reads something that is answered at once or not at all.
    pub(super) async fn ping(&self, path: &str) -> Result<Value, Failure> {
        let limit = self.options.search;
        self.within(limit, &self.searches, Method::GET, path, Body::Nothing)
            .await
    }

    async fn change(&self, method: Method, path: &str, body: Body<'_>) -> Result<Value, Failure> {
        let limit = self.options.write;
        self.within(limit, &self.changes, method, path, body).await
    }

    /// Sends one request and reads the whole answer, all of it within `limit`.
    async fn within(
        &self,
        limit: Duration,
        turns: &Semaphore,
        method: Method,
        path: &str,
        body: Body<'_>,
    ) -> Result<Value, Failure> {
        let exchange = async {
            let _turn = turns.acquire().await;
            self.exchange(method, path, body).await
        };
        timeout(limit, exchange).await.unwrap_or_else(|_| {
            Err(Failure::Down(unavailable(format!(
                "elasticsearch at {self} did not answer within {limit:?}; check that it runs"
            ))))
        })
    }

    async fn exchange(&self, method: Method, path: &str, body: Body<'_>) -> Result<Value, Failure> {
        let lost = |error: reqwest::Error| {
            Failure::Down(Error::with_source(
                ErrorKind::Unavailable,
                format!("elasticsearch at {self} does not answer; check that it runs"),
                error.without_url(),
            ))
        };
        // Paths are made of names of ours: letters, digits, `_`, `-`, and `*` behind a whole id.
        let url = self.base.join(path).map_err(|_| {
            Failure::Down(Error::new(
                ErrorKind::Internal,
                format!("{path:?} is no path"),
            ))
        })?;
        let request = self.client.request(method, url);
        let request = match body {
            Body::Nothing => request,
            Body::Json(body) => request.json(body),
            Body::Lines(lines) => request
                .header("content-type", "application/x-ndjson")
                .body(lines),
        };
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if answer.len() + chunk.len() > ANSWER {
                return Err(Failure::Down(unavailable(format!(
                    "elasticsearch at {self} answered with more than {ANSWER} bytes"
                ))));
            }
            answer.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(Failure::of_answer(status.as_u16(), &answer));
        }
        serde_json::from_slice(&answer).map_err(|error| {
            Failure::Down(Error::with_source(
                ErrorKind::Unavailable,
                format!("what answers at {self} is no elasticsearch; check the address"),
                error,
            ))
        })
    }
}

/// Without user and password.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port_or_known_default().unwrap_or_default();
        write!(f, "{}://{host}:{port}", self.base.scheme())
    }
}

fn address(url: &str) -> Result<Url, Error> {
    let refuse = |reason: &str| {
        // The text may hold a password.
        Err(Error::new(
            ErrorKind::Configuration,
            format!("the address of elasticsearch {reason}"),
        ))
    };
    let Ok(base) = Url::parse(url) else {
        return refuse("is no URL: write http://user:password@host:9200");
    };
    match base.scheme() {
        "http" => {}
        "https" => {
            return refuse(
                "begins with https://, and TLS is not built in: reach it with http:// over a \
                 private network or through a proxy beside the program that speaks TLS",
            );
        }
        _ => return refuse("must begin with http://"),
    }
    if base.host_str().is_none_or(str::is_empty) {
        return refuse("names no host: write http://host:9200");
    }
    if base.path() != "/" || base.query().is_some() || base.fragment().is_some() {
        return refuse("must end after host and port: write http://host:9200");
    }
    Ok(base)
}
