//! Plans: what a tenant may not exceed, how much it has used, and how fast it may ask.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::{Site, on, run, saas, stderr, until};

const USAGE: &str = "/api/usage/";
const PRODUCTS: &str = "/api/catalog/products/";

/// Runs a command on the site's database, from another process.
async fn tell(site: &Site, words: &[&str]) {
    let done = run(on(&site.database, saas()).args(words)).await;
    assert!(done.status.success(), "{}", stderr(&done));
}

async fn usage(site: &Site, host: &str) -> Value {
    let (status, usage) = site.server.get(host, USAGE).await;
    assert_eq!(status, 200, "{usage}");
    usage
}

async fn create(site: &Site, host: &str, sku: &str) -> (u16, Value) {
    let body = json!({ "name": "Chair", "sku": sku, "price_cents": 4900, "currency": "EUR" });
    site.server.send(Method::POST, host, PRODUCTS, &body).await
}

#[tokio::test]
async fn a_plan_holds_from_the_moment_it_is_assigned() {
    let site = Site::new().await;
    let free = json!({
        "plan": null,
        "limits": [
            { "name": "products", "used": 0, "limit": null },
            { "name": "requests_per_second", "used": null, "limit": null },
        ],
        "features": {},
    });
    assert_eq!(usage(&site, "one.localhost").await, free);

    tell(
        &site,
        &[
            "plan",
            "set",
            "small",
            "--limit",
            "products=3",
            "--feature",
            "exports",
        ],
    )
    .await;
    tell(&site, &["plan", "assign", "one", "small"]).await;
    until("the server has not heard of the plan", || async {
        usage(&site, "one.localhost").await["plan"] == "small"
    })
    .await;
    let all = (0..10).map(|n| {
        let site = &site;
        async move { create(site, "one.localhost", &format!("CH-{n}")).await }
    });
    let answers = futures_util::future::join_all(all).await;
    let made = answers.iter().filter(|(status, _)| *status == 201).count();
    assert_eq!(made, 3);
    let (_, refused) = answers.iter().find(|(status, _)| *status != 201).unwrap();
    assert_eq!(refused["code"], "limit_reached");
    assert_eq!(
        (&refused["limit"], &refused["used"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(refused["status"], 403);

    let small = usage(&site, "one.localhost").await;
    assert_eq!(
        small["limits"][0],
        json!({ "name": "products", "used": 3, "limit": 3 })
    );
    assert_eq!(small["features"], json!({ "exports": true }));
    // The other tenant has no plan, and what it has is not the first one's.
    for n in 0..4 {
        let (status, made) = create(&site, "two.localhost", &format!("CH-{n}")).await;
        assert_eq!(status, 201, "{made}");
    }
    assert_eq!(usage(&site, "two.localhost").await["limits"][0]["used"], 4);

    tell(&site, &["plan", "override", "one", "--limit", "products=4"]).await;
    until("the server has not heard of the override", || async {
        usage(&site, "one.localhost").await["limits"][0]["limit"] == 4
    })
    .await;
    assert_eq!(create(&site, "one.localhost", "CH-a").await.0, 201);
    assert_eq!(create(&site, "one.localhost", "CH-b").await.0, 403);
}

#[tokio::test]
async fn a_tenant_that_asks_too_fast_is_429_and_the_other_does_not_notice() {
    let site = Site::new().await;
    let words = [
        "plan",
        "override",
        "one",
        "--limit",
        "requests_per_second=1",
    ];
    tell(&site, &words).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    let refused = loop {
        assert!(Instant::now() < deadline, "nobody is refused");
        let asked = site.server.request(Method::GET, "one.localhost", USAGE);
        let answer = asked.send().await.unwrap();
        if answer.status() == 429 {
            break answer;
        }
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["ratelimit-policy"], "\"tenant\";q=1;w=1");
    assert_eq!(refused.headers()["ratelimit"], "\"tenant\";r=0;t=1");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "rate_limited");
    for _ in 0..20 {
        usage(&site, "two.localhost").await;
    }
}
