//! Answers that a server may give, made up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tenancy_core::testing::context;
use tenancy_core::{ErrorKind, Prefix};
use tenancy_search::{ElasticEngine, ElasticOptions, Engine, Index, Placement, Query, Written};

use crate::http::serve;
use crate::server::{PRODUCTS, delete, engine, is, put, sabotage};

/// A server that knows one index, and answers everything else as it is told.
struct Fake {
    url: String,
    index: Index,
    answers: Arc<Mutex<(u16, Vec<u8>)>>,
    authorization: Arc<Mutex<Option<String>>>,
}

impl Fake {
    async fn start(version: &'static str) -> Self {
        sabotage();
        let index = Index::new(&context("acme"), &Prefix::default(), PRODUCTS).unwrap();
        let whole = index.name().to_string();
        let answers = Arc::new(Mutex::new((200, b"{}".to_vec())));
        let authorization = Arc::new(Mutex::new(None));
        let (told, heard) = (Arc::clone(&answers), Arc::clone(&authorization));
        let url = serve(move |request| {
            *heard.lock().unwrap() = request.authorization;
            let generation = format!("{whole}-{:020}", 0);
            let known = if request.path.starts_with("/_nodes/") {
                Some(json!({"nodes": {"n": {"version": version}}}))
            } else if request.path.starts_with("/_resolve/") {
                Some(json!({"indices": [{"name": generation}], "aliases": [
                    {"name": whole, "indices": [generation]},
                    {"name": format!("{generation}-live"), "indices": [generation]},
                ]}))
            } else {
                None
            };
            let answer = match known {
                Some(known) => (200, known.to_string().into_bytes()),
                None => told.lock().unwrap().clone(),
            };
            async move { Some(answer) }
        })
        .await;
        Self {
            url,
            index,
            answers,
            authorization,
        }
    }

    fn answer(&self, status: u16, body: &Value) {
        *self.answers.lock().unwrap() = (status, body.to_string().into_bytes());
    }

    fn error(&self, status: u16, kind: &str) {
        let error = json!({"error": {"type": kind, "reason": "so it is"}, "status": status});
        self.answer(status, &error);
    }
}

fn found(failed: u64, more: &Value) -> Value {
    let mut answer = json!({"timed_out": false, "_shards": {"total": 1, "failed": failed},
        "hits": {"total": {"value": 0}, "hits": []}});
    for (name, value) in more.as_object().unwrap() {
        answer[name] = value.clone();
    }
    answer
}

