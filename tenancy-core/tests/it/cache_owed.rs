//! What a back end did not confirm is sent before anything of that tenant is read again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;
use tenancy_core::cache::{Cache, CacheScope, Fill, Filled, Invalidation, Namespace, Place, Read};
use tenancy_core::testing::context;
use tenancy_core::{Caches, Error, ErrorKind, MemoryCache, TenantContext, TenantId};

use crate::support::sabotage;

const POSTS: Namespace = Namespace::new("posts");

/// A back end that can be away, and tells what it was asked to invalidate.
#[derive(Debug, Default)]
struct Flaky {
    memory: MemoryCache,
    away: AtomicBool,
    told: Mutex<Vec<(TenantId, Invalidation)>>,
}

impl Flaky {
    fn here(&self) -> Result<(), Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "it is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl Cache for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    async fn read(&self, place: &Place) -> Result<Read, Error> {
        self.here()?;
        self.memory.read(place).await
    }

    async fn fill(&self, place: &Place, fill: Fill<'_>) -> Result<Filled, Error> {
        self.here()?;
        self.memory.fill(place, fill).await
    }

    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) -> Result<(), Error> {
        self.here()?;
        // Elsewhere this takes a moment, too.
        tokio::task::yield_now().await;
        self.told
            .lock()
            .unwrap()
            .push((scope.tenant(), what.clone()));
        self.memory.invalidate(scope, what).await
    }

    async fn purge(&self, scope: &CacheScope) -> Result<(), Error> {
        self.memory.purge(scope).await
    }

    async fn residue(&self, scope: &CacheScope) -> Result<Vec<String>, Error> {
        self.memory.residue(scope).await
    }
}

struct Desk {
    back_end: Arc<Flaky>,
    caches: Caches,
}

impl Desk {
    fn new() -> Self {
        sabotage();
        let back_end = Arc::new(Flaky::default());
        let caches = Caches::from_arc(Arc::<Flaky>::clone(&back_end));
        Self { back_end, caches }
    }

    fn away(&self, away: bool) {
        self.back_end.away.store(away, Ordering::SeqCst);
    }

    async fn got(&self, of: &TenantContext, key: &str) -> Option<i32> {
        self.caches.of(of).get(&POSTS.key(key)).await
    }

    fn told(&self, of: &TenantContext) -> Vec<Invalidation> {
        let mut told = self.back_end.told.lock().unwrap();
        let own = told
            .iter()
            .filter(|(id, _)| *id == of.id())
            .map(|(_, what)| what.clone());
        let own = own.collect();
        told.retain(|(id, _)| *id != of.id());
        own
    }
}

#[tokio::test]
async fn it_is_sent_once_and_first() {
    let desk = Desk::new();
    let acme = context("acme");
    let cache = desk.caches.of(&acme);
    for key in ["1", "2"] {
        cache.put(&POSTS.key(key), &1).await;
    }
    desk.away(true);
    cache.delete(&POSTS.key("1")).await;
    cache.delete(&POSTS.key("1")).await;
    assert_eq!(desk.got(&acme, "2").await, None);
    assert_eq!(desk.caches.figures().owed, 1);
    desk.away(false);
    assert_eq!(desk.got(&acme, "1").await, None);
    assert_eq!(desk.got(&acme, "2").await, Some(1));
    assert_eq!(desk.told(&acme).len(), 1);
    assert_eq!(desk.caches.figures().owed, 0);
}

#[tokio::test]
async fn a_value_that_was_loaded_before_it_is_not_kept() {
    let desk = Desk::new();
    let acme = context("acme");
    let cache = desk.caches.of(&acme);
    let key = POSTS.key("1");
    let load = || async {
        desk.away(true);
        cache.delete(&key).await;
        desk.away(false);
        Ok::<_, ()>(1)
    };
    assert_eq!(cache.get_or_load(&key, load).await, Ok(1));
    assert_eq!(desk.got(&acme, "1").await, None);
    assert_eq!(desk.caches.figures().lost_fills, 1);
}

