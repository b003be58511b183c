//! Redis goes and comes back while the catalog is read and written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::json;

use super::cached::figures;
use super::{HOST, PRODUCTS, path, product};
use crate::program::{Site, until};
use crate::redis::Redis;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_because_redis_does_and_nothing_is_old_afterwards() {
    let mut redis = Redis::start();
    let url = redis.url();
    let site = Site::with(|command| {
        command
            .env("REDIS_URL", &url)
            .env("METRICS_LISTEN", "127.0.0.1:0");
    })
    .await;
    let mut products = Vec::new();
    for n in 0..6 {
        let fields = json!({ "sku": n.to_string() });
        products.push(path(PRODUCTS, &product(&site, HOST, fields).await));
    }
    let (stop, asked, written) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let clients = products.iter().map(|at| {
        let (site, stop, asked, written) = (&site, &stop, &asked, &written);
        async move {
            while !stop.load(Ordering::Relaxed) {
                let body = json!({ "price_cents": written.fetch_add(1, Ordering::Relaxed) });
                for (method, at) in [
                    (Method::GET, &**at),
                    (Method::PATCH, at),
                    (Method::GET, PRODUCTS),
                ] {
                    let (status, answer) = site.server.send(method, HOST, at, &body).await;
                    assert_eq!(status, 200, "{answer}");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    let more = async |what: &str| {
        let now = asked.load(Ordering::Relaxed);
        until(what, async || asked.load(Ordering::Relaxed) > now + 60).await;
    };
    let outages = async {
        for _ in 0..2 {
            more("requests while Redis is there").await;
            redis.stop();
            more("requests while it is away").await;
            redis.start_again();
        }
        more("requests once it is back").await;
        stop.store(true, Ordering::Relaxed);
    };
    join(join_all(clients), outages).await;

    let told = figures(&site.server).await;
    assert!(
        !told.contains("tenancy_cache_errors_total 0\n"),
        "it was never missed: {told}"
    );
    // Rows and remembered answers agree, and answers are remembered again.
    let mut owner = site.database.superuser().await;
    let prices: Vec<i64> = sqlx::query_scalar("select price_cents from one.products order by sku")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    for _ in 0..2 {
        for (at, price) in products.iter().zip(&prices) {
            assert_eq!(&site.server.get(HOST, at).await.1["price_cents"], price);
        }
        let (_, list) = site
            .server
            .get(HOST, &format!("{PRODUCTS}?ordering=created_at"))
            .await;
        let listed: Vec<_> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["price_cents"].as_i64().unwrap())
            .collect();
        assert_eq!(listed, prices);
    }
    until("entries are in Redis again", async || {
        site.server.get(HOST, PRODUCTS).await;
        redis
            .ask::<i64>("DBSIZE", &[])
            .is_some_and(|entries| entries > 1)
    })
    .await;
}

#[tokio::test]
async fn a_program_starts_serves_and_is_ready_without_its_redis() {
    let mut redis = Redis::start();
    let url = redis.url();
    redis.stop();
    let site = Site::with(|command| {
        command.env("REDIS_URL", &url);
    })
    .await;
    assert!(
        site.server
            .banner
            .contains("cache in memory over Redis at 127.0.0.1:"),
        "{}",
        site.server.banner
    );
    let made = product(&site, HOST, json!({})).await;
    let at = path(PRODUCTS, &made);
    assert_eq!(site.server.get(HOST, &at).await, (200, made));
    let body = json!({ "name": "Changed" });
    let (status, changed) = site.server.send(Method::PATCH, HOST, &at, &body).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(site.server.get(HOST, &at).await, (200, changed));
    assert_eq!(site.server.get(HOST, "/health/ready").await.0, 200);
}