#[tokio::test]
async fn a_server_that_cannot_now_is_unavailable_whatever_is_asked() {
    let fake = Fake::start("8.19.8").await;
    let engine = engine(&fake.url);
    let index = &fake.index;
    for (status, kind) in [
        (408, ""),
        (429, "circuit_breaking_exception"),
        (429, "cluster_block_exception"),
        (403, "cluster_block_exception"),
        (400, "validation_exception"),
        (500, "anything"),
        (502, ""),
        (503, "search_phase_execution_exception"),
        (504, ""),
    ] {
        fake.error(status, kind);
        let later = ErrorKind::Unavailable;
        is(engine.ping().await, later);
        is(engine.search(index, &Query::new("lamp")).await, later);
        is(engine.count(index).await, later);
        is(engine.ids(index, None, 10).await, later);
        is(engine.refresh(index).await, later);
        is(engine.write(index, &[put(1, 1, "lamp")]).await, later);
        is(engine.provision(index, Placement::Shared).await, later);
    }
    // As a proxy before the server would say it, and as something else altogether would.
    for status in [502, 200] {
        *fake.answers.lock().unwrap() = (status, b"<html>".to_vec());
        is(engine.count(index).await, ErrorKind::Unavailable);
    }
    *fake.answers.lock().unwrap() = (200, vec![b' '; 33 * 1024 * 1024]);
    is(engine.refresh(index).await, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_part_of_an_answer_is_none() {
    let fake = Fake::start("8.19.8").await;
    let engine = engine(&fake.url);
    let query = Query::new("lamp");
    fake.answer(200, &found(0, &json!({})));
    engine.search(&fake.index, &query).await.unwrap();
    for part in [
        found(1, &json!({})),
        found(0, &json!({"timed_out": true})),
        found(0, &json!({"terminated_early": true})),
        json!({"hits": {"total": {"value": 0}, "hits": []}}),
    ] {
        fake.answer(200, &part);
        is(
            engine.search(&fake.index, &query).await,
            ErrorKind::Unavailable,
        );
        is(engine.count(&fake.index).await, ErrorKind::Unavailable);
        is(
            engine.ids(&fake.index, None, 1).await,
            ErrorKind::Unavailable,
        );
        is(engine.refresh(&fake.index).await, ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn each_write_is_told_by_what_became_of_it() {
    let fake = Fake::start("9.0.0").await;
    let engine = engine(&fake.url);
    let operations: Vec<_> = (0..5)
        .map(|n| put(n, 1, "lamp"))
        .chain([delete(9, 1)])
        .collect();
    let item = |status: u16, kind: &str| match kind {
        "" => json!({"index": {"status": status, "_index": "i"}}),
        _ => json!({"index": {"status": status, "error": {"type": kind, "reason": "so it is"}}}),
    };
    let fine = [
        item(201, ""),
        item(200, ""),
        item(409, "version_conflict_engine_exception"),
        item(400, "document_parsing_exception"),
        item(200, ""),
        json!({"delete": {"status": 404, "result": "not_found"}}),
    ];
    fake.answer(200, &json!({"items": fine}));
    let written = engine.write(&fake.index, &operations).await.unwrap();
    let refused = Written::Refused("400 document_parsing_exception so it is".to_owned());
    let done = Written::Settled;
    assert_eq!(
        written,
        [
            done.clone(),
            done.clone(),
            done.clone(),
            refused,
            done.clone(),
            done
        ]
    );

    for (status, kind) in [
        (429, "es_rejected_execution_exception"),
        (429, "cluster_block_exception"),
        (403, "cluster_block_exception"),
        (400, "index_closed_exception"),
        (500, "illegal_state"),
        (503, "unavailable_shards_exception"),
    ] {
        let mut items = fine.clone();
        items[1] = item(status, kind);
        fake.answer(200, &json!({"items": items}));
        is(
            engine.write(&fake.index, &operations).await,
            ErrorKind::Unavailable,
        );
    }
    fake.answer(200, &json!({"items": fine[..5]}));
    is(
        engine.write(&fake.index, &operations).await,
        ErrorKind::Unavailable,
    );
    // Its alias goes each time that it is looked up.
    let mut items = fine.clone();
    items[0] = item(404, "index_not_found_exception");
    fake.answer(200, &json!({"items": items}));
    is(
        engine.write(&fake.index, &operations).await,
        ErrorKind::Unavailable,
    );
    // What is too large even alone.
    fake.error(413, "");
    let written = engine.write(&fake.index, &operations).await.unwrap();
    assert_eq!(written.len(), operations.len());
    assert!(written.iter().all(|one| matches!(one, Written::Refused(_))));
}

#[tokio::test]
async fn an_index_that_is_not_there_is_told_from_one_that_was_replaced() {
    let fake = Fake::start("8.0.0").await;
    let engine = engine(&fake.url);
    let missing = |name: &str| {
        let kind = "index_not_found_exception";
        json!({"error": {"type": kind, "reason": "no such index", "index": name}, "status": 404})
    };
    fake.answer(404, &missing(fake.index.name().as_str()));
    is(engine.count(&fake.index).await, ErrorKind::NotFound);
    fake.answer(404, &missing(&format!("{}-{:020}", fake.index.name(), 2)));
    is(engine.count(&fake.index).await, ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_index_that_cannot_be_written_is_not_provisioned() {
    let fake = Fake::start("8.19.8").await;
    let engine = engine(&fake.url);
    for answer in [
        json!({"acknowledged": false, "shards_acknowledged": false}),
        json!({"acknowledged": true, "shards_acknowledged": false}),
    ] {
        fake.answer(200, &answer);
        let other = Index::new(&context("other"), &Prefix::default(), PRODUCTS).unwrap();
        for placement in crate::server::BOTH {
            is(
                engine.provision(&other, placement).await,
                ErrorKind::Unavailable,
            );
            let fence = tenancy_core::outbox::Fence::new(4);
            is(
                engine.draft(&other, placement, fence).await,
                ErrorKind::Unavailable,
            );
        }
    }
    fake.answer(200, &json!({"status": "red", "timed_out": true}));
    is(
        engine.provision(&fake.index, Placement::Shared).await,
        ErrorKind::Unavailable,
    );
    fake.answer(200, &json!({"status": "yellow", "timed_out": false}));
    engine
        .provision(&fake.index, Placement::Shared)
        .await
        .unwrap();
    engine.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_by_its_version() {
    let fake = Fake::start("7.17.9").await;
    let engine = engine(&fake.url);
    let error = engine.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("7.17.9"), "{error}");
    is(
        engine.provision(&fake.index, Placement::Shared).await,
        ErrorKind::Configuration,
    );
}

#[tokio::test]
async fn a_password_is_sent_and_told_to_nobody() {
    let fake = Fake::start("8.19.8").await;
    let url = fake.url.replace("http://", "http://search:se%2Fcret@");
    let engine = engine(&url);
    fake.error(401, "security_exception");
    let error = engine.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    // Base 64 of `search:se/cret`.
    let heard = fake.authorization.lock().unwrap().clone();
    assert_eq!(heard.as_deref(), Some("Basic c2VhcmNoOnNlL2NyZXQ="));
    let mut told = vec![format!("{engine:?} {error:?} {error}")];
    fake.answer(200, &json!([]));
    told.push(format!("{:?}", engine.count(&fake.index).await));
    let nobody = ElasticEngine::new(
        "http://search:secret@127.0.0.1:1",
        ElasticOptions::default(),
    );
    let nobody = nobody.unwrap();
    told.push(format!("{nobody:?} {:?}", nobody.ping().await));
    for wrong in [
        "https://search:secret@127.0.0.1:9200",
        "http://search:secret@127.0.0.1:9200/path",
        "http://search:secret@",
        "ftp://search:secret@127.0.0.1",
        "search:secret@127.0.0.1:9200",
        "",
    ] {
        let error = ElasticEngine::new(wrong, ElasticOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{wrong}");
        told.push(format!("{error:?}"));
    }
    let told = told.concat();
    assert!(!told.contains("cret"), "{told}");
}

#[tokio::test]
async fn nobody_waits_longer_than_they_may() {
    sabotage();
    let url = serve(|_| std::future::pending()).await;
    let options = ElasticOptions::default()
        .search_timeout(Duration::from_millis(50))
        .write_timeout(Duration::from_millis(50))
        .connections(1);
    let engine = ElasticEngine::new(&url, options).unwrap();
    let index = Index::new(&context("acme"), &Prefix::default(), PRODUCTS).unwrap();
    // The second waits for the first's turn, too.
    let (first, second) = tokio::join!(engine.count(&index), engine.count(&index));
    is(first, ErrorKind::Unavailable);
    is(second, ErrorKind::Unavailable);
    is(
        engine.write(&index, &[put(1, 1, "lamp")]).await,
        ErrorKind::Unavailable,
    );
    is(engine.ping().await, ErrorKind::Unavailable);
}
