//! Links lead back the way the visitor came.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use tenancy_axum::testing::TestApp;
use tenancy_axum::{Authority, Routes, Tenant};
use tenancy_core::{PeerAddr, TrustedProxies};

use crate::app::resolver;

async fn link(tenant: Option<Tenant>, authority: Authority) -> String {
    let slug = tenant.map(|Tenant(tenant)| tenant.slug().to_string());
    format!("{slug:?} at {} {:?}", authority.host(), authority.port())
}

/// Asks through a proxy that is trusted when its address begins with 10.
async fn ask(peer: &str, uri: &str, headers: &[(&str, &str)]) -> String {
    let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
    let routes = Router::new().route("/", get(link));
    let app = Routes::new(resolver().trust(proxies))
        .tenant(routes.clone())
        .public(routes)
        .universal(Router::new().route("/universal", get(link)))
        .build();
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request
        .extensions_mut()
        .insert(PeerAddr(format!("{peer}:9").parse().unwrap()));
    TestApp::new(app).send(request).await.text().to_owned()
}

const INSIDE: (&str, &str) = ("host", "tenant1.localhost:8000");
const TENANT2: &str = "Some(\"tenant2\") at tenant2.localhost";

#[tokio::test]
async fn behind_a_trusted_proxy_it_is_what_resolved_the_tenant() {
    for (name, value, port) in [
        ("x-forwarded-host", "tenant2.localhost", "None"),
        ("x-forwarded-host", "Tenant2.localhost:8443", "Some(8443)"),
        ("forwarded", "host=tenant2.localhost", "None"),
        (
            "forwarded",
            "for=_x;Host=\"tenant2.localhost:81\"",
            "Some(81)",
        ),
        (
            "forwarded",
            "for=\"a;host=b:1,\\\"\"; host=\"tenant2.local\\host:82\";proto=https",
            "Some(82)",
        ),
    ] {
        let answer = ask("10.1.2.3", "/", &[INSIDE, (name, value)]).await;
        assert_eq!(answer, format!("{TENANT2} {port}"), "{value}");
    }
    let forwarded = [INSIDE, ("x-forwarded-host", "localhost:8443")];
    let answer = ask("10.1.2.3", "/", &forwarded).await;
    assert_eq!(answer, "None at localhost Some(8443)");
    let answer = ask("10.1.2.3", "/universal", &forwarded).await;
    assert_eq!(answer, "None at localhost Some(8443)");
}

#[tokio::test]
async fn a_proxy_that_forwards_no_host_leaves_the_requests_own() {
    let own = "Some(\"tenant1\") at tenant1.localhost Some(8000)";
    let other = ("forwarded", "for=192.0.2.1;proto=https");
    assert_eq!(ask("10.1.2.3", "/", &[INSIDE, other]).await, own);
    let absolute = "http://tenant1.localhost:8000/";
    assert_eq!(ask("10.1.2.3", absolute, &[]).await, own);
}

#[tokio::test]
async fn what_a_stranger_forwards_leads_nowhere() {
    for forwarded in [
        ("x-forwarded-host", "tenant2.localhost:81"),
        ("forwarded", "host=\"tenant2.localhost:81\""),
    ] {
        let answer = ask("192.0.2.1", "/", &[INSIDE, forwarded]).await;
        assert_eq!(answer, "Some(\"tenant1\") at tenant1.localhost Some(8000)");
    }
}
