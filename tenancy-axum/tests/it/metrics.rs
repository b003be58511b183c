//! What is counted of requests, and told without naming everybody.

use axum::Router;
use axum::routing::get;
use tenancy_axum::testing::TestApp;
use tenancy_axum::{MetricsEndpoint, RequestMetrics, Routes, Tenant};

use crate::app::resolver;

#[tokio::test]
async fn requests_are_told_by_their_answer_and_by_the_busiest_tenants() {
    let metrics = RequestMetrics::new(1);
    let tenant = Router::new()
        .route(
            "/",
            get(|Tenant(tenant): Tenant| async move { tenant.slug().to_string() }),
        )
        .route(
            "/panic",
            get(|| async { panic!("a handler that panics") as () }),
        );
    let app = TestApp::new(
        Routes::new(resolver())
            .tenant(tenant)
            .metrics(metrics.clone())
            .build(),
    );
    let requests = metrics.clone();
    let page = MetricsEndpoint::new().source(move |out| requests.expose(out));
    let page = TestApp::new(page.routes());
    let tell = async || {
        let response = page.host("any.host").get("/metrics").await;
        assert_eq!(response.status, 200);
        let kind = response.header("content-type").unwrap().to_owned();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        response.text().to_owned()
    };
    for host in [
        "tenant1.localhost",
        "tenant1.localhost",
        "tenant2.localhost",
    ] {
        assert_eq!(app.host(host).get("/").await.status, 200);
    }
    tell().await;
    for (host, path, status) in [
        ("tenant1.localhost", "/", 200),
        ("tenant2.localhost", "/", 200),
        ("tenant1.localhost", "/panic", 500),
        ("tenant1.localhost", "/missing", 404),
        ("nobody.localhost", "/", 404),
    ] {
        assert_eq!(
            app.host(host).get(path).await.status,
            status,
            "{host}{path}"
        );
    }
    let text = tell().await;
    for line in [
        r#"tenancy_http_requests_total{outcome="2xx"} 5"#,
        r#"tenancy_http_requests_total{outcome="4xx"} 2"#,
        r#"tenancy_http_requests_total{outcome="5xx"} 1"#,
        r#"tenancy_http_requests_total{outcome="cancelled"} 0"#,
        r#"tenancy_tenant_requests_total{tenant="tenant1"} 3"#,
        r#"tenancy_tenant_requests_total{tenant="(others)"} 4"#,
        "tenancy_http_request_seconds_count 8",
    ] {
        assert!(
            text.lines().any(|told| told == line),
            "{line} is not in {text}"
        );
    }
    assert!(!text.contains("tenant2"), "{text}");
}
