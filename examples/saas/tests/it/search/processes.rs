//! Several processes on one database.

use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use super::{BLOGS, ONE, PRODUCTS, engines, finds, post, product};
use crate::program::{DEADLINE, Server, Site, on, run, saas, stderr};
use crate::redis::Redis;

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// Addresses at which nobody answers: neither keeps a program from serving.
fn elsewhere(command: &mut Command) {
    command
        .env("REDIS_URL", "redis://127.0.0.1:9/")
        .env("ELASTICSEARCH_URL", "http://127.0.0.1:9");
}

#[tokio::test]
async fn a_process_that_keeps_something_to_itself_is_alone_and_its_death_is_noticed() {
    let mut site = Site::new().await;
    let port = site.server.port;
    let pid = site.server.child.id().unwrap();
    let process = || {
        let mut command = on(&site.database, saas());
        command.args(SERVE);
        command
    };
    for shares in [false, true] {
        let mut second = process();
        if shares {
            elsewhere(&mut second);
        }
        let refused = run(&mut second).await;
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        for told in [
            &format!("process {pid} at 127.0.0.1:{port}"),
            "cache and search index",
            "REDIS_URL and ELASTICSEARCH_URL",
        ] {
            assert!(said.contains(told), "{told}: {said}");
        }
    }
    // Commands announce nothing, and the first one has noticed nothing.
    for words in [
        &["tenant", "list"][..],
        &["search", "reindex", "--all"],
        &["migrate"],
    ] {
        let done = run(on(&site.database, saas()).args(words)).await;
        assert!(done.status.success(), "{words:?}: {}", stderr(&done));
    }
    product(&site, ONE, "Lamp", json!({})).await;
    finds(&site, ONE, PRODUCTS, "lamp", &["Lamp"]).await;

    // Whoever dies in the middle of telling something keeps the others from it for half a minute.
    let mut owner = site.database.superuser().await;
    let held = "SELECT count(*) FROM tenancy.outbox_leases WHERE held_until IS NOT NULL";
    let told = async {
        while sqlx::query_scalar::<_, i64>(held)
            .fetch_one(&mut owner)
            .await
            .unwrap()
            > 0
        {}
    };
    tokio::time::timeout(DEADLINE, told)
        .await
        .expect("everything is told");

    // Killed, it says nothing: the next one waits until it is clear.
    site.server.signal("KILL").await;
    site.server.ended().await;
    let mut next = process();
    site.server = Server::start(&mut next).await;
    // What it told when it was killed is told by the next one.
    finds(&site, ONE, PRODUCTS, "lamp", &["Lamp"]).await;

    // One that ends in order makes room at once. The memory of the next one is empty, and nobody
    // is told to come back: the first search waits for the index.
    site.server.signal("TERM").await;
    assert!(site.server.ended().await.success());
    site.server = Server::start(&mut process()).await;
    let (status, hits) = super::ask(&site, ONE, PRODUCTS, "lamp", "").await;
    assert_eq!((status, hits["total"].as_u64()), (200, Some(1)), "{hits}");

    site.server.signal("TERM").await;
    assert!(site.server.ended().await.success());
    let mut last = process();
    elsewhere(&mut last);
    site.server = Server::start(&mut last).await;
    let mut alone = process();
    let refused = run(&mut alone).await;
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("this process keeps its cache and search index"),
        "{said}"
    );
    assert!(said.contains("REDIS_URL and ELASTICSEARCH_URL"), "{said}");
    // Whoever shares both serves beside it.
    let mut beside = process();
    elsewhere(&mut beside);
    let beside = Server::start(&mut beside).await;
    for server in [&site.server, &beside] {
        assert_eq!(server.get(ONE, PRODUCTS).await.0, 200);
    }
}

#[tokio::test]
async fn two_processes_that_share_both_find_and_remember_the_same() {
    let redis = Redis::start();
    for engine in engines().into_iter().skip(1) {
        let url = redis.url();
        let site = Site::with(|command| {
            engine.set(command);
            command.env("REDIS_URL", &url);
        })
        .await;
        let mut command = on(&site.database, saas());
        engine.set(&mut command);
        let mut other = Server::start(command.args(SERVE).env("REDIS_URL", &url)).await;
        product(&site, ONE, "Lamp", json!({})).await;
        post(&site, ONE, "Lamp news", "").await;
        let body = json!({ "name": "Lamp two", "sku": "two", "price_cents": 1 });
        let (status, made) = other.send(Method::POST, ONE, PRODUCTS, &body).await;
        assert_eq!(status, 201, "{made}");
        finds(&site, ONE, PRODUCTS, "lamp", &["Lamp", "Lamp two"]).await;
        finds(&site, ONE, BLOGS, "lamp", &["Lamp news"]).await;
        let (status, hits) = other.get(ONE, &format!("{PRODUCTS}search/?q=lamp")).await;
        assert_eq!((status, hits["total"].as_u64()), (200, Some(2)), "{hits}");
        // One is killed in the middle of its work; the other one goes on with it.
        for n in 0..20 {
            let name = format!("Chair {n}");
            let body = json!({ "name": name, "sku": name, "price_cents": 1 });
            let (status, made) = other.send(Method::POST, ONE, PRODUCTS, &body).await;
            assert_eq!(status, 201, "{made}");
        }
        other.signal("KILL").await;
        other.ended().await;
        let chairs: Vec<_> = (0..20).map(|n| format!("Chair {n}")).collect();
        let chairs: Vec<_> = chairs.iter().map(String::as_str).collect();
        finds(&site, ONE, PRODUCTS, "chair", &chairs).await;
        engine.end().await;
    }
}
