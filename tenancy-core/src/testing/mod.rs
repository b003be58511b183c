//! What tests need: the contracts of stores, caches and feeds, contexts, and the proof that tenants are apart.
//!
//! [`IsolationKit`] sends an application's requests as two tenants and as strangers, in a random
//! order, cuts some of them off, and finds whatever of one tenant reaches another. This is a whole
//! test of an application that answers each tenant with a greeting of its own:
//!
//! ```
//! use tenancy_core::testing::{Ask, IsolationKit, Party, context};
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # use tower::service_fn;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let (a, b) = (context("harbour"), context("northwind"));
//! let a = Party::new(a.tenant(), "harbour.example.com");
//! let b = Party::new(b.tenant(), "northwind.example.com");
//! # let greeting = |party: &Party| (party.host().to_owned(), party.canary().to_string());
//! # let greetings = [greeting(&a), greeting(&b)];
//! # let app = service_fn(move |request: Request<Full<bytes::Bytes>>| {
//! #     let found = greetings.iter().find(|(host, _)| request.headers()["host"] == host.as_str());
//! #     let found = found.cloned();
//! #     async move {
//! #         let mut answer = Response::new(Full::<bytes::Bytes>::from(found.clone().unwrap_or_default().1));
//! #         *answer.status_mut() = if found.is_some() { http::StatusCode::OK } else { http::StatusCode::NOT_FOUND };
//! #         Ok::<_, std::convert::Infallible>(answer)
//! #     }
//! # });
//! let isolated = IsolationKit::new(app, a, b)
//!     .stranger("nobody.example.com")
//!     .ask(Ask::get("/greeting"))
//!     .check()
//!     .await
//!     .unwrap();
//! assert!(isolated.answers() > 10);
//! # }
//! ```

mod store;

mod cache;

mod feed;
mod memory_feed;

mod job;

mod canary;

mod isolation;

use std::sync::Arc;

use crate::context::TenantContext;
use crate::name::{SchemaName, Slug};
use crate::tenant::{Status, Tenant, TenantId};

pub use cache::cache_contract;
pub use canary::Canary;
pub use feed::{FeedFixture, feed_contract};
pub use isolation::{
    Ask, Isolated, IsolationKit, Leak, Leaks, Party, Place, Probe, ProbeError, RequestBody,
};
pub use job::{JobFixture, job_contract};
pub use memory_feed::MemoryFeed;
pub use store::{StoreFixture, store_contract};

/// A context of a new active tenant called `slug`, for tests of whatever is made from one.
///
/// # Panics
///
/// When `slug` is no slug, or its schema name is reserved.
pub fn context(slug: &str) -> TenantContext {
    let slug = Slug::parse(slug).expect("a test's slug is one");
    let schema = SchemaName::from_slug(&slug).expect("a test's slug makes a schema name");
    let tenant = Tenant::new(TenantId::generate(), slug, schema).with_status(Status::Active);
    TenantContext::new(Arc::new(tenant), "test").expect("the tenant is active")
}

/// Breaks the promise that `TENANCY_SABOTAGE` names, for a test of tests; the support code of every
/// test binary calls it.
#[cfg(sabotage)]
pub fn sabotage() {
    if let Ok(name) = std::env::var("TENANCY_SABOTAGE") {
        crate::sabotage::choose(name);
    }
}
