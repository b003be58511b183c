//! Readers and writers at the same time: once the writers stop, nothing is old.

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use super::{CATEGORIES, HOST, PRODUCTS, category, change, path, product};
use crate::program::Site;
use crate::redis::Redis;

/// How many products are written and read at the same time, and how often.
const AT_ONCE: usize = 8;
const ROUNDS: usize = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_memory_is_older_than_the_last_commit() {
    race(&Site::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_redis_is_older_than_the_last_commit() {
    let redis = Redis::start();
    let url = redis.url();
    let site = Site::with(|command| {
        command.env("REDIS_URL", &url);
    })
    .await;
    race(&site).await;
    let kept: i64 = redis.ask("DBSIZE", &[]).unwrap();
    assert!(kept > 0, "Redis was not used");
}

/// Every round writes each product once while it is read alone and in lists, and then looks whether
/// all of them say what was written last.
async fn race(site: &Site) {
    let shelves = [
        category(site, HOST, "Even").await,
        category(site, HOST, "Odd").await,
    ];
    let mut products = Vec::new();
    for n in 0..AT_ONCE {
        let fields = json!({ "sku": n.to_string(), "category": shelves[n % 2]["id"] });
        products.push(path(PRODUCTS, &product(site, HOST, fields).await));
    }
    let lists = [
        format!("{PRODUCTS}?ordering=name"),
        format!("{PRODUCTS}?category={}", shelves[0]["id"].as_str().unwrap()),
        format!("{PRODUCTS}?category={}", shelves[1]["id"].as_str().unwrap()),
        CATEGORIES.to_owned(),
    ];
    for round in 0..ROUNDS {
        let pairs = products.iter().enumerate().map(|(n, at)| {
            // Every round some of them change places.
            let shelf = &shelves[(n + round / (n + 1)) % 2];
            let body = json!({ "price_cents": round, "category": shelf["id"] });
            let list = &lists[(n + round) % lists.len()];
            async move {
                let write = change(site, Method::PATCH, at, body);
                let read = async {
                    for at in [at, list] {
                        let (status, answer) = site.server.get(HOST, at).await;
                        assert_eq!(status, 200, "{at}: {answer}");
                    }
                };
                join(write, read).await.0
            }
        });
        let written = join_all(pairs).await;
        agrees(site, &written, &products, &lists, &shelves).await;
    }
}

/// Every cached answer says what was `written` last.
async fn agrees(
    site: &Site,
    written: &[Value],
    products: &[String],
    lists: &[String; 4],
    shelves: &[Value; 2],
) {
    let get = async |at: &str| site.server.get(HOST, at).await.1;
    let (ones, lists) = join(
        join_all(products.iter().map(|at| get(at))),
        join_all(lists.iter().map(|at| get(at))),
    )
    .await;
    assert_eq!(ones, written);
    let in_order = |list: &Value| {
        let mut items = list["items"].as_array().unwrap().clone();
        items.sort_by_key(|item| item["sku"].as_str().map(str::to_owned));
        items
    };
    assert_eq!(in_order(&lists[0]), written);
    for (n, shelf) in shelves.iter().enumerate() {
        let of: Vec<_> = written
            .iter()
            .filter(|item| item["category"] == shelf["id"])
            .cloned()
            .collect();
        assert_eq!(in_order(&lists[n + 1]), of);
        assert_eq!(lists[3]["items"][n]["product_count"], of.len());
    }
}