#[tokio::test]
async fn nobody_waits_for_a_load_from_before_it() {
    let desk = Desk::new();
    let acme = context("acme");
    let cache = desk.caches.of(&acme);
    let key = POSTS.key("1");
    desk.away(true);
    for turn in 0..3 {
        let mut old = Box::pin(cache.get_or_load(&key, std::future::pending::<Result<i32, ()>>));
        assert!((&mut old).now_or_never().is_none());
        let mut joined = Box::pin(cache.get_or_load(&key, || async { Ok::<_, ()>(1) }));
        assert!((&mut joined).now_or_never().is_none(), "one load is enough");
        match turn {
            0 => cache.delete(&key).await,
            1 => cache.invalidate_tag(&POSTS.tag("t")).await,
            _ => cache.invalidate_all().await,
        }
        let new = cache
            .get_or_load(&key, || async { Ok::<_, ()>(2) })
            .now_or_never();
        assert_eq!(new, Some(Ok(2)), "turn {turn}");
    }
}

#[tokio::test]
async fn many_of_one_tenant_become_one_of_everything() {
    let desk = Desk::new();
    let acme = context("acme");
    let cache = desk.caches.of(&acme);
    cache.put(&POSTS.key("1"), &1).await;
    desk.away(true);
    for key in 0..100 {
        cache.delete(&POSTS.key(key.to_string())).await;
    }
    desk.away(false);
    assert_eq!(desk.got(&acme, "1").await, None);
    assert_eq!(desk.told(&acme), [Invalidation::All]);
}

#[tokio::test]
async fn too_many_tenants_become_everybody() {
    let desk = Desk::new();
    let (first, last, quiet) = (context("first"), context("last"), context("quiet"));
    for tenant in [&first, &last, &quiet] {
        desk.caches.of(tenant).put(&POSTS.key("1"), &1).await;
    }
    desk.away(true);
    desk.caches.of(&first).delete(&POSTS.key("1")).await;
    for _ in 0..10_000 {
        desk.caches.of(&context("acme")).invalidate_all().await;
    }
    desk.caches.of(&last).delete(&POSTS.key("1")).await;
    assert!(desk.caches.figures().owed <= 10_000);
    desk.away(false);
    for tenant in [&first, &last, &quiet] {
        assert_eq!(desk.got(tenant, "1").await, None, "{}", tenant.slug());
        assert_eq!(desk.told(tenant), [Invalidation::All], "{}", tenant.slug());
        // It was paid, and what is put there now stays.
        desk.caches.of(tenant).put(&POSTS.key("1"), &2).await;
        assert_eq!(desk.got(tenant, "1").await, Some(2));
        assert_eq!(desk.told(tenant), []);
    }
}

#[tokio::test]
async fn others_are_told_without_a_read_of_their_own() {
    let desk = Desk::new();
    let tenants: Vec<_> = (0..9).map(|n| context(&format!("t{n}"))).collect();
    desk.away(true);
    for tenant in &tenants {
        desk.caches.of(tenant).invalidate_all().await;
    }
    desk.away(false);
    desk.got(&tenants[0], "1").await;
    assert_eq!(desk.caches.figures().owed, 6);
    desk.caches.settle().await;
    assert_eq!(desk.caches.figures().owed, 0);
    for tenant in &tenants {
        assert_eq!(desk.told(tenant), [Invalidation::All]);
    }
}

#[tokio::test]
async fn it_is_owed_when_its_request_is_cut_off() {
    let desk = Desk::new();
    let acme = context("acme");
    let cache = desk.caches.of(&acme);
    cache.put(&POSTS.key("1"), &1).await;
    assert_eq!(cache.delete(&POSTS.key("1")).now_or_never(), None);
    assert_eq!(desk.caches.figures().owed, 1);
    assert_eq!(desk.got(&acme, "1").await, None);
    assert_eq!(desk.caches.figures().owed, 0);
}
