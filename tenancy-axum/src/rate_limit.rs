//! A tenant asks no faster than it may.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use tenancy_core::rate::{Rate, RateLimiter, Verdict};
use tenancy_core::{LimitName, Problem, ProblemCode, TenantContext};
use tower_layer::Layer;

use crate::layered::{Around, Inner, Layered};
use crate::problem::ApiError;

/// Lets in what a tenant's limit `requests_per_second` admits, on average; the others are 429
/// `rate_limited` with `Retry-After`.
///
/// Put it around a tenant's routes: the tenant must have been resolved. A request without a tenant
/// passes, and so does one of a tenant without the limit, unless there is a
/// [default](RateLimitLayer::or_else).
///
/// Every response under a rate has `RateLimit-Policy` and `RateLimit` of the IETF's draft
/// `draft-ietf-httpapi-ratelimit-headers-10`: the policy is called `tenant`, `q` is how many
/// requests are let in at once after a pause, `w` in how many seconds as many come back, `r` how
/// many are left, and `t` in how many seconds none is missing.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use axum::{Router, routing::get};
/// use tenancy_axum::RateLimitLayer;
/// use tenancy_core::rate::{MemoryRateLimiter, Rate};
///
/// let limiter = RateLimitLayer::new(Arc::new(MemoryRateLimiter::new()))
///     .or_else(Rate::per_second(100));
/// let tenant: Router = Router::new()
///     .route("/", get(|| async { "home" }))
///     .layer(limiter);
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    limiter: Arc<dyn RateLimiter>,
    otherwise: Option<Rate>,
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

impl RateLimitLayer {
    /// Takes requests out of the buckets of `limiter`.
    pub fn new(limiter: Arc<dyn RateLimiter>) -> Self {
        Self {
            limiter,
            otherwise: None,
        }
    }

    /// Lets tenants without the limit in at `rate`; without it, they are not limited.
    #[must_use]
    pub fn or_else(mut self, rate: Rate) -> Self {
        self.otherwise = Some(rate);
        self
    }

    fn rate(&self, tenant: &TenantContext) -> Option<Rate> {
        let own = tenant
            .tenant()
            .limits()
            .get(&LimitName::REQUESTS_PER_SECOND);
        own.map(Rate::per_second).or(self.otherwise)
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(self.clone(), inner)
    }
}

impl Around for RateLimitLayer {
    async fn around<S: Inner>(self, inner: S, request: Request) -> Response {
        let tenant = request.extensions().get::<TenantContext>();
        let Some((tenant, rate)) = tenant.and_then(|tenant| Some((tenant, self.rate(tenant)?)))
        else {
            return inner.run(request).await;
        };
        let verdict = match self.limiter.take(tenant.id(), rate).await {
            Ok(verdict) => verdict,
            Err(error) => return ApiError::from(error).into_response(),
        };
        let mut response = match verdict.retry_after() {
            None => inner.run(request).await,
            Some(wait) => refusal(wait).into_response(),
        };
        tell(response.headers_mut(), rate, verdict);
        response
    }
}

fn refusal(wait: Duration) -> ApiError {
    let detail = "this tenant asks more often than its plan admits: ask again later";
    let problem = Problem::new(ProblemCode::RateLimited).detail(detail);
    problem.retry_after(wait).into()
}

fn tell(headers: &mut HeaderMap, rate: Rate, verdict: Verdict) {
    let [burst, left] = [rate.burst(), verdict.remaining()];
    let [window, full] = [rate.window(), verdict.full_in()].map(seconds);
    let policy = format!("\"tenant\";q={burst};w={window}");
    let state = format!("\"tenant\";r={left};t={full}");
    for (name, value) in [(POLICY, policy), (LEFT, state)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
