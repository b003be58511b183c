//! The search page, with scripts and without.

use reqwest::Method;
use serde_json::json;

use super::{BLOGS, ONE, PRODUCTS, ask, finds, post, product};
use crate::program::Site;

struct Page {
    status: u16,
    kind: String,
    again: Option<String>,
    vary: String,
    body: String,
}

async fn page(site: &Site, path: &str, part: Option<&str>) -> Page {
    let mut request = site.server.request(Method::GET, ONE, path);
    if let Some(part) = part {
        request = request.header("x-part", part);
    }
    let answer = request.send().await.unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    Page {
        status: answer.status().as_u16(),
        kind: header("content-type").unwrap_or_default(),
        again: header("retry-after"),
        vary: header("vary").unwrap_or_default(),
        body: answer.text().await.unwrap(),
    }
}

#[tokio::test]
async fn the_page_answers_without_scripts_and_gives_its_results_alone_to_the_script() {
    let site = Site::new().await;
    let text = json!({ "description": "<script>alert(1)</script> bright & <em>small</em>" });
    let lamp = product(&site, ONE, "<img src=x> lamp", text).await;
    let story = post(&site, ONE, "Lamp \"quoted\" <b>story</b>", "by lamp light").await;
    finds(&site, ONE, PRODUCTS, "lamp", &["<img src=x> lamp"]).await;
    finds(&site, ONE, BLOGS, "lamp", &["Lamp \"quoted\" <b>story</b>"]).await;

    let whole = page(&site, "/search/?q=lam", None).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    assert!(whole.kind.starts_with("text/html"), "{}", whole.kind);
    assert!(whole.vary.contains("x-part"), "{}", whole.vary);
    for shown in [
        "<form action=\"/search/\"",
        "value=\"lam\"",
        "1 product and 1 post",
        "<em>lamp</em>",
        "<em>Lamp</em>",
        &format!("href=\"/products/{lamp}/\""),
        &format!("href=\"/posts/{story}/\""),
        "src=\"/search.js\"",
    ] {
        assert!(whole.body.contains(shown), "{shown}: {}", whole.body);
    }
    for raw in ["<script>alert", "<img src", "<b>story", "<em>small"] {
        assert!(!whole.body.contains(raw), "{raw}: {}", whole.body);
    }
    let part = page(&site, "/search/?q=lam", Some("results")).await;
    assert_eq!(part.status, 200);
    assert!(part.kind.starts_with("text/html") && part.vary.contains("x-part"));
    assert!(part.body.contains("1 product and 1 post"), "{}", part.body);
    assert!(
        !part.body.contains("<form") && !part.body.contains("<html"),
        "{}",
        part.body
    );
    assert!(whole.body.contains(part.body.trim()), "{}", part.body);
    // Where they lead.
    for at in [format!("/products/{lamp}/"), format!("/posts/{story}/")] {
        assert_eq!(page(&site, &at, None).await.status, 200, "{at}");
    }

    let typed = super::encoded("\"><script>nowhere(2)</script>");
    for part in [None, Some("results")] {
        let nothing = page(&site, &format!("/search/?q={typed}"), part).await;
        assert_eq!(nothing.status, 200);
        assert!(nothing.body.contains("Nothing found"), "{}", nothing.body);
        assert!(
            !nothing.body.contains("<script>nowhere"),
            "{}",
            nothing.body
        );
    }
    let empty = page(&site, "/search/", None).await;
    assert!(empty.status == 200 && empty.body.contains("role=\"search\""));
    assert!(!empty.body.contains("Nothing found"), "{}", empty.body);
    for n in 0..21 {
        product(&site, ONE, &format!("Candle {n}"), json!({})).await;
    }
    let until = "21 products and 0 posts, of which the best are shown";
    crate::program::until("all candles are counted", async || {
        page(&site, "/search/?q=candle", None)
            .await
            .body
            .contains(until)
    })
    .await;
    let script = page(&site, "/search.js", None).await;
    assert!(
        script.kind.starts_with("text/javascript"),
        "{}",
        script.kind
    );
    // The pages lead to it.
    assert!(
        page(&site, "/", None)
            .await
            .body
            .contains("href=\"/search/\"")
    );
    assert!(
        page(&site, "/products/", None)
            .await
            .body
            .contains("href=\"/search/\"")
    );
}

#[tokio::test]
async fn without_its_engine_the_searches_alone_say_when_to_come_back() {
    let site = Site::with(|command| {
        // Nobody answers there.
        command.env("ELASTICSEARCH_URL", "http://127.0.0.1:9");
    })
    .await;
    assert!(
        site.server
            .banner
            .contains("search in Elasticsearch at 127.0.0.1:")
    );
    product(&site, ONE, "Lamp", json!({})).await;
    post(&site, ONE, "Lamp", "").await;
    for all in [PRODUCTS, BLOGS] {
        let (status, problem) = ask(&site, ONE, all, "lamp", "").await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (503, Some("unavailable")),
            "{problem}"
        );
        assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
        // Nothing is asked of it.
        assert_eq!(ask(&site, ONE, all, "", "").await.0, 200);
        assert_eq!(ask(&site, ONE, all, "lamp", "&limit=0").await.0, 422);
        let path = format!("{all}search/?q=lamp");
        assert!(page(&site, &path, None).await.again.is_some(), "{path}");
    }
    for part in [None, Some("results")] {
        let away = page(&site, "/search/?q=%3Cb%3Elamp", part).await;
        assert_eq!(away.status, 503);
        assert!(away.again.is_some() && away.kind.starts_with("text/html"));
        assert!(away.body.contains("short break"), "{}", away.body);
        assert!(!away.body.contains("<b>"), "{}", away.body);
    }
    for path in [
        "/",
        "/products/",
        "/search/",
        PRODUCTS,
        BLOGS,
        "/health/ready",
    ] {
        assert_eq!(page(&site, path, None).await.status, 200, "{path}");
    }
}
