//! What is counted of requests, and the page that tells it.

mod endpoint;
mod tenants;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use tenancy_core::{Exposition, TenantContext};
use tower_layer::Layer;

use crate::layered::{Around, Inner, Layered};
use tenants::Tenants;

pub use endpoint::MetricsEndpoint;

/// Upper bounds of the durations that are told apart, in milliseconds.
const BOUNDS: [u32; 10] = [1, 2, 5, 10, 25, 50, 100, 500, 2_000, 10_000];

/// The answers that are told apart; the last is for requests whose client went away.
const OUTCOMES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "cancelled"];

/// Counts requests by outcome, duration and tenant; given to
/// [`Routes::metrics`](crate::Routes::metrics).
///
/// Only the busiest tenants have figures of their own, so that a fleet of thousands does not
/// become thousands of time series; the others are one. Cloning copies a pointer.
#[derive(Clone)]
pub struct RequestMetrics(Arc<Figures>);

struct Figures {
    outcomes: [AtomicU64; OUTCOMES.len()],
    /// The last is for what is beyond all bounds.
    durations: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
    tenants: Mutex<Tenants>,
}

impl RequestMetrics {
    /// Counts the `top` busiest tenants each by itself.
    pub fn new(top: usize) -> Self {
        Self(Arc::new(Figures {
            outcomes: Default::default(),
            durations: Default::default(),
            micros: AtomicU64::new(0),
            tenants: Mutex::new(Tenants::new(top)),
        }))
    }

    /// Tells them as `tenancy_http_…`; the busiest tenants are chosen anew each time.
    pub fn expose(&self, out: &mut Exposition) {
        let figures = &self.0;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut outcomes = out.counter(
            "tenancy_http_requests_total",
            "Requests that ended, by their answer.",
        );
        for (outcome, count) in OUTCOMES.iter().zip(&figures.outcomes) {
            outcomes.sample(&[("outcome", outcome)], get(count));
        }
        let mut all = 0;
        let mut bounds = Vec::with_capacity(BOUNDS.len());
        for (place, counter) in figures.durations.iter().enumerate() {
            all += get(counter);
            if let Some(bound) = BOUNDS.get(place) {
                bounds.push((f64::from(*bound) / 1000.0, all));
            }
        }
        out.histogram(
            "tenancy_http_request_seconds",
            "How long requests took.",
            &bounds,
            Duration::from_micros(get(&figures.micros)).as_secs_f64(),
            all,
        );
        figures.tenants().expose(out);
    }
}

impl Figures {
    fn tenants(&self) -> MutexGuard<'_, Tenants> {
        // Every operation leaves them whole, so a panic elsewhere takes nothing away.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, started: Instant, status: Option<StatusCode>, tenant: Option<&TenantContext>) {
        let outcome = match status {
            Some(status) => usize::from(status.as_u16() / 100).clamp(1, 5) - 1,
            None => OUTCOMES.len() - 1,
        };
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let duration = BOUNDS.partition_point(|bound| u64::from(*bound) * 1000 < micros);
        self.outcomes[outcome].fetch_add(1, Ordering::Relaxed);
        self.durations[duration].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(tenant) = tenant {
            self.tenants().count(tenant);
        }
    }
}

/// Which tenant a request turned out to be of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Arc<OnceLock<TenantContext>>);

impl Counted {
    pub(crate) fn is_of(&self, tenant: &TenantContext) {
        // A request has one tenant; there is nothing to be done about a second.
        let _ = self.0.set(tenant.clone());
    }
}

impl<S> Layer<S> for RequestMetrics {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(self.clone(), inner)
    }
}

impl Around for RequestMetrics {
    async fn around<S: Inner>(self, inner: S, mut request: Request) -> Response {
        let counted = Counted::default();
        request.extensions_mut().insert(counted.clone());
        let mut ending = Ending {
            figures: self.0,
            counted,
            started: Instant::now(),
            status: None,
        };
        let response = inner.run(request).await;
        ending.status = Some(response.status());
        response
    }
}

/// Counts the request when it is over, also when its future is dropped.
struct Ending {
    figures: Arc<Figures>,
    counted: Counted,
    started: Instant,
    status: Option<StatusCode>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let tenant = self.counted.0.get();
        self.figures.ended(self.started, self.status, tenant);
    }
}

impl fmt::Debug for RequestMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMetrics").finish_non_exhaustive()
    }
}
