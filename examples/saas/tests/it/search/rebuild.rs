//! Indexes are compared with the rows and built anew, by commands.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join;
use serde_json::{Value, json};
use sqlx::Executor as _;

use super::elastic::Elastic;
use super::{BLOGS, Engine, ONE, PRODUCTS, TWO, ask, finds, post, product};
use crate::program::{Site, on, run, saas, stderr, stdout, until};

/// What a command answers, with its exit code.
async fn json(engine: &Engine, site: &Site, words: &[&str]) -> (i32, Value) {
    let output = engine
        .say(&site.database, &[words, &["--json"]].concat())
        .await;
    let text = stdout(&output);
    let said = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {text} {}", stderr(&output)));
    (output.status.code().unwrap(), said)
}

/// The lines about one kind of one tenant.
fn line<'a>(said: &'a Value, tenant: &str, kind: &str) -> &'a Value {
    let lines = said["indexes"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["tenant"] == tenant && line["kind"] == kind);
    line.unwrap_or_else(|| panic!("no {kind} of {tenant}: {said}"))
}

#[tokio::test]
async fn a_check_finds_what_an_index_lost_and_a_rebuild_brings_it_back() {
    let Some(elastic) = Elastic::find() else {
        return;
    };
    let engine = Engine::Elastic(elastic);
    let site = engine.site().await;
    let lamp = product(&site, ONE, "Lamp", json!({})).await;
    product(&site, ONE, "Chair", json!({})).await;
    post(&site, ONE, "News", "").await;
    product(&site, TWO, "Lamp", json!({})).await;
    finds(&site, ONE, PRODUCTS, "chair", &["Chair"]).await;
    finds(&site, TWO, PRODUCTS, "lamp", &["Lamp"]).await;
    until("everything is told", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM tenancy.outbox")
            .fetch_one(&mut site.database.superuser().await)
            .await
            .unwrap();
        left == 0 && json(&engine, &site, &["search", "check", "--all"]).await.0 == 0
    })
    .await;
    let (_, said) = json(&engine, &site, &["search", "check", "--tenant", "one"]).await;
    assert_eq!(said["indexes"].as_array().unwrap().len(), 2, "{said}");
    let equal = json!({ "tenant": "one", "kind": "products", "outcome": "compared",
        "rows": 2, "missing": 0, "stale": 0, "extra": 0 });
    assert_eq!(*line(&said, "one", "products"), equal);

    // Something is lost, something was deleted and something changed behind everybody's back.
    let Engine::Elastic(elastic) = &engine else {
        unreachable!()
    };
    elastic.lose(&lamp).await;
    let mut owner = site.database.superuser().await;
    let news = "UPDATE one.blogs SET title = 'Olds'";
    owner.execute(news).await.unwrap();
    owner
        .execute("DELETE FROM one.products WHERE name = 'Chair'")
        .await
        .unwrap();
    let (code, said) = json(&engine, &site, &["search", "check", "--all"]).await;
    assert_eq!(code, 7, "{said}");
    let products = line(&said, "one", "products");
    assert_eq!(
        (&products["missing"], &products["extra"]),
        (&json!(1), &json!(1)),
        "{said}"
    );
    assert_eq!(line(&said, "one", "blogs")["stale"], 1, "{said}");
    assert_eq!(line(&said, "two", "products")["missing"], 0, "{said}");
    let plain = engine
        .say(&site.database, &["search", "check", "--tenant", "one"])
        .await;
    assert!(
        stdout(&plain).contains("saas search reindex --tenant one"),
        "{}",
        stdout(&plain)
    );

    let (code, said) = json(&engine, &site, &["search", "reindex", "--tenant", "one"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(line(&said, "one", "products")["documents"], 1, "{said}");
    assert_eq!(line(&said, "one", "products")["outcome"], "built", "{said}");
    let (code, said) = json(&engine, &site, &["search", "check", "--all"]).await;
    assert_eq!(code, 0, "{said}");
    finds(&site, ONE, PRODUCTS, "lamp", &["Lamp"]).await;
    finds(&site, ONE, BLOGS, "olds", &["Olds"]).await;
    let (code, said) = json(&engine, &site, &["rebuild_indices"]).await;
    assert_eq!(
        (code, said["indexes"].as_array().unwrap().len()),
        (0, 4),
        "{said}"
    );
    let indexes = elastic.names().await;
    assert_eq!(indexes.len(), 4, "old ones are removed: {indexes:?}");

    // One that fails stops no other.
    owner
        .execute("ALTER TABLE two.blogs RENAME TO elsewhere")
        .await
        .unwrap();
    let (code, said) = json(&engine, &site, &["search", "reindex", "--all"]).await;
    assert_eq!(code, 3, "{said}");
    assert_eq!(line(&said, "two", "blogs")["outcome"], "failed", "{said}");
    assert_eq!(line(&said, "two", "products")["outcome"], "built", "{said}");
    for (words, code) in [
        (&["search", "reindex"][..], 2),
        (&["search", "check"], 2),
        (&["search", "reindex", "--all", "--tenant", "one"], 2),
        (&["search", "reindex", "--tenant", "nobody"], 1),
        (&["search", "check", "--tenant", "nobody"], 1),
    ] {
        let refused = engine.say(&site.database, words).await;
        assert_eq!(
            refused.status.code(),
            Some(code),
            "{words:?}: {}",
            stderr(&refused)
        );
    }
    let mut away = on(&site.database, saas());
    elastic.set_behind(&mut away, "http://127.0.0.1:9");
    let failed = run(away.args(["search", "check", "--tenant", "one"])).await;
    assert_eq!(failed.status.code(), Some(1), "{}", stdout(&failed));
    engine.end().await;
}

#[tokio::test]
async fn without_elasticsearch_the_process_that_serves_is_asked() {
    let engine = Engine::Memory;
    let site = engine.site().await;
    let mut owner = site.database.superuser().await;
    product(&site, ONE, "Lamp", json!({})).await;
    finds(&site, ONE, PRODUCTS, "lamp", &["Lamp"]).await;
    owner
        .execute("UPDATE one.products SET description = 'brass'")
        .await
        .unwrap();
    let (status, hits) = ask(&site, ONE, PRODUCTS, "brass", "").await;
    assert_eq!((status, hits["total"].as_u64()), (200, Some(0)));
    let (code, said) = json(&engine, &site, &["search", "reindex", "--tenant", "one"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(line(&said, "one", "products")["outcome"], "asked");
    finds(&site, ONE, PRODUCTS, "brass", &["Lamp"]).await;
    let refused = engine
        .say(&site.database, &["search", "check", "--all"])
        .await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("ELASTICSEARCH_URL"),
        "{}",
        stderr(&refused)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_leaves_no_search_empty_and_loses_no_write() {
    let Some(elastic) = Elastic::find() else {
        return;
    };
    let engine = Engine::Elastic(elastic);
    let site = engine.site().await;
    let mut owner = site.database.superuser().await;
    let rows = "INSERT INTO one.products (id, name, sku, description, price_cents, currency, stock)
        SELECT gen_random_uuid(), 'Lamp ' || n, 'S' || n, '', 5, 'EUR', 1
        FROM generate_series(1, 600) n";
    owner.execute(rows).await.unwrap();
    engine
        .done(&site.database, &["search", "reindex", "--tenant", "one"])
        .await;
    let (stop, asked, written) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let searches = async {
        while !stop.load(Ordering::Relaxed) {
            let (status, hits) = ask(&site, ONE, PRODUCTS, "lamp", "").await;
            assert_eq!(status, 200, "{hits}");
            assert!(hits["total"].as_u64() >= Some(600), "{}", hits["total"]);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    let writes = async {
        while !stop.load(Ordering::Relaxed) {
            let n = written.fetch_add(1, Ordering::Relaxed);
            let id = product(&site, ONE, &format!("Stool {n}"), json!({})).await;
            if n % 3 == 0 {
                super::delete(&site, ONE, &format!("{PRODUCTS}{id}/")).await;
            }
        }
    };
    let rebuilds = async {
        for _ in 0..2 {
            let (code, said) =
                json(&engine, &site, &["search", "reindex", "--tenant", "one"]).await;
            assert_eq!(code, 0, "{said}");
        }
        stop.store(true, Ordering::Relaxed);
    };
    join(join(searches, writes), rebuilds).await;
    let (asked, written) = (asked.into_inner(), written.into_inner());
    assert!(
        asked > 5 && written > 5,
        "{asked} searches, {written} writes"
    );
    until("the index is as the rows are", async || {
        json(&engine, &site, &["search", "check", "--tenant", "one"])
            .await
            .0
            == 0
    })
    .await;
    engine.end().await;
}
