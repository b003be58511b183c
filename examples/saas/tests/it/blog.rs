//! Posts: create, read, change, delete, page through, and be told what does not fit.

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Site, answer};

const HOST: &str = "one.localhost";

#[tokio::test]
async fn a_post_lives_from_creation_to_deletion() {
    let site = Site::new().await;
    let new = json!({ "title": "First", "description": "d", "body": "b", "author": "Ada" });
    let response = site
        .server
        .request(Method::POST, HOST, "/api/blogs/")
        .json(&new)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(response.headers().contains_key("x-request-id"));
    let made: Value = response.json().await.unwrap();
    assert_eq!(
        location,
        format!("/api/blogs/{}/", made["id"].as_str().unwrap())
    );
    assert_eq!(made["published"], true);
    assert!(
        made["created_at"].as_str().unwrap().ends_with('Z'),
        "{made}"
    );

    let (status, found) = site.server.get(HOST, &location).await;
    assert_eq!((status, &found), (200, &made));

    let patch = json!({ "title": "Second" });
    let (status, changed) = site
        .server
        .send(Method::PATCH, HOST, &location, &patch)
        .await;
    assert_eq!(
        (status, &changed["title"], &changed["body"]),
        (200, &json!("Second"), &json!("b"))
    );

    let put = json!({ "title": "Third" });
    let (status, replaced) = site.server.send(Method::PUT, HOST, &location, &put).await;
    assert_eq!(
        (status, &replaced["title"], &replaced["body"]),
        (200, &json!("Third"), &json!(""))
    );

    let (status, _) = answer(site.server.request(Method::DELETE, HOST, &location)).await;
    assert_eq!(status, 204);
    let (status, _) = site.server.get(HOST, &location).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn drafts_are_hidden_until_they_are_published() {
    let site = Site::new().await;
    let draft = json!({ "title": "Draft", "published": false });
    let (_, made) = site
        .server
        .send(Method::POST, HOST, "/api/blogs/", &draft)
        .await;
    let path = format!("/api/blogs/{}/", made["id"].as_str().unwrap());
    assert_eq!(site.server.get(HOST, &path).await.0, 404);
    assert_eq!(
        site.server.get(HOST, "/api/blogs/").await.1["items"],
        json!([])
    );
    let (status, _) = site
        .server
        .send(Method::PATCH, HOST, &path, &json!({ "published": true }))
        .await;
    assert_eq!(status, 200);
    assert_eq!(site.server.get(HOST, &path).await.0, 200);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let site = Site::new().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.insert(0, site.post(HOST, &format!("Post {n}")).await);
    }
    let mut seen = Vec::new();
    let mut path = "/api/blogs/?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let (status, page) = site.server.get(HOST, &path).await;
        assert_eq!(status, 200, "{page}");
        pages += 1;
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        // A post that comes while somebody reads moves nothing on the later pages.
        site.post(HOST, "Meanwhile").await;
        path = format!("/api/blogs/?limit=3&cursor={next}");
    }
    assert_eq!((seen, pages), (ids, 3));
    let (_, everything) = site.server.get(HOST, "/api/blogs/?limit=100000").await;
    assert_eq!(everything["next"], Value::Null);
}

#[tokio::test]
async fn what_does_not_fit_is_named_field_by_field() {
    let site = Site::new().await;
    let long = "x".repeat(201);
    for (body, pointer) in [
        (json!({ "title": "" }), "#/title"),
        (json!({ "title": "  " }), "#/title"),
        (json!({ "title": long }), "#/title"),
        (json!({ "title": "a\u{0}b" }), "#/title"),
        (json!({ "title": "ok", "body": "\u{0}" }), "#/body"),
        (json!({ "title": 5 }), "#/title"),
    ] {
        let (status, problem) = site
            .server
            .send(Method::POST, HOST, "/api/blogs/", &body)
            .await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (422, Some("validation_failed")),
            "{problem}"
        );
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for body in [
        json!({}),
        json!({ "title": "ok", "id": "x" }),
        json!([]),
        json!("text"),
    ] {
        let (status, problem) = site
            .server
            .send(Method::POST, HOST, "/api/blogs/", &body)
            .await;
        assert_eq!(status, 422, "{body}: {problem}");
    }
    for (query, status) in [
        ("limit=0", 422),
        ("cursor=nonsense", 422),
        ("limit=many", 400),
    ] {
        let (got, problem) = site.server.get(HOST, &format!("/api/blogs/?{query}")).await;
        assert!(got == status || got == 422, "{query}: {got} {problem}");
    }
    let (status, problem) = site.server.get(HOST, "/api/blogs/not-an-id/").await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")));
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let site = Site::new().await;
    let post = || site.server.request(Method::POST, HOST, "/api/blogs/");
    let json_type = ("content-type", "application/json");
    for (request, status, code) in [
        (
            post().header(json_type.0, json_type.1).body("{"),
            400,
            "invalid_json",
        ),
        (
            post().header("content-type", "text/plain").body("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            post()
                .header(json_type.0, json_type.1)
                .body(format!("\"{}\"", "x".repeat(2 << 20))),
            413,
            "payload_too_large",
        ),
        (
            site.server.request(Method::PUT, HOST, "/api/blogs/"),
            405,
            "method_not_allowed",
        ),
    ] {
        let response = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{code}: {error:?}"));
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let id = response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["request_id"], id);
    }
}
