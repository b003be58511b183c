//! Memory over Redis answers only while it hears of invalidations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenancy_core::cache::Namespace;
use tenancy_core::testing::{cache_contract, context};
use tenancy_core::{Caches, LayeredCache, MemoryCache, Prefix, TenantContext};

use crate::server::Server;

const POSTS: Namespace = Namespace::new("posts");

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A process whose memory hears of invalidations.
async fn process(server: &Server) -> (LayeredCache, Caches) {
    let layered = LayeredCache::new(MemoryCache::new(), server.cache(), &server.prefix)
        .near_ttl(Duration::from_mins(10));
    let caches = Caches::new(layered.clone()).prefix(server.prefix.clone());
    let cache = caches.of(&context("nobody"));
    eventually("hearing", async || {
        cache.get::<i32>(&POSTS.key("1")).await;
        layered.hears()
    })
    .await;
    (layered, caches)
}

async fn load(caches: &Caches, of: &TenantContext, key: &str, value: i32) -> i32 {
    let tags = |_: &i32| vec![POSTS.tag("t")];
    let load = || async { Ok::<_, ()>(value) };
    let loaded = caches
        .of(of)
        .load_tagged(&POSTS.key(key), tags, load)
        .await
        .unwrap();
    loaded.value
}

/// Takes everything away behind the back of the cache.
fn wipe(server: &Server) {
    let keys: Vec<String> = server.do_raw("KEYS", &[format!("{}:*", server.prefix).as_bytes()]);
    for key in keys {
        server.do_raw::<i32>("DEL", &[key.as_bytes()]);
    }
}

#[tokio::test]
async fn memory_over_redis_keeps_the_contract() {
    let server = Server::shared();
    let layered = LayeredCache::new(MemoryCache::new(), server.cache(), &Prefix::default());
    cache_contract(|| Arc::new(layered.clone())).await;
    eventually("hearing", async || layered.hears()).await;
    cache_contract(|| Arc::new(layered.clone())).await;
}

#[tokio::test]
async fn memory_answers_until_another_process_invalidates() {
    let server = Server::own(&[]);
    let (_, here) = process(&server).await;
    let (_, there) = process(&server).await;
    let (acme, other) = (context("acme"), context("acme-x"));
    for turn in 0..3 {
        for (tenant, key) in [(&acme, "1"), (&acme, "2"), (&other, "1")] {
            // Once into Redis, once more into memory.
            load(&here, tenant, key, turn).await;
            assert_eq!(load(&here, tenant, key, -1).await, turn);
        }
        wipe(&server);
        assert_eq!(
            load(&here, &acme, "1", -1).await,
            turn,
            "it comes from memory"
        );
        match turn {
            0 => there.of(&acme).delete(&POSTS.key("1")).await,
            1 => there.of(&acme).invalidate_tag(&POSTS.tag("t")).await,
            _ => there.of(&acme).invalidate_all().await,
        }
        let cache = here.of(&acme);
        eventually("hearing it", async || {
            cache.get::<i32>(&POSTS.key("1")).await.is_none()
        })
        .await;
        let second = cache.get::<i32>(&POSTS.key("2")).await;
        assert_eq!(second, (turn == 0).then_some(turn));
        let neighbours = here.of(&other).get::<i32>(&POSTS.key("1")).await;
        assert_eq!(
            neighbours,
            Some(turn),
            "another tenant's is still in memory"
        );
        here.of(&other).invalidate_all().await;
        here.of(&acme).invalidate_all().await;
    }
}

#[tokio::test]
async fn memory_is_not_asked_while_nothing_is_heard_and_is_empty_afterwards() {
    let mut server = Server::own(&[]);
    let (layered, here) = process(&server).await;
    let acme = context("acme");
    for _ in 0..2 {
        load(&here, &acme, "1", 1).await;
    }
    server.kill();
    eventually("silence", async || !layered.hears()).await;
    assert_eq!(load(&here, &acme, "1", 2).await, 2, "memory may be old");
    server.start();
    eventually("hearing", async || layered.hears()).await;
    eventually("remembering", async || {
        load(&here, &acme, "1", 3).await == 3
    })
    .await;

    // The subscription alone is lost, and an invalidation with it.
    for _ in 0..2 {
        load(&here, &acme, "1", 4).await;
    }
    wipe(&server);
    server.do_raw::<i32>("CLIENT", &[b"KILL", b"TYPE", b"pubsub"]);
    eventually("forgetting", async || load(&here, &acme, "1", 5).await == 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_with_memory_agree_once_the_writers_stop() {
    let server = Server::own(&[]);
    let (_, here) = process(&server).await;
    let (_, there) = process(&server).await;
    let acme = context("acme");
    let row = Arc::new(std::sync::atomic::AtomicI32::new(0));
    let tasks: Vec<_> = (0..4)
        .map(|number| {
            let own = if number % 2 == 0 {
                here.clone()
            } else {
                there.clone()
            };
            let (row, acme) = (Arc::clone(&row), acme.clone());
            tokio::spawn(async move {
                for turn in 0..1000 {
                    if turn % 3 == 0 {
                        row.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        own.of(&acme).delete(&POSTS.key("1")).await;
                    }
                    let load = || async {
                        let value = row.load(std::sync::atomic::Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Ok::<_, ()>(value)
                    };
                    own.of(&acme)
                        .get_or_load(&POSTS.key("1"), load)
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let last = row.load(std::sync::atomic::Ordering::SeqCst);
    for process in [&here, &there] {
        eventually("agreement", async || {
            load(process, &acme, "1", last).await == last
        })
        .await;
        for _ in 0..100 {
            assert_eq!(load(process, &acme, "1", last).await, last, "it went back");
        }
    }
    let hits = here.figures().hits + there.figures().hits;
    assert!(hits > 100, "nothing was remembered");
}
