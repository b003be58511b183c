//! The names of indexes against a real Elasticsearch.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod faults;

mod indexer;

#[cfg(feature = "testing")]
mod memory;

mod rebuild;

mod search;

mod world;

use serde_json::{Value, json};
use tenancy_core::Prefix;
use tenancy_core::testing::context;
use tenancy_search::IndexName;

/// The Elasticsearch to talk to; without one the test says so, and on CI that is a failure.
fn elasticsearch_url() -> Option<String> {
    let url = std::env::var("TEST_ELASTICSEARCH_URL").ok();
    assert!(
        url.is_some() || std::env::var_os("CI").is_none(),
        "TEST_ELASTICSEARCH_URL is not set: run scripts/test, which starts an Elasticsearch"
    );
    url
}

#[test]
fn equal_kinds_of_two_tenants_are_two_indexes() {
    let (acme, other) = (context("acme"), context("other"));
    let prefix = Prefix::default();
    let ours = IndexName::new(&acme, &prefix, "products").unwrap();
    let theirs = IndexName::new(&other, &prefix, "products").unwrap();
    assert_ne!(ours, theirs);
    assert_eq!(
        IndexName::parse(ours.as_str()).unwrap(),
        (acme.id(), "products".to_owned())
    );
}

#[test]
fn whatever_an_engine_would_expand_is_no_index() {
    let acme = context("acme");
    for kind in [
        "",
        "*",
        "_all",
        "a,b",
        "-a",
        "<a-{now/d}>",
        "A",
        "a/b",
        "a b",
        "a#b",
        "..",
        "é",
    ] {
        assert!(
            IndexName::new(&acme, &Prefix::default(), kind).is_err(),
            "{kind:?}"
        );
    }
    for name in ["*", "_all", "tenancy", "products"] {
        assert!(IndexName::parse(name).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn elasticsearch_takes_the_name_and_finds_only_that_tenants_documents() {
    let Some(url) = elasticsearch_url() else {
        eprintln!("skipped: TEST_ELASTICSEARCH_URL is not set");
        return;
    };
    let http = reqwest::Client::new();
    let (acme, other) = (context("acme"), context("other"));
    let prefix = Prefix::default();
    let ours = IndexName::new(&acme, &prefix, "products").unwrap();
    let theirs = IndexName::new(&other, &prefix, "products").unwrap();
    for (index, title) in [(&ours, "our lamp"), (&theirs, "their lamp")] {
        let settings = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0},
            "mappings": {"properties": {"title": {"type": "text"}}}});
        let made = http
            .put(format!("{url}/{index}"))
            .json(&settings)
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 200, "{}", made.text().await.unwrap());
        let address = format!("{url}/{index}/_doc/1?refresh=true");
        let kept = http
            .put(address)
            .json(&json!({"title": title}))
            .send()
            .await
            .unwrap();
        assert_eq!(kept.status(), 201, "{}", kept.text().await.unwrap());
    }

    let query = json!({"query": {"match": {"title": "lamp"}}});
    let found: Value = http
        .post(format!("{url}/{ours}/_search"))
        .json(&query)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["hits"]["total"]["value"], 1, "{found}");
    assert_eq!(found["hits"]["hits"][0]["_source"]["title"], "our lamp");
    assert_eq!(found["hits"]["hits"][0]["_index"], ours.as_str());

    for index in [&ours, &theirs] {
        let gone = http.delete(format!("{url}/{index}")).send().await.unwrap();
        assert_eq!(gone.status(), 200);
    }
}
