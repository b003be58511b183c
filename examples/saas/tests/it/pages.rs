//! The pages a person sees.

use reqwest::Method;
use serde_json::json;

use crate::program::Site;

#[tokio::test]
async fn each_host_shows_its_own_posts_and_escapes_them() {
    let site = Site::new().await;
    let body = json!({ "title": "<script>alert(1)</script>", "description": "fish & chips" });
    site.server
        .send(Method::POST, "one.localhost", "/api/blogs/", &body)
        .await;
    let page = async |host: &str, path: &str| {
        let answer = site
            .server
            .request(Method::GET, host, path)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, one) = page("one.localhost", "/").await;
    assert_eq!(status, 200);
    assert!(
        !one.contains("<script>") && one.contains("alert(1)"),
        "{one}"
    );
    assert!(
        one.contains("fish &#38; chips") || one.contains("fish &amp; chips"),
        "{one}"
    );
    let (_, two) = page("two.localhost", "/").await;
    assert!(
        !two.contains("alert(1)") && two.contains("Nothing has been published"),
        "{two}"
    );
    let (status, front) = page("localhost", "/").await;
    assert!(
        status == 200 && front.contains("Find your space"),
        "{front}"
    );
    // Who the customers are is nobody's business.
    assert!(!front.contains("one.localhost"), "{front}");
}

#[tokio::test]
async fn health_answers_on_every_host() {
    let site = Site::new().await;
    for host in [
        "localhost",
        "one.localhost",
        "nobody.localhost",
        "127.0.0.1",
    ] {
        for path in ["/health/", "/health/live", "/health/ready"] {
            let (status, health) = site.server.get(host, path).await;
            assert_eq!(
                (status, health["status"].as_str()),
                (200, Some("ok")),
                "{host}{path}"
            );
        }
    }
}
