#![doc = include_str!("../README.md")]

mod routes;

mod dispatch;

mod authority;

mod extract;

mod problem;

mod document;

mod page;

mod json;

mod query;

mod path;

mod field;

mod request_id;

mod trace;

mod catch_panic;

mod body_limit;

mod rate_limit;

mod layered;

mod health;

mod metrics;

#[cfg(feature = "server")]
mod server;

#[cfg(feature = "testing")]
pub mod testing;

pub use authority::Authority;
pub use body_limit::BodyLimitLayer;
pub use catch_panic::CatchPanicLayer;
pub use extract::{PublicOnly, Tenant};
pub use health::Health;
pub use json::Json;
pub use layered::Layered;
pub use metrics::{MetricsEndpoint, RequestMetrics};
pub use path::Path;
pub use problem::{ApiError, ProblemLayer};
pub use query::Query;
pub use rate_limit::RateLimitLayer;
pub use request_id::{REQUEST_ID, RequestId, RequestIdLayer};
pub use routes::Routes;
#[cfg(feature = "server")]
pub use server::{ServeOptions, serve};
pub use trace::TraceLayer;
