//! An index is built anew while it is searched and written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tenancy_core::ErrorKind;
use tenancy_core::outbox::{Claim, Consumer, Feed};
use tenancy_search::{Comparison, Placement, Query};

use crate::faults::Fault;
use crate::world::{PRODUCTS, World};

#[tokio::test]
async fn what_changes_while_it_is_built_is_in_the_new_index_and_in_the_old_one() {
    let world = World::new();
    world.fill(&world.acme, 0..10, "lamp");
    world.tell(&world.acme, "*");
    world.settle().await;
    let step = AtomicU64::new(0);
    let change = |_| match step.fetch_add(1, Ordering::Relaxed) {
        3 => {
            world.put(&world.acme, 1, "desk copied");
            world.put(&world.acme, 8, "desk later");
            world.put(&world.acme, 20, "desk new");
            world.delete(&world.acme, 0);
            world.delete(&world.acme, 9);
            world.tell(&world.acme, "*");
        }
        5 => world.put(&world.acme, 1, "desk again"),
        _ => {}
    };
    let rebuild = world.indexer.rebuild(PRODUCTS).batch(1).progress(change);
    let rebuilt = rebuild.run(&world.messages, &world.acme).await.unwrap();
    assert_eq!(rebuilt.messages, 6, "{rebuilt:?}");
    let left = world.messages.messages_of(world.acme.id());
    let left: Vec<_> = left.iter().map(|message| &*message.key).collect();
    assert_eq!(
        left,
        ["*"],
        "what asked meanwhile gets a rebuild of its own"
    );
    assert_eq!(world.find("desk").await, [1, 8, 20]);
    assert_eq!(world.find("again").await, [1]);
    world.assert_equal("nobody told anything since").await;
    world.settle().await;
    world.assert_equal("it was built once more").await;
    assert_eq!(world.search.figures().rebuilds, 3);
}

#[tokio::test]
async fn a_rebuild_that_lost_its_lease_publishes_nothing() {
    let world = World::new();
    world.fill(&world.acme, 0..3, "lamp");
    world.tell(&world.acme, "*");
    world.settle().await;
    let step = AtomicU64::new(0);
    let overtaken = world.clone();
    let lose = |_| {
        if step.fetch_add(1, Ordering::Relaxed) == 2 {
            overtaken.messages.pass(Duration::from_mins(5));
            overtaken.put(&overtaken.acme, 1, "desk");
            // Another program takes the lease and tells it.
            let other = overtaken.clone();
            let told = std::thread::spawn(move || {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = runtime.enable_all().build().unwrap();
                runtime.block_on(other.settle());
            });
            told.join().unwrap();
        }
    };
    let rebuild = world.indexer.rebuild(PRODUCTS).batch(1).progress(lose);
    let rebuilt = rebuild.run(&world.messages, &world.acme).await;
    world.assert_equal("what the other told is found").await;
    let error = rebuilt.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("lease"), "{error}");
    assert_eq!(world.search.figures().rebuilds_failed, 1);
}

#[tokio::test]
async fn a_rebuild_waits_for_whoever_has_the_tenant() {
    let world = World::new();
    let topics = world.indexer.topics();
    let claim = Claim {
        consumer: world.indexer.name(),
        topics: &topics,
        span: Duration::from_mins(1),
    };
    let lease = world
        .messages
        .claim_tenant(&claim, world.acme.id())
        .await
        .unwrap()
        .unwrap();
    let rebuild = || world.indexer.rebuild(PRODUCTS);
    let impatient = rebuild().patience(Duration::ZERO);
    let refused = impatient
        .run(&world.messages, &world.acme)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    let release = async {
        tokio::task::yield_now().await;
        let next = tenancy_core::outbox::Next::Now;
        world.messages.release(lease, next).await
    };
    let patient = rebuild();
    let (rebuilt, released) = tokio::join!(patient.run(&world.messages, &world.acme), release);
    released.unwrap();
    assert_eq!(rebuilt.unwrap().documents, 0);
}

