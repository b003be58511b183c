//! Several processes at once.

use std::sync::Arc;

use tenancy_core::ErrorKind;
use tenancy_core::outbox::Fence;
use tenancy_search::{Engine, Placement, Query};

use crate::proxy::Proxy;
use crate::server::{BOTH, Server, delete, draft, engine, find, id, is, put, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_provisions_make_one_index() {
    let Some(server) = Server::find() else {
        return;
    };
    for placements in [
        [Placement::Dedicated; 2],
        [Placement::Shared; 2],
        [Placement::Dedicated, Placement::Shared],
    ] {
        for _ in 0..3 {
            let index = server.index("acme");
            let tasks: Vec<_> = (0..8)
                .map(|task| {
                    let (engine, index) = (server.engine(), index.clone());
                    let placement = placements[task % 2];
                    tokio::spawn(async move { engine.provision(&index, placement).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            let names = server.names().await;
            let ours: Vec<_> = names
                .iter()
                .filter(|name| name.starts_with(index.name().as_str()))
                .collect();
            let shared = !ours.iter().any(|name| {
                let rest = &name[index.name().as_str().len()..];
                !rest.is_empty() && !rest.ends_with("-live")
            });
            assert_eq!(ours.len(), if shared { 2 } else { 3 }, "{ours:?}");
            let engine = server.engine();
            write(&engine, &index, &[put(1, 1, "lamp")]).await;
            assert_eq!(find(&engine, &index, "lamp").await, [id(1)]);
            let aliases = server.get(&format!("/_alias/{}", index.name())).await;
            assert_eq!(aliases.as_object().unwrap().len(), 1, "{aliases}");
        }
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_drafts_the_one_with_the_highest_fence_is_searched() {
    let Some(server) = Server::find() else {
        return;
    };
    for (round, provisioned) in [(0, true), (1, false), (2, true)] {
        let index = server.index("acme");
        if provisioned {
            server
                .engine()
                .provision(&index, Placement::Shared)
                .await
                .unwrap();
        }
        let tasks: Vec<_> = (1..=6_u64)
            .map(|fence| {
                let (engine, index) = (server.engine(), index.clone());
                let placement = BOTH[usize::try_from(fence + round).unwrap() % 2];
                tokio::spawn(async move {
                    let Ok(draft) = engine.draft(&index, placement, Fence::new(fence)).await else {
                        return None;
                    };
                    let name = format!("lamp {fence}");
                    engine
                        .write_draft(&draft, &[put(1, fence, &name)])
                        .await
                        .ok()?;
                    engine.publish(draft).await.ok()?;
                    Some(fence)
                })
            })
            .collect();
        let mut published = Vec::new();
        for task in tasks {
            published.extend(task.await.unwrap());
        }
        // Nothing is begun after it, so nobody takes it away.
        assert_eq!(published.iter().max(), Some(&6), "{published:?}");
        let engine = server.engine();
        assert_eq!(find(&engine, &index, "6").await, [id(1)]);
        assert_eq!(engine.count(&index).await.unwrap(), 1);
        let last = draft(&engine, &index, Placement::Shared, 7, "lamp 7").await;
        engine.publish(last).await.unwrap();
        assert_eq!(find(&engine, &index, "7").await, [id(1)]);
        let whole = index.name().as_str();
        let names = server.names().await;
        let ours = names.iter().filter(|name| name.starts_with(whole)).count();
        assert_eq!(ours, 2, "{names:?}");
        assert_eq!(engine.count(&index).await.unwrap(), 1);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_that_was_decided_before_a_newer_one_changes_nothing() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let (slow, quick) = (engine(&proxy.url), server.engine());
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        write(&quick, &index, &[put(1, 1, "lamp 1")]).await;
        let older = draft(&slow, &index, placement, 5, "lamp 5").await;
        let hold = proxy.hold("POST /_aliases");
        let publishing = {
            let slow = slow.clone();
            tokio::spawn(async move { slow.publish(older).await })
        };
        hold.reached().await;
        let newer = draft(&quick, &index, placement, 7, "lamp 7").await;
        quick.publish(newer).await.unwrap();
        hold.release();
        is(publishing.await.unwrap(), ErrorKind::NotFound);
        assert_eq!(find(&quick, &index, "7").await, [id(1)], "{placement:?}");
        assert_eq!(quick.count(&index).await.unwrap(), 1);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_not_published_over_what_was_written_after_its_lease() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let (paused, quick) = (engine(&proxy.url), server.engine());
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        write(&quick, &index, &[put(1, 1, "lamp")]).await;
        let older = draft(&paused, &index, placement, 5, "lamp").await;
        let hold = proxy.hold("POST /_aliases");
        let publishing = {
            let paused = paused.clone();
            tokio::spawn(async move { paused.publish(older).await })
        };
        hold.reached().await;
        write(&quick, &index, &[put(2, 6, "desk")]).await;
        hold.release();
        is(publishing.await.unwrap(), ErrorKind::NotFound);
        assert_eq!(find(&quick, &index, "desk").await, [id(2)], "{placement:?}");
        assert_eq!(find(&quick, &index, "lamp").await, [id(1)], "{placement:?}");
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_meets_a_swap_is_written_to_what_is_searched() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let (slow, quick) = (engine(&proxy.url), server.engine());
    for from in BOTH {
        for to in BOTH {
            let index = server.provisioned("acme", from).await;
            let door = format!("POST /{}-", index.name());
            let hold = proxy.hold(&door);
            let writing = {
                let (slow, index) = (slow.clone(), index.clone());
                tokio::spawn(async move { slow.write(&index, &[put(2, 9, "desk")]).await })
            };
            hold.reached().await;
            let newer = draft(&quick, &index, to, 7, "lamp").await;
            quick.publish(newer).await.unwrap();
            hold.release();
            writing.await.unwrap().unwrap();
            quick.refresh(&index).await.unwrap();
            assert_eq!(
                find(&quick, &index, "desk").await,
                [id(2)],
                "{from:?} {to:?}"
            );
            assert_eq!(quick.count(&index).await.unwrap(), 2);
        }
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_late_for_a_rebuild_brings_nothing_back() {
    let Some(server) = Server::find() else {
        return;
    };
    let proxy = Proxy::before(&server.url).await;
    let (slow, quick) = (engine(&proxy.url), server.engine());
    for placement in BOTH {
        let index = server.provisioned("acme", placement).await;
        write(&quick, &index, &[put(2, 1, "desk")]).await;
        // Read before the row was deleted, sent after the index was built without it.
        let hold = proxy.hold(&format!("POST /{}-", index.name()));
        let writing = {
            let (slow, index) = (slow.clone(), index.clone());
            tokio::spawn(async move { slow.write(&index, &[put(2, 6, "desk")]).await })
        };
        hold.reached().await;
        let newer = draft(&quick, &index, placement, 7, "lamp").await;
        quick.publish(newer).await.unwrap();
        hold.release();
        writing.await.unwrap().unwrap();
        let mixed = [put(2, 6, "desk"), put(3, 7, "shelf"), delete(1, 6)];
        write(&quick, &index, &mixed).await;
        assert_eq!(quick.ids(&index, None, 10).await.unwrap(), [id(1), id(3)]);
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_find_the_old_or_the_new_while_a_tenant_moves() {
    let Some(server) = Server::find() else {
        return;
    };
    let index = server.provisioned("acme", Placement::Dedicated).await;
    let engine = server.engine();
    write(&engine, &index, &[put(1, 1, "lamp 1")]).await;
    let ended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let searches: Vec<_> = (0..4)
        .map(|_| {
            let (engine, index, ended) = (server.engine(), index.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                while !ended.load(std::sync::atomic::Ordering::SeqCst) {
                    let hits = engine.search(&index, &Query::new("lamp")).await.unwrap();
                    let ids: Vec<_> = hits.hits.iter().map(|hit| hit.id).collect();
                    assert_eq!(ids, [id(1)]);
                    assert_eq!(engine.count(&index).await.unwrap(), 1);
                }
            })
        })
        .collect();
    for fence in 2..14 {
        // Every pair of placements.
        let placement = BOTH[usize::from([2, 3, 6, 7, 10, 11].contains(&fence))];
        let next = draft(&engine, &index, placement, fence, "lamp").await;
        engine.publish(next).await.unwrap();
    }
    ended.store(true, std::sync::atomic::Ordering::SeqCst);
    for search in searches {
        search.await.unwrap();
    }
    server.end().await;
}
