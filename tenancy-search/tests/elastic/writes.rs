//! What is written, and how much of it at once.

use serde_json::json;
use tenancy_core::ErrorKind;
use tenancy_core::outbox::Fence;
use tenancy_search::testing::hostile_texts;
use tenancy_search::{
    Change, ElasticEngine, ElasticOptions, Engine, Operation, Placement, Query, Words, Written,
};

use crate::proxy::Proxy;
use crate::server::{BOTH, Server, delete, draft, find, id, is, put, write};

#[tokio::test]
async fn a_deleted_document_stays_deleted_for_an_hour_whoever_writes_late() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        write(&engine, &index, &[put(1, 10, "lamp"), delete(1, 11)]).await;
        write(&engine, &index, &[put(1, 10, "lamp")]).await;
        assert_eq!(engine.count(&index).await.unwrap(), 0);
        let path = format!("/{}/_settings/index.gc_deletes", index.name());
        let settings = server.get(&path).await;
        let index = settings.as_object().unwrap().values().next().unwrap();
        assert_eq!(index["settings"]["index"]["gc_deletes"], "1h");
    }
    server.end().await;
}

#[tokio::test]
async fn what_was_written_is_found_within_a_while_without_being_asked_to() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let index = server.provisioned("acme", Placement::Shared).await;
    engine.write(&index, &[put(1, 1, "lamp")]).await.unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while find(&engine, &index, "lamp").await.is_empty() {
        assert!(std::time::Instant::now() < deadline, "it is never found");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    server.end().await;
}

#[tokio::test]
async fn much_is_written_in_batches_each_once_and_in_order() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let options = ElasticOptions::default().batches(4_000, 7);
    let engine = ElasticEngine::new(&proxy.url, options).unwrap();
    let index = server.provisioned("acme", Placement::Dedicated).await;
    let mut operations: Vec<Operation> = (0..30).map(|n| put(n, 1, "lamp")).collect();
    operations.push(put(30, 1, &"desk ".repeat(1_000)));
    operations.extend((0..10).map(|n| delete(n, 1)));
    write(&engine, &index, &operations).await;
    assert_eq!(engine.count(&index).await.unwrap(), 21);
    let bulks = proxy
        .seen()
        .iter()
        .filter(|line| line.contains("/_bulk"))
        .count();
    assert!((6..20).contains(&bulks), "{bulks} requests");
    assert_eq!(engine.write(&index, &[]).await.unwrap(), []);
    server.end().await;
}

#[tokio::test]
async fn words_that_mean_harm_are_words() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        let other = server.provisioned("acme-x", placement).await;
        write(&engine, &other, &[put(1, 1, "their secret")]).await;
        let long = "x".repeat(1 << 20);
        let mut texts = hostile_texts();
        texts.push(long.clone());
        let raw = |number: usize, text: &str| Operation {
            id: id(number as u128),
            fence: Fence::new(1),
            // Not even folded, as no caller of ours would.
            change: Change::Put(Words {
                name: vec![text.to_owned(), "lamp".to_owned()],
                text: vec![text.to_owned()],
                prefixes: vec![text.to_owned()],
            }),
        };
        let operations: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| raw(at, text))
            .collect();
        write(&engine, &index, &operations).await;
        assert_eq!(engine.count(&index).await.unwrap(), texts.len() as u64);
        let lamps = engine.search(&index, &Query::new("lamp")).await.unwrap();
        assert_eq!(lamps.total, texts.len() as u64);
        for text in &texts {
            let hits = engine.search(&index, &Query::new(text)).await.unwrap();
            assert!(hits.hits.iter().all(|hit| hit.tenant == index.tenant()));
        }
        assert_eq!(find(&engine, &other, "secret").await, [id(1)]);
    }
    server.end().await;
}

#[tokio::test]
async fn a_fence_that_is_no_version_is_refused_before_anything_is_sent() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let index = server.provisioned("acme", Placement::Dedicated).await;
    is(
        engine
            .write(&index, &[put(1, 1, "lamp"), put(2, u64::MAX, "desk")])
            .await,
        ErrorKind::Internal,
    );
    write(&engine, &index, &[put(3, i64::MAX as u64, "shelf")]).await;
    assert_eq!(engine.count(&index).await.unwrap(), 1);
    server.end().await;
}

#[tokio::test]
async fn nothing_is_made_by_a_write_where_the_server_makes_indexes_by_itself() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    let allow = |what| json!({"persistent": {"action.auto_create_index": what}});
    let pattern = format!("+{}_*", server.prefix);
    server
        .put("/_cluster/settings", &allow(json!(pattern)))
        .await;
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        let gone = draft(&engine, &index, placement, 5, "desk").await;
        engine.discard(gone.clone()).await.unwrap();
        let names = server.names().await;
        for operations in [
            vec![put(1, 5, "lamp")],
            vec![delete(1, 5)],
            vec![delete(1, 5), put(2, 5, "lamp")],
        ] {
            is(
                engine.write_draft(&gone, &operations).await,
                ErrorKind::NotFound,
            );
            assert_eq!(server.names().await, names);
        }
        let nothing = server.index("acme-x");
        is(
            engine.write(&nothing, &[delete(1, 5)]).await,
            ErrorKind::NotFound,
        );
        assert_eq!(server.names().await, names);
        let written = engine.write(&index, &[put(1, 1, "lamp")]).await.unwrap();
        assert_eq!(written, [Written::Settled]);
    }
    server.put("/_cluster/settings", &allow(json!(null))).await;
    server.end().await;
}

#[tokio::test]
async fn a_fingerprint_is_told_of_what_is_there() {
    let Some(server) = Server::find() else {
        return;
    };
    let engine = server.engine();
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        write(
            &engine,
            &index,
            &[put(1, 1, "lamp"), put(2, 1, "desk"), delete(3, 1)],
        )
        .await;
        let told = engine
            .fingerprints(&index, &[id(2), id(3), id(4)])
            .await
            .unwrap();
        assert_eq!(
            told,
            Some(vec![(id(2), Words::of("desk", "").fingerprint())])
        );
    }
    server.end().await;
}