/// Whether the test below is over.
static ENDS: AtomicBool = AtomicBool::new(false);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_and_searches_go_on_while_it_moves() {
    let world = World::new();
    world.fill(&world.acme, 0..200, "steady lamp");
    world.tell(&world.acme, "*");
    world.settle().await;
    let running = || !ENDS.load(Ordering::Acquire);
    let writer = {
        let world = world.clone();
        tokio::spawn(async move {
            let mut written = 0_u128;
            while running() {
                let number = 200 + written * 7 % 100;
                if written.is_multiple_of(5) {
                    world.delete(&world.acme, number);
                } else {
                    world.put(&world.acme, number, &format!("moving desk {written}"));
                }
                // Rows that the searches look for change, too, and are still found.
                world.put(
                    &world.acme,
                    written % 200,
                    &format!("steady lamp {written}"),
                );
                written += 1;
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            written
        })
    };
    let searcher = {
        let world = world.clone();
        tokio::spawn(async move {
            let index = world.search.of(&world.acme, PRODUCTS).unwrap();
            let mut asked = 0_u64;
            while running() {
                let found = index.find(&Query::new("steady")).await.unwrap();
                assert_eq!(found.total, 200, "after {asked} searches");
                asked += 1;
                tokio::task::yield_now().await;
            }
            asked
        })
    };
    let worker = {
        let world = world.clone();
        tokio::spawn(async move {
            while running() {
                world.turn(&world.messages).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    for round in 0..10 {
        let placement = [Placement::Dedicated, Placement::Shared][round % 2];
        let rebuild = world
            .indexer
            .rebuild(PRODUCTS)
            .placement(placement)
            .batch(20);
        rebuild.run(&world.messages, &world.acme).await.unwrap();
    }
    ENDS.store(true, Ordering::Release);
    let (written, asked) = (writer.await.unwrap(), searcher.await.unwrap());
    worker.await.unwrap();
    assert!(
        written > 0 && asked > 0,
        "{written} writes, {asked} searches"
    );
    world.settle().await;
    world.assert_equal("after all writes").await;
    assert_eq!(world.search.figures().foreign, 0);
}

#[tokio::test]
async fn a_rebuild_that_fails_or_is_killed_at_any_call_is_made_good_by_the_next() {
    for fault in [
        Fault::Before,
        Fault::After,
        Fault::KilledBefore,
        Fault::KilledAfter,
    ] {
        for by_message in [false, true] {
            let mut calls = 0;
            while fails_and_recovers(fault, calls, by_message).await {
                calls += 1;
            }
            assert!(calls > 10, "{fault:?}: {calls}");
        }
    }
}

/// Whether the call was made at all.
async fn fails_and_recovers(fault: Fault, at: usize, by_message: bool) -> bool {
    let case = format!("{fault:?} at call {at}, by message: {by_message}");
    let world = World::new();
    world.fill(&world.acme, 0..6, "steady lamp");
    world.tell(&world.acme, "*");
    world.settle().await;
    world.put(&world.acme, 1, "steady desk");
    world.delete(&world.acme, 5);
    world.put(&world.acme, 9, "steady chair");
    let feed = world.feed();
    let outcome = if by_message {
        world.tell(&world.acme, "*");
        world.faults.set(at, fault);
        world.turn(&feed).await
    } else {
        let steps = AtomicU64::new(0);
        let change = |_| {
            if steps.fetch_add(1, Ordering::Relaxed) < 3 {
                world.put(&world.acme, 2, "steady shelf");
            }
        };
        let rebuild = world.indexer.rebuild(PRODUCTS).batch(2).progress(change);
        world.faults.set(at, fault);
        let rebuild = rebuild.patience(Duration::ZERO);
        rebuild.run(&feed, &world.acme).await.map(drop)
    };
    let failed = world.faults.clear();
    // So every call of a whole run had its turn.
    assert!(failed || outcome.is_ok(), "{case}: {outcome:?}");
    assert!(
        world.find("steady").await.len() >= 5,
        "{case}: nothing may be lost meanwhile"
    );
    // Leases and pauses end by themselves.
    world.messages.pass(Duration::from_mins(10));
    world.settle().await;
    let compared = world.indexer.compare(&world.acme, PRODUCTS).await.unwrap();
    assert!(
        compared.is_equal(),
        "{case}: {compared:?} although all was told"
    );
    let rebuild = world.indexer.rebuild(PRODUCTS).batch(2);
    rebuild.run(&world.messages, &world.acme).await.unwrap();
    world.assert_equal(&case).await;
    failed
}

#[tokio::test]
async fn what_is_told_before_there_is_an_index_is_found_however_its_rebuild_ends() {
    for fault in [
        Fault::Before,
        Fault::After,
        Fault::KilledBefore,
        Fault::KilledAfter,
    ] {
        let mut calls = 0;
        loop {
            let world = World::new();
            world.put(&world.acme, 1, "steady lamp");
            let feed = world.feed();
            world.faults.set(calls, fault);
            let _ = world.turn(&feed).await;
            if !world.faults.clear() {
                break;
            }
            // Leases and pauses end by themselves.
            world.messages.pass(Duration::from_mins(10));
            world.settle().await;
            let compared = world.indexer.compare(&world.acme, PRODUCTS).await;
            assert!(
                compared.as_ref().is_ok_and(Comparison::is_equal),
                "{fault:?} at call {calls}: {compared:?} although all was told"
            );
            calls += 1;
        }
        assert!(calls > 8, "{fault:?}: {calls}");
    }
}
