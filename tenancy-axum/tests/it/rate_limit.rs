//! A tenant asks no faster than its plan admits, and another tenant does not notice.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::routing::get;
use tenancy_axum::testing::{TestApp, TestResponse};
use tenancy_axum::{RateLimitLayer, Routes};
use tenancy_core::rate::{MemoryRateLimiter, Rate, RateLimiter, Verdict};
use tenancy_core::{
    Domain, Error, ErrorKind, Features, LimitName, Limits, MemoryStore, Resolver, SchemaName, Slug,
    Status, Subdomain, Tenant, TenantId,
};

use crate::app::problem;

/// `acme` and `globex` may ask three times in a second, `initech` as often as it likes.
fn app(layer: RateLimitLayer) -> TestApp {
    let store = MemoryStore::new();
    for slug in ["acme", "globex", "initech"] {
        let [name, schema] = [slug; 2];
        let tenant = Tenant::new(
            TenantId::generate(),
            Slug::parse(name).unwrap(),
            SchemaName::parse(schema).unwrap(),
        );
        let limits = match slug {
            "initech" => Limits::new(),
            _ => Limits::new().limit(LimitName::REQUESTS_PER_SECOND, 3),
        };
        let tenant = tenant.with_terms(limits, Features::new());
        store.insert(tenant.with_status(Status::Active)).unwrap();
    }
    let base = Domain::parse("localhost").unwrap();
    let resolver = Resolver::new(store)
        .strategy(Subdomain::of(base.clone()))
        .public_host(base);
    let routes = Router::new().route("/", get(|| async { "home" }));
    let tenant = routes.clone().layer(layer.clone());
    TestApp::new(
        Routes::new(resolver)
            .tenant(tenant)
            .public(routes.layer(layer))
            .build(),
    )
}

/// A limiter whose time the test moves.
fn stopped() -> (Arc<MemoryRateLimiter>, impl Fn(Duration)) {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
    let now = Arc::new(Mutex::new(Instant::now()));
    let clock = Arc::clone(&now);
    let limiter = MemoryRateLimiter::with_clock(move || *clock.lock().unwrap());
    (Arc::new(limiter), move |time| *now.lock().unwrap() += time)
}

async fn ask(app: &TestApp, tenant: &str) -> TestResponse {
    app.host(&format!("{tenant}.localhost")).get("/").await
}

fn header<'a>(response: &'a TestResponse, name: &str) -> &'a str {
    let value = response.headers.get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_tenant_that_asks_too_fast_is_told_when_to_come_back() {
    let (limiter, wait) = stopped();
    let app = app(RateLimitLayer::new(limiter));
    for left in [2, 1, 0] {
        let response = ask(&app, "acme").await;
        assert_eq!(response.status, 200);
        assert_eq!(header(&response, "ratelimit-policy"), "\"tenant\";q=3;w=2");
        let state = format!("\"tenant\";r={left};t=1");
        let state = state.replace("r=0;t=1", "r=0;t=2");
        assert_eq!(header(&response, "ratelimit"), state);
    }
    let response = ask(&app, "acme").await;
    problem(&response, 429, "rate_limited", "/");
    assert_eq!(header(&response, "retry-after"), "1");
    assert_eq!(header(&response, "ratelimit"), "\"tenant\";r=0;t=2");
    // Others have buckets of their own, or none.
    assert_eq!(ask(&app, "globex").await.status, 200);
    for _ in 0..10 {
        let response = ask(&app, "initech").await;
        assert_eq!(response.status, 200);
        assert_eq!(header(&response, "ratelimit"), "");
        assert_eq!(app.host("localhost").get("/").await.status, 200);
    }
    // A third of a second brings one back.
    wait(Duration::from_micros(333_334));
    assert_eq!(ask(&app, "acme").await.status, 200);
    assert_eq!(ask(&app, "acme").await.status, 429);
}

#[tokio::test]
async fn a_default_holds_for_those_without_a_limit_of_their_own() {
    let (limiter, _) = stopped();
    let app = app(RateLimitLayer::new(limiter).or_else(Rate::per_second(1)));
    assert_eq!(ask(&app, "initech").await.status, 200);
    assert_eq!(ask(&app, "initech").await.status, 429);
    assert_eq!(ask(&app, "acme").await.status, 200);
    assert_eq!(ask(&app, "acme").await.status, 200);
}

#[derive(Debug)]
struct Away;

#[async_trait]
impl RateLimiter for Away {
    async fn take(&self, _: TenantId, _: Rate) -> Result<Verdict, Error> {
        Err(Error::new(ErrorKind::Unavailable, "nobody answers"))
    }
}

#[tokio::test]
async fn a_limiter_that_refuses_while_it_is_away_is_a_503() {
    let app = app(RateLimitLayer::new(Arc::new(Away)));
    let response = ask(&app, "acme").await;
    problem(&response, 503, "unavailable", "/");
    assert_eq!(ask(&app, "initech").await.status, 200);
}
