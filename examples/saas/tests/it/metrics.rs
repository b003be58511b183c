//! The figures, on their own listener and nowhere else.

use crate::program::{Site, on, run, saas, stderr};

const ONE: &str = "one.localhost";

pub(crate) async fn told(banner: &str) -> String {
    let address = banner
        .split("metrics at ")
        .nth(1)
        .expect("the banner names it");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(address.trim()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

/// The figure of `name`, with its labels.
pub(crate) fn figure(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} is not in {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn requests_connections_and_lookups_are_counted_and_told_to_whoever_reaches_the_listener() {
    let site = Site::with(|command| {
        command.env("METRICS_LISTEN", "127.0.0.1:0");
    })
    .await;
    told(&site.server.banner).await;
    for _ in 0..3 {
        assert_eq!(site.server.get(ONE, "/api/blogs/").await.0, 200);
    }
    told(&site.server.banner).await;
    assert_eq!(site.server.get(ONE, "/api/blogs/").await.0, 200);
    assert_eq!(
        site.server.get("nobody.localhost", "/api/blogs/").await.0,
        404
    );

    let text = told(&site.server.banner).await;
    assert!(figure(&text, r#"tenancy_http_requests_total{outcome="2xx"}"#) >= 4.0);
    assert!(figure(&text, r#"tenancy_http_requests_total{outcome="4xx"}"#) >= 1.0);
    assert!(figure(&text, r#"tenancy_tenant_requests_total{tenant="one"}"#) >= 1.0);
    assert!(figure(&text, "tenancy_pool_acquire_seconds_count") >= 4.0);
    assert!(figure(&text, r#"tenancy_pool_opens_total{outcome="opened"}"#) >= 1.0);
    assert!(
        figure(
            &text,
            r#"tenancy_resolver_lookups_total{answer="remembered"}"#
        ) >= 3.0
    );
    assert!(figure(&text, "tenancy_pool_max_connections") > 0.0);
    for _ in 0..3 {
        assert_eq!(site.server.get(ONE, "/api/catalog/products/").await.0, 200);
    }
    let text = told(&site.server.banner).await;
    assert!(figure(&text, r#"tenancy_cache_reads_total{answer="hit"}"#) >= 2.0);
    assert!(figure(&text, r#"tenancy_cache_reads_total{answer="miss"}"#) >= 1.0);

    // Visitors of the application do not see them.
    for host in [ONE, "localhost"] {
        assert_eq!(site.server.get(host, "/metrics").await.0, 404);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_or_none_is_told_before_anything_is_served() {
    let site = Site::new().await;
    assert!(
        !site.server.banner.contains("metrics"),
        "{}",
        site.server.banner
    );
    let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let refused = run(on(&site.database, saas()).args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        &taken,
    ]))
    .await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("--metrics-listen"),
        "{}",
        stderr(&refused)
    );
    let refused = run(saas().args(["serve", "--metrics-listen", "nine"])).await;
    assert_eq!(refused.status.code(), Some(2));
}

#[tokio::test]
async fn every_route_works_with_one_connection() {
    let site = Site::with(|command| {
        command.env("DATABASE_POOL_SIZE", "1");
    })
    .await;
    let id = site.post(ONE, "Hello").await;
    let asked = [
        "/",
        "/api/blogs/",
        "/api/catalog/products/",
        "/products/",
        "/health/ready",
    ]
    .map(str::to_owned);
    let asked = asked.into_iter().chain([format!("/api/blogs/{id}/")]);
    let requests = asked.cycle().take(40).map(|path| {
        let request = site.server.request(reqwest::Method::GET, ONE, &path);
        async move { (request.send().await.unwrap().status(), path) }
    });
    for (status, path) in futures_util::future::join_all(requests).await {
        assert_eq!(status, 200, "{path}");
    }
}
