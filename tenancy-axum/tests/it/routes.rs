//! A route answers on its own kind of host only.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http::StatusCode;
use serde_json::Value;
use tenancy_axum::testing::TestApp;
use tenancy_axum::{ProblemLayer, PublicOnly, RequestIdLayer, Routes, Tenant};
use tenancy_core::TenantLayer;

use crate::app::{app, problem, resolver};

#[tokio::test]
async fn each_host_has_its_own_tenant() {
    let app = app();
    for (host, slug) in [
        ("tenant1.localhost", "tenant1"),
        ("tenant2.localhost:8000", "tenant2"),
        ("TENANT1.Localhost.", "tenant1"),
        ("shop.example", "tenant2"),
    ] {
        let response = app.host(host).get("/api/whoami").await;
        assert_eq!((response.status, response.text()), (StatusCode::OK, slug));
        assert_eq!(app.host(host).get("/api/either").await.text(), slug);
    }
}

#[tokio::test]
async fn a_tenants_route_is_not_there_on_the_public_host_and_the_other_way_round() {
    let app = app();
    let response = app.host("localhost").get("/api/whoami").await;
    problem(&response, 404, "not_found", "/api/whoami");
    let response = app.host("tenant1.localhost").get("/api/tenants/").await;
    problem(&response, 404, "not_found", "/api/tenants/");
    let response = app.host("localhost:8000").get("/api/tenants/").await;
    assert_eq!(response.text(), "tenants");
    assert_eq!(
        app.host("localhost").get("/api/either").await.text(),
        "nobody"
    );
}

#[tokio::test]
async fn a_tenants_handler_never_runs_without_a_tenant() {
    let response = app().host("localhost").get("/api/misplaced").await;
    problem(&response, 404, "tenant_not_found", "/api/misplaced");
}

#[tokio::test]
async fn hosts_that_do_not_serve_say_why() {
    let app = app();
    for (host, status, code, retry) in [
        ("nobody.localhost", 404, "tenant_not_found", None),
        ("other.example", 404, "tenant_not_found", None),
        ("gone.localhost", 404, "tenant_not_found", None),
        ("stopped.localhost", 403, "tenant_suspended", None),
        ("fresh.localhost", 503, "tenant_provisioning", Some("2")),
        ("works.localhost", 503, "tenant_maintenance", Some("30")),
        ("a_b.localhost", 400, "invalid_host", None),
        ("a..localhost", 400, "invalid_host", None),
        ("user@tenant1.localhost", 400, "invalid_host", None),
    ] {
        for path in ["/api/whoami", "/api/tenants/", "/nowhere"] {
            let response = app.host(host).get(path).await;
            problem(&response, status, code, path);
            assert_eq!(response.header("retry-after"), retry, "{host}");
        }
    }
}

#[tokio::test]
async fn an_unknown_host_and_an_archived_tenant_look_the_same() {
    let app = app();
    let host = |host: &str| app.host(host).header("x-request-id", "same");
    let unknown = host("nobody.localhost").get("/").await;
    let archived = host("gone.localhost").get("/").await;
    assert_eq!(unknown.body, archived.body);
}

#[tokio::test]
async fn universal_routes_answer_on_every_host() {
    let app = app();
    for host in [
        "tenant1.localhost",
        "localhost",
        "nobody.localhost",
        "stopped.localhost",
        "127.0.0.1:8000",
        "[::1]",
        "!!",
    ] {
        assert_eq!(
            app.host(host).get("/health/live").await.status,
            200,
            "{host}"
        );
        // They come before resolving, so they know no tenant, and are not the public host.
        assert_eq!(
            app.host(host).get("/universal/either").await.text(),
            "nobody"
        );
        let response = app.host(host).get("/universal/only").await;
        problem(&response, 404, "not_found", "/universal/only");
    }
    let request = Request::get("/health/live").body(Body::empty()).unwrap();
    assert_eq!(app.send(request).await.status, 200);
}

#[tokio::test]
async fn without_a_host_only_universal_routes_answer() {
    let request = Request::get("/api/whoami").body(Body::empty()).unwrap();
    let response = app().send(request).await;
    problem(&response, 400, "invalid_host", "/api/whoami");
}

#[tokio::test]
async fn forwarded_hosts_have_no_effect() {
    for (name, value) in [
        ("x-forwarded-host", "tenant2.localhost"),
        ("forwarded", "host=tenant2.localhost"),
        ("x-host", "tenant2.localhost"),
        ("x-tenant", "tenant2"),
    ] {
        let client = app().host("tenant1.localhost").header(name, value);
        assert_eq!(client.get("/api/whoami").await.text(), "tenant1", "{name}");
    }
}

#[tokio::test]
async fn fallbacks_of_universal_routes_hide_nothing() {
    let app = Routes::new(resolver())
        .tenant(Router::new().route("/", get(|| async { "home" })))
        .universal(Router::new().fallback(|| async { "everything" }))
        .universal(Router::new().fallback(|| async { "everything else" }))
        .build();
    let response = TestApp::new(app).host("tenant1.localhost").get("/").await;
    assert_eq!(response.text(), "home");
}

#[tokio::test]
async fn a_failure_is_not_taken_for_the_absence_of_a_tenant() {
    // The extractors alone, where an application has put its own layers together.
    let app = Router::new()
        .route("/either", get(async |_: Option<Tenant>| "served"))
        .route("/public", get(async |_: PublicOnly| "served"))
        .route("/tenant", get(async |_: Tenant| "served"))
        .layer(TenantLayer::new(resolver()).pass_failures())
        .layer(ProblemLayer)
        .layer(RequestIdLayer);
    let app = TestApp::new(app);
    for path in ["/either", "/public", "/tenant"] {
        let response = app.host("stopped.localhost").get(path).await;
        assert_eq!(response.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(response.json::<Value>()["code"], "tenant_suspended");
    }
    let statuses = async |host: &str| {
        let client = app.host(host);
        let mut statuses = Vec::new();
        for path in ["/either", "/public", "/tenant"] {
            statuses.push(client.get(path).await.status.as_u16());
        }
        statuses
    };
    assert_eq!(statuses("tenant1.localhost").await, [200, 404, 200]);
    assert_eq!(statuses("localhost").await, [200, 200, 404]);
}
