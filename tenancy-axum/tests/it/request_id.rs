//! One harmless id per request.

use axum::Router;
use axum::routing::get;
use tenancy_axum::testing::TestApp;
use tenancy_axum::{RequestId, RequestIdLayer};
use uuid::Uuid;

use crate::app::app;

#[tokio::test]
async fn every_response_has_a_new_id_of_its_own() {
    let app = app();
    let mut seen = std::collections::BTreeSet::new();
    for (host, path) in [
        ("tenant1.localhost", "/api/whoami"),
        ("tenant1.localhost", "/nowhere"),
        ("nobody.localhost", "/"),
        ("localhost", "/health/"),
        ("tenant1.localhost", "/api/panic"),
    ] {
        let response = app.host(host).get(path).await;
        let id = response.header("x-request-id").unwrap().to_owned();
        assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);
        assert!(seen.insert(id));
    }
}

#[tokio::test]
async fn a_harmless_id_of_the_client_is_kept_and_any_other_replaced() {
    let router = Router::new()
        .route("/", get(|id: RequestId| async move { id.to_string() }))
        .layer(RequestIdLayer);
    let app = TestApp::new(router);
    let longest = "a".repeat(64);
    for id in ["abc", "A.b_c-9", longest.as_str()] {
        let response = app.host("h").header("x-request-id", id).get("/").await;
        assert_eq!(response.header("x-request-id"), Some(id));
        assert_eq!(response.text(), id);
    }
    let too_long = "a".repeat(65);
    for id in [
        "",
        "a b",
        "a\"b",
        "<script>",
        "a;b",
        "\u{e9}",
        too_long.as_str(),
    ] {
        let response = app.host("h").header("x-request-id", id).get("/").await;
        let given = response.header("x-request-id").unwrap();
        assert_ne!(given, id);
        assert!(Uuid::parse_str(given).is_ok());
        assert_eq!(response.text(), given);
    }
    let client = app.host("h").header("x-request-id", "a");
    let response = client.header("x-request-id", "b").get("/").await;
    assert!(Uuid::parse_str(response.text()).is_ok());
}
