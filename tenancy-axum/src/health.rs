//! Whether this process lives, and whether what it needs answers.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{BoxError, Router};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::json::Json;

/// The routes that load balancers and probes ask: `/health/`, `/health/live`, `/health/ready`.
///
/// - `live` is always 200 `{"status":"ok"}`: the process answers.
/// - `ready` runs every check at the same time, each for at most the deadline, and is 200 or 503:
///   `{"status":"failed","parts":{"database":"ok","search":"failed"}}`. Why a part failed stands
///   in the log only.
/// - `/health/` is the same as `ready`. A trailing slash makes no difference to any of them.
///
/// # Example
///
/// ```
/// use tenancy_axum::Health;
///
/// let router = Health::new()
///     .check("database", || async { Ok::<(), std::io::Error>(()) })
///     .check("search", || async { Err(std::io::Error::other("connection refused")) })
///     .routes();
/// # let _: axum::Router = router;
/// ```
#[derive(Clone)]
pub struct Health {
    checks: BTreeMap<&'static str, Check>,
    deadline: Duration,
}

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

impl Health {
    /// The paths of the routes, for whoever lists every path there is.
    pub const PATHS: [&'static str; 6] = [
        "/health",
        "/health/",
        "/health/ready",
        "/health/ready/",
        "/health/live",
        "/health/live/",
    ];

    /// Starts without checks and with a deadline of 2 s for each.
    pub fn new() -> Self {
        Self {
            checks: BTreeMap::new(),
            deadline: Duration::from_secs(2),
        }
    }

    /// Adds a part that must answer before this process is ready; the last one of a name counts.
    #[must_use]
    pub fn check<F, Fut, E>(mut self, part: &'static str, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let check = move || check().map(|result| result.map_err(Into::into)).boxed();
        self.checks.insert(part, Arc::new(check));
        self
    }

    /// Gives every check this long.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The routes, for [`Routes::universal`](crate::Routes::universal).
    pub fn routes(self) -> Router {
        let health = Arc::new(self);
        let ready = get(move || {
            let health = Arc::clone(&health);
            async move { health.report().await }
        });
        let live = get(|| async {
            answer(Report {
                status: State::Ok,
                parts: None,
            })
        });
        let [whole @ .., live_bare, live_closed] = Self::PATHS;
        let mut router = Router::new();
        for path in whole {
            router = router.route(path, ready.clone());
        }
        router
            .route(live_bare, live.clone())
            .route(live_closed, live)
    }

    async fn report(&self) -> Response {
        let parts = self.checks.iter().map(|(part, check)| async move {
            let answer = AssertUnwindSafe(async { check().await }).catch_unwind();
            let reason = match tokio::time::timeout(self.deadline, answer).await {
                Ok(Ok(Ok(()))) => return (*part, State::Ok),
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(_)) => "the check panicked".to_owned(),
                Err(_) => format!("no answer within {:?}", self.deadline),
            };
            tracing::warn!(target: "tenancy.http", part, reason, "a health check failed");
            (*part, State::Failed)
        });
        let parts: BTreeMap<_, _> = join_all(parts).await.into_iter().collect();
        let failed = parts.values().any(|state| *state == State::Failed);
        answer(Report {
            status: if failed { State::Failed } else { State::Ok },
            parts: Some(parts),
        })
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("checks", &self.checks.keys())
            .field("deadline", &self.deadline)
            .finish()
    }
}

#[derive(Serialize)]
struct Report {
    status: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<BTreeMap<&'static str, State>>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Failed,
}

fn answer(report: Report) -> Response {
    let status = match report.status {
        State::Ok => StatusCode::OK,
        State::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, Json(report)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
