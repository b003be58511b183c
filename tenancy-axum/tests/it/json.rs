//! What does not fit is named by its place.

use http::Method;
use serde_json::json;
use tenancy_axum::testing::{TestHost, TestResponse};

use crate::app::{app, problem};

const PATH: &str = "/api/items/";

fn client() -> TestHost {
    app().host("tenant1.localhost")
}

async fn post(content_type: &str, body: &'static str) -> TestResponse {
    client()
        .header("content-type", content_type)
        .send(Method::POST, PATH, body)
        .await
}

#[tokio::test]
async fn a_good_body_is_taken_and_given_back() {
    let item = json!({ "name": "a", "price": 1, "tags": [] });
    let response = client().post_json(PATH, &item).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.json::<serde_json::Value>(), item);
    let body = r#"{"name":"a","price":1}"#;
    for content_type in [
        "application/json; charset=utf-8",
        "Application/Merge-Patch+JSON",
    ] {
        assert_eq!(post(content_type, body).await.status, 201);
    }
}

#[tokio::test]
async fn what_is_not_json_says_where() {
    for (body, place) in [
        ("{\"name\":\n  oops}", "line 2 column 3"),
        ("{\"name\":\"a\"", "line 1 column 11"),
        ("{\"name\":\"a\",\"price\":1} trailing", "line 1 column 24"),
        ("", "empty"),
        ("\u{0}", "line 1 column 1"),
    ] {
        let response = post("application/json", body).await;
        let problem = problem(&response, 400, "invalid_json", PATH);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(place), "{body:?}: {detail}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_named_by_a_pointer() {
    for (body, pointer, code) in [
        (json!({ "name": "a" }), "#/price", "required"),
        (
            json!({ "name": "a", "price": "x" }),
            "#/price",
            "invalid_type",
        ),
        (json!({ "name": "a", "price": -1 }), "#/price", "invalid"),
        (
            json!({ "name": "a", "price": 1, "id": 7 }),
            "#/id",
            "unknown_field",
        ),
        (
            json!({ "name": "a", "price": 1, "tags": [{ "label": "x" }, { "label": 2 }] }),
            "#/tags/1/label",
            "invalid_type",
        ),
        (
            json!({ "name": "a", "price": 1, "tags": [{}] }),
            "#/tags/0/label",
            "required",
        ),
        (json!([]), "#", "invalid_length"),
        (json!("text"), "#", "invalid_type"),
    ] {
        let response = client().post_json(PATH, &body).await;
        let problem = problem(&response, 422, "validation_failed", PATH);
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0]["pointer"], pointer, "{body} {problem}");
        assert_eq!(errors[0]["code"], code, "{body} {problem}");
        assert!(!errors[0]["detail"].as_str().unwrap().contains(" at line"));
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_not_read() {
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "",
    ] {
        let response = post(content_type, r#"{"name":"a","price":1}"#).await;
        problem(&response, 415, "unsupported_media_type", PATH);
    }
    let response = client().send(Method::POST, PATH, "{}").await;
    problem(&response, 415, "unsupported_media_type", PATH);
}

#[tokio::test]
async fn a_query_that_does_not_fit_names_its_parameter() {
    assert_eq!(client().get("/api/items/?limit=5").await.text(), "Some(5)");
    let response = client().get("/api/items/?limit=many").await;
    let problem = problem(&response, 422, "validation_failed", PATH);
    assert_eq!(problem["errors"][0]["pointer"], "#/limit");
}

#[tokio::test]
async fn a_path_that_does_not_parse_is_not_there() {
    let id = "01939d5e-7c1a-7f3e-8a55-0d6f6d1c2b4e";
    let path = format!("/api/items/{id}/");
    assert_eq!(client().get(&path).await.text(), id);
    for path in [
        "/api/items/7/",
        "/api/items/%27%20OR%201=1/",
        "/api/items/%FF/",
    ] {
        problem(&client().get(path).await, 404, "not_found", path);
    }
}
