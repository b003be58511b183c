//! One bucket for all processes, and what becomes of it while Redis is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tenancy_core::TenantResource;
use tenancy_core::rate::{Rate, RateLimiter, RedisRateLimiter, WhenAway};
use tenancy_core::{CacheResource, Caches, ErrorKind, SchemaName, Slug, Tenant, TenantId};

use crate::server::Server;

/// So slow that nothing comes back while a test lasts.
fn slow() -> Rate {
    Rate::per_second(1).with_burst(500)
}

fn limiter(server: &Server) -> RedisRateLimiter {
    RedisRateLimiter::new(&server.cache(), server.prefix.clone())
}

#[tokio::test]
async fn two_processes_together_let_in_what_one_bucket_admits() {
    let server = Server::shared();
    let tenant = TenantId::generate();
    let started = Instant::now();
    // Each has a connection of its own, as another process has.
    let all: Vec<_> = (0..2)
        .map(|_| {
            let limiter = Arc::new(limiter(&server).when_away(WhenAway::Refuse));
            tokio::spawn(async move {
                let mut let_in = 0;
                for _ in 0..400 {
                    let verdict = limiter.take(tenant, slow()).await.unwrap();
                    let_in += u64::from(verdict.is_admitted());
                }
                let_in
            })
        })
        .collect();
    let mut let_in = 0;
    for one in all {
        let_in += one.await.unwrap();
    }
    // One comes back in each second that it took.
    let back = started.elapsed().as_secs() + 1;
    assert!((500..=500 + back).contains(&let_in), "{let_in} in {back} s");

    // Another tenant has another bucket.
    let verdict = limiter(&server).take(TenantId::generate(), slow()).await;
    assert_eq!(verdict.unwrap().remaining(), 499);
}

#[tokio::test]
async fn a_refused_request_says_when_to_come_back_and_takes_nothing() {
    let server = Server::shared();
    let tenant = TenantId::generate();
    let limiter = limiter(&server).when_away(WhenAway::Refuse);
    let rate = Rate::per_second(1);
    let first = limiter.take(tenant, rate).await.unwrap();
    assert!(first.is_admitted());
    assert_eq!(first.full_in(), Duration::from_secs(1));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let verdict = limiter.take(tenant, rate).await.unwrap();
        let Some(wait) = verdict.retry_after() else {
            break;
        };
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert!(Instant::now() < deadline, "nothing comes back");
        tokio::time::sleep(wait).await;
    }
    let never = limiter.take(tenant, Rate::per_second(0)).await.unwrap();
    assert!(!never.is_admitted());
}

#[tokio::test]
async fn a_purge_finds_the_bucket() {
    let server = Server::shared();
    let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
    let resource = CacheResource::new(caches);
    let name = "acme";
    let tenant = Tenant::new(
        TenantId::generate(),
        Slug::parse(name).unwrap(),
        SchemaName::parse(name).unwrap(),
    );
    limiter(&server).take(tenant.id(), slow()).await.unwrap();
    let left = resource.residue(&tenant).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    resource.purge(&tenant).await.unwrap();
    assert!(resource.residue(&tenant).await.unwrap().is_empty());
}

#[tokio::test]
async fn while_redis_is_away_a_setting_says_who_is_let_in() {
    let mut server = Server::own(&[]);
    let tenant = TenantId::generate();
    let closed = limiter(&server).when_away(WhenAway::Refuse);
    let open = limiter(&server);
    let rate = Rate::per_second(1).with_burst(3);
    for limiter in [&closed, &open] {
        assert!(limiter.take(tenant, rate).await.unwrap().is_admitted());
    }
    server.kill();
    let error = closed.take(tenant, rate).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // A bucket of its own, not an open door.
    for _ in 0..3 {
        assert!(open.take(tenant, rate).await.unwrap().is_admitted());
    }
    let mut refused = 0;
    for _ in 0..100 {
        refused += u32::from(!open.take(tenant, rate).await.unwrap().is_admitted());
    }
    assert!(refused >= 90, "{refused}");
}
