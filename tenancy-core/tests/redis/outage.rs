//! Redis may hang, die and come back: nobody fails for it, and nothing old is served afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tenancy_core::cache::Namespace;
use tenancy_core::testing::context;
use tenancy_core::{Caches, RedisCache, TenantCache};

use crate::server::Server;

const ROWS: Namespace = Namespace::new("rows");

fn caches(server: &Server) -> Caches {
    let redis = server.cache().response_timeout(Duration::from_millis(200));
    Caches::new(redis).prefix(server.prefix.clone())
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn get(cache: &TenantCache) -> Option<u64> {
    cache.get(&ROWS.key("1")).await
}

#[tokio::test]
async fn a_server_that_is_not_there_costs_nobody_an_answer() {
    crate::server::sabotage();
    let caches = Caches::new(RedisCache::new("redis+unix:///nowhere/redis.sock").unwrap());
    let cache = caches.of(&context("acme"));
    for turn in 0..10_u64 {
        let got = cache
            .get_or_load(&ROWS.key("1"), || async { Ok::<_, ()>(turn) })
            .await;
        assert_eq!(got, Ok(turn), "nothing is remembered");
        cache.delete(&ROWS.key("1")).await;
    }
    let figures = caches.figures();
    assert_eq!(
        (figures.misses, figures.loads, figures.fills, figures.owed),
        (10, 10, 0, 1)
    );
    assert!(figures.errors >= 10, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_fails_while_redis_is_killed_and_started_under_load() {
    const TENANTS: usize = 3;
    let mut server = Server::own(&[]);
    let processes = [caches(&server), caches(&server)];
    let tenants: Vec<_> = (0..TENANTS).map(|n| context(&format!("t{n}"))).collect();
    let rows: Arc<Vec<AtomicU64>> = Arc::new((0..TENANTS).map(|_| AtomicU64::new(0)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let caches = processes[task % 2].clone();
            let (tenants, rows) = (tenants.clone(), Arc::clone(&rows));
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            // Each process knows what it invalidated itself.
            let known: Vec<_> = (0..TENANTS).map(|_| AtomicU64::new(0)).collect();
            tokio::spawn(async move {
                let mut turn = task;
                while !stop.load(Ordering::SeqCst) {
                    turn += 1;
                    let at = turn % TENANTS;
                    let cache = caches.of(&tenants[at]);
                    if turn % 7 == 0 {
                        let value = rows[at].fetch_add(1, Ordering::SeqCst) + 1;
                        cache.delete(&ROWS.key("1")).await;
                        known[at].fetch_max(value, Ordering::SeqCst);
                    }
                    let at_least = known[at].load(Ordering::SeqCst);
                    let load = || async {
                        tokio::task::yield_now().await;
                        Ok::<_, ()>(rows[at].load(Ordering::SeqCst))
                    };
                    let got = cache.get_or_load(&ROWS.key("1"), load).await.unwrap();
                    assert!(
                        got >= at_least,
                        "{at_least} was invalidated, {got} was read"
                    );
                    answered.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let progress = async |more: u64| {
        let goal = answered.load(Ordering::SeqCst) + more;
        eventually("progress", async || answered.load(Ordering::SeqCst) >= goal).await;
    };
    for _ in 0..5 {
        progress(300).await;
        server.kill();
        progress(300).await;
        server.start();
        let hits = processes[0].figures().hits;
        eventually("recovery", async || processes[0].figures().hits > hits + 50).await;
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    for process in &processes {
        eventually("paying", async || {
            process.settle().await;
            process.figures().owed == 0
        })
        .await;
    }
    for process in &processes {
        for (at, tenant) in tenants.iter().enumerate() {
            let now = rows[at].load(Ordering::SeqCst);
            let load = || async { Ok::<_, ()>(now) };
            let got = process.of(tenant).get_or_load(&ROWS.key("1"), load).await;
            assert_eq!(got, Ok(now));
        }
        assert!(
            process.figures().errors > 0,
            "nobody noticed: {:?}",
            process.figures()
        );
    }
}

#[tokio::test]
async fn an_invalidation_that_was_held_back_is_sent_before_the_next_read() {
    let server = Server::own(&[]);
    let (here, there) = (caches(&server), caches(&server));
    let acme = context("acme");
    let (cache, elsewhere) = (here.of(&acme), there.of(&acme));
    for turn in 0..3_u64 {
        cache
            .put_tagged(&ROWS.key("1"), &[ROWS.tag("t")], &turn)
            .await;
        assert_eq!(get(&cache).await, Some(turn));
        server.signal("-STOP");
        // This one waits in vain; from then on nothing is sent.
        assert_eq!(get(&cache).await, None);
        match turn {
            0 => cache.delete(&ROWS.key("1")).await,
            1 => cache.invalidate_tag(&ROWS.tag("t")).await,
            _ => cache.invalidate_all().await,
        }
        assert_eq!(here.figures().owed, 1);
        server.signal("-CONT");
        assert_eq!(get(&elsewhere).await, Some(turn), "nobody has told it yet");
        eventually("paying", async || {
            assert_eq!(get(&cache).await, None, "what was invalidated is served");
            here.figures().owed == 0
        })
        .await;
        assert_eq!(get(&elsewhere).await, None);
    }
}

#[tokio::test]
async fn an_invalidation_that_is_cut_off_is_owed() {
    let server = Server::own(&[]);
    let caches = caches(&server);
    let cache = caches.of(&context("acme"));
    cache.put(&ROWS.key("1"), &1_u64).await;
    server.signal("-STOP");
    let key = ROWS.key("1");
    assert!(cache.delete(&key).now_or_never().is_none());
    assert_eq!(caches.figures().owed, 1);
    server.signal("-CONT");
    assert_eq!(get(&cache).await, None);
    eventually("paying", async || {
        assert_eq!(get(&cache).await, None);
        caches.figures().owed == 0
    })
    .await;
}
