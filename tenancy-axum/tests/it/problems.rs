//! Every failure has one shape.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::app::{app, problem};

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems() {
    let client = app().host("tenant1.localhost");
    problem(
        &client.get("/nowhere?q=1").await,
        404,
        "not_found",
        "/nowhere",
    );

    let response = client.delete("/api/items/").await;
    let body = problem(&response, 405, "method_not_allowed", "/api/items/");
    let allow = response.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    assert!(body["detail"].as_str().unwrap().contains(allow), "{body}");

    let response = app().host("x.localhost").post("/health/live").await;
    problem(&response, 405, "method_not_allowed", "/health/live");
}

#[tokio::test]
async fn a_client_error_keeps_its_words_and_a_server_error_does_not() {
    let client = app().host("tenant1.localhost");
    let response = client.get("/api/bare/409").await;
    let body = problem(&response, 409, "conflict", "/api/bare/409");
    assert_eq!(body["detail"], "words of the handler");

    let response = client.get("/api/bare/500").await;
    problem(&response, 500, "internal", "/api/bare/500");
    assert!(!response.text().contains("words"));

    let response = client.get("/api/bare/410").await;
    problem(&response, 410, "gone", "/api/bare/410");
    let response = client.get("/api/bare/502").await;
    problem(&response, 502, "bad_gateway", "/api/bare/502");
}

#[tokio::test]
async fn a_failure_of_ours_tells_nothing() {
    let response = app().host("tenant1.localhost").get("/api/fail").await;
    let body = problem(&response, 500, "internal", "/api/fail");
    assert_eq!(body["detail"], "Internal error");
    assert!(!response.text().contains("hunter2"));
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_is_answered() {
    let client = app().host("tenant1.localhost");
    let response = client.get("/api/panic").await;
    problem(&response, 500, "internal", "/api/panic");
    assert!(!response.text().contains("secret"));
    assert_eq!(client.get("/api/whoami").await.text(), "tenant1");
}

#[tokio::test]
async fn a_problem_keeps_what_its_author_said() {
    let response = app().host("tenant1.localhost").get("/api/taken").await;
    let body = problem(&response, 409, "conflict", "/its/own");
    assert_eq!(body["detail"], "the name <b> is taken");
}

#[tokio::test]
async fn an_answer_of_another_type_is_left_alone() {
    let response = app().host("tenant1.localhost").get("/api/own").await;
    assert_eq!(response.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(response.json::<Value>()["mine"], true);
}

#[tokio::test]
async fn a_browser_gets_a_page_with_everything_escaped() {
    let client = app()
        .host("tenant1.localhost")
        .header("accept", "text/html,application/xml;q=0.9,*/*;q=0.8");
    let response = client.get("/api/taken").await;
    assert_eq!(response.status, 409);
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(response.header("vary"), Some("accept"));
    let page = response.text();
    assert!(page.contains("The name &lt;b&gt; is taken."), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    assert!(page.contains(response.header("x-request-id").unwrap()));
}

#[tokio::test]
async fn a_head_request_gets_the_headers_only() {
    let client = app().host("tenant1.localhost");
    for path in ["/nowhere", "/api/taken"] {
        let response = client.send(Method::HEAD, path, "").await;
        assert!(response.status.is_client_error());
        assert_eq!(
            response.header("content-type"),
            Some("application/problem+json")
        );
        assert!(response.body.is_empty());
    }
}
