//! What a tenant has remembered is its own, is never older than what was invalidated, and costs
//! nobody else anything.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use proptest::prelude::*;
use tenancy_core::cache::{
    Cache, CacheScope, Fill, Filled, Invalidation, Mark, Namespace, Place, Read, Source,
};
use tenancy_core::testing::{cache_contract, context};
use tenancy_core::{
    CacheResource, Caches, Error, Exposition, MemoryCache, Prefix, Tenant, TenantContext, TenantId,
    TenantResource,
};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use crate::support::{sabotage, tenant};

const POSTS: Namespace = Namespace::new("posts");

type Never = std::convert::Infallible;

fn caches() -> Caches {
    sabotage();
    Caches::new(MemoryCache::new())
}

fn ok<T>(value: T) -> Ready<Result<T, Never>> {
    ready(Ok(value))
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    sabotage();
    let memory = MemoryCache::new();
    cache_contract(|| Arc::new(memory.clone())).await;
}

#[tokio::test]
async fn tenants_with_equal_keys_have_their_own_values() {
    let caches = caches();
    let contexts = ["acme", "acme-x", "acmex"].map(context);
    let keys = ["", "1", ":", "acme", "*", "[a]", "\n", "x:1", "ü"].map(|key| POSTS.key(key));
    for context in &contexts {
        for key in &keys {
            let own = format!("{} {key:?}", context.slug());
            let got = caches
                .of(context)
                .get_or_load(key, || ok(own.clone()))
                .await;
            assert_eq!(got, Ok(own));
        }
    }
    caches.of(&contexts[0]).invalidate_all().await;
    for (number, context) in contexts.iter().enumerate() {
        for key in &keys {
            let wanted = (number > 0).then(|| format!("{} {key:?}", context.slug()));
            assert_eq!(caches.of(context).get::<String>(key).await, wanted);
        }
    }
}

#[tokio::test]
async fn installations_that_share_a_back_end_are_apart() {
    sabotage();
    let memory = MemoryCache::new();
    let acme = context("acme");
    let eu = Caches::new(memory.clone()).prefix(Prefix::parse("eu").unwrap());
    let us = Caches::new(memory).prefix(Prefix::parse("us").unwrap());
    eu.of(&acme).put(&POSTS.key("1"), "eu").await;
    assert_eq!(us.of(&acme).get::<String>(&POSTS.key("1")).await, None);
    us.of(&acme).invalidate_all().await;
    assert_eq!(
        eu.of(&acme).get::<String>(&POSTS.key("1")).await.unwrap(),
        "eu"
    );
}

/// Writes down where it was asked to read.
#[derive(Debug, Default)]
struct Places(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl Cache for Places {
    fn name(&self) -> &'static str {
        "places"
    }

    async fn read(&self, place: &Place) -> Result<Read, Error> {
        self.0.lock().unwrap().push(place.name().to_string());
        let mark = Mark {
            history: Uuid::nil(),
            count: 0,
        };
        Ok(Read {
            entry: None,
            mark,
            floor: 0,
        })
    }

    async fn fill(&self, _: &Place, _: Fill<'_>) -> Result<Filled, Error> {
        Ok(Filled::Lost)
    }

    async fn invalidate(&self, _: &CacheScope, _: &Invalidation) -> Result<(), Error> {
        Ok(())
    }

    async fn purge(&self, _: &CacheScope) -> Result<(), Error> {
        Ok(())
    }

    async fn residue(&self, _: &CacheScope) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

type Parts = (String, u128, usize, Vec<u8>);

fn parts() -> impl Strategy<Value = Parts> {
    let bytes = prop_oneof![
        "[ab:~/%A-F0-9]{0,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..4),
        Just(b"x:1".to_vec()),
    ];
    ("(a|ab|a-b)", 0..3_u128, 0..3_usize, bytes)
}

fn stored(parts: &Parts) -> String {
    const NAMESPACES: [Namespace; 3] = [
        Namespace::new("a"),
        Namespace::new("ab"),
        Namespace::new("x"),
    ];
    let (prefix, id, namespace, key) = parts;
    let places = Arc::new(Places::default());
    let back_end: Arc<dyn Cache> = Arc::<Places>::clone(&places);
    let like = tenant("acme");
    let id = TenantId::from_uuid(Uuid::from_u128(*id));
    let tenant = Tenant::new(id, like.slug().clone(), like.schema_name().clone());
    let tenant = tenant.with_status(tenancy_core::Status::Active);
    let context = TenantContext::new(Arc::new(tenant), "test").unwrap();
    let cache = Caches::from_arc(back_end)
        .prefix(Prefix::parse(prefix).unwrap())
        .of(&context);
    cache
        .get::<String>(&NAMESPACES[*namespace].key(key))
        .now_or_never()
        .unwrap();
    places.0.lock().unwrap().pop().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn stored_names_are_equal_exactly_when_all_parts_are(one in parts(), other in parts()) {
        let (first, second) = (stored(&one), stored(&other));
        prop_assert_eq!(first == second, one == other, "{} {}", first, second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_ask_at_once_are_answered_by_one_load() {
    let caches = caches();
    let cache = caches.of(&context("acme"));
    let loads = AtomicUsize::new(0);
    let key = POSTS.key("1");
    let asked = (0..100).map(|_| {
        cache.get_or_load(&key, || async {
            loads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            ok(7).await
        })
    });
    assert!(join_all(asked).await.into_iter().all(|got| got == Ok(7)));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let figures = caches.figures();
    assert_eq!(
        (figures.loads, figures.fills, figures.joined + figures.hits),
        (1, 1, 99)
    );
}

#[tokio::test]
async fn who_waits_for_a_load_that_fails_panics_or_is_dropped_loads() {
    let cache = caches().of(&context("acme"));
    let key = POSTS.key("1");

    // The first fails, and only it hears so.
    let started = Arc::new(Notify::new());
    let (fail, failed) = oneshot::channel::<()>();
    let first = tokio::spawn({
        let (cache, key, started) = (cache.clone(), key.clone(), Arc::clone(&started));
        async move {
            let load = || async {
                started.notify_one();
                let _ = failed.await;
                Err::<i32, _>("broken")
            };
            cache.get_or_load(&key, load).await
        }
    });
    started.notified().await;
    let mut second = Box::pin(cache.get_or_load(&key, || async { Ok::<_, &str>(2) }));
    assert!((&mut second).now_or_never().is_none());
    fail.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Err("broken"));
    assert_eq!(second.await, Ok(2));
    cache.delete(&key).await;

    // The first is dropped.
    let mut first = Box::pin(cache.get_or_load(&key, std::future::pending::<Result<i32, &str>>));
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(cache.get_or_load(&key, || async { Ok::<_, &str>(3) }));
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    assert_eq!(second.await, Ok(3));
    cache.delete(&key).await;

    // The first panics.
    let first = tokio::spawn({
        let (cache, key) = (cache.clone(), key.clone());
        async move {
            let load = || async { panic!("on purpose") };
            cache.get_or_load::<i32, &str, _, _>(&key, load).await
        }
    });
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(
        cache.get_or_load(&key, || async { Ok::<_, &str>(4) }).await,
        Ok(4)
    );
    assert_eq!(cache.get(&key).await, Some(4));
}

#[tokio::test]
async fn a_load_from_before_an_invalidation_is_nobodys_after_it() {
    let caches = caches();
    let acme = context("acme");
    let cache = caches.of(&acme);
    let (key, tag) = (POSTS.key("1"), POSTS.tag("all"));
    for turn in 0..3 {
        let (bring, brought) = oneshot::channel::<i32>();
        let load = || async { Ok::<_, Never>(brought.await.unwrap()) };
        let tagged = |_: &i32| vec![tag.clone()];
        let mut old = Box::pin(cache.load_tagged(&key, tagged, load));
        assert!((&mut old).now_or_never().is_none());
        match turn {
            0 => cache.delete(&key).await,
            1 => cache.invalidate_tag(&tag).await,
            _ => cache.invalidate_all().await,
        }
        // It does not wait for the old one, either.
        let new = cache.get_or_load(&key, || ok(2)).now_or_never();
        assert_eq!(new, Some(Ok(2)), "turn {turn}");
        cache.invalidate_all().await;
        bring.send(1).unwrap();
        assert_eq!(old.await.unwrap().value, 1);
        assert_eq!(cache.get::<i32>(&key).await, None, "turn {turn}");
    }
    assert_eq!(caches.figures().lost_fills, 3);
}

#[tokio::test]
async fn nobody_waits_for_a_load_from_before_what_another_process_invalidated() {
    sabotage();
    let memory = MemoryCache::new();
    let acme = context("acme");
    let here = Caches::new(memory.clone()).of(&acme);
    let there = Caches::new(memory).of(&acme);
    let key = POSTS.key("1");
    let mut old = Box::pin(here.get_or_load(&key, std::future::pending::<Result<i32, Never>>));
    assert!((&mut old).now_or_never().is_none());
    there.delete(&key).await;
    let new = here.get_or_load(&key, || ok(2)).now_or_never();
    assert_eq!(new, Some(Ok(2)));
}

#[tokio::test]
async fn a_tag_takes_its_values_away_and_no_others() {
    let cache = caches().of(&context("acme"));
    let (red, blue) = (POSTS.tag("red"), POSTS.tag("blue"));
    cache
        .put_tagged(&POSTS.key("1"), std::slice::from_ref(&red), &1)
        .await;
    cache
        .put_tagged(&POSTS.key("2"), &[red.clone(), blue], &2)
        .await;
    cache.put(&POSTS.key("3"), &3).await;
    let got = cache
        .load_tagged(&POSTS.key("4"), |_| vec![red.clone()], || ok(4))
        .await
        .unwrap();
    assert_eq!((got.value, got.source), (4, Source::Miss));
    let got = cache
        .load_tagged(&POSTS.key("4"), |_| vec![red.clone()], || ok(4))
        .await
        .unwrap();
    assert_eq!(got.source.as_str(), "hit");
    cache.invalidate_tag(&POSTS.tag("blue")).await;
    let there = async || {
        let mut there = Vec::new();
        for key in ["1", "2", "3", "4"] {
            there.extend(cache.get::<i32>(&POSTS.key(key)).await);
        }
        there
    };
    assert_eq!(there().await, [1, 3, 4]);
    cache.invalidate_tag(&red).await;
    assert_eq!(there().await, [3]);
}

#[tokio::test]
async fn values_end_by_the_clock_and_not_all_at_once() {
    sabotage();
    let start = Instant::now();
    let passed = Arc::new(AtomicU64::new(0));
    let clock = {
        let passed = Arc::clone(&passed);
        move || start + Duration::from_secs(passed.load(Ordering::SeqCst))
    };
    let caches = Caches::new(MemoryCache::new().clock(clock)).ttl(Duration::from_secs(1000));
    let cache = caches.of(&context("acme"));
    let keys: Vec<_> = (0..100)
        .map(|key: i32| POSTS.key(key.to_string()))
        .collect();
    for key in &keys {
        cache.put(key, &1).await;
    }
    let mut left = Vec::new();
    for now in [899, 950, 1000] {
        passed.store(now, Ordering::SeqCst);
        let there = join_all(keys.iter().map(|key| cache.get::<i32>(key))).await;
        left.push(there.into_iter().flatten().count());
    }
    assert_eq!((left[0], left[2]), (100, 0));
    assert!((1..100).contains(&left[1]), "{left:?}");
}

#[tokio::test]
async fn a_tenant_that_writes_100_mb_costs_a_neighbour_nothing() {
    sabotage();
    let memory = MemoryCache::new().budget(4 << 20).budget_each(3 << 20);
    let caches = Caches::new(memory);
    let neighbours: Vec<_> = (0..20)
        .map(|n| caches.of(&context(&format!("n{n}"))))
        .collect();
    for cache in &neighbours {
        cache.put(&POSTS.key("1"), &"x".repeat(20_000)).await;
    }
    let loud = [caches.of(&context("loud")), caches.of(&context("louder"))];
    let value = "y".repeat(100_000);
    for number in 0..500 {
        for cache in &loud {
            cache.put(&POSTS.key(number.to_string()), &value).await;
        }
    }
    assert!(caches.figures().holding.bytes <= 4 << 20);
    assert!(caches.figures().holding.evictions > 900);
    for cache in &neighbours {
        assert!(cache.get::<String>(&POSTS.key("1")).await.is_some());
    }
    // What was used last is still there.
    assert!(loud[1].get::<String>(&POSTS.key("499")).await.is_some());
    assert!(loud[1].get::<String>(&POSTS.key("1")).await.is_none());
}

#[tokio::test]
async fn a_tenant_keeps_to_its_own_budget() {
    sabotage();
    let caches = Caches::new(MemoryCache::new().budget_each(100_000));
    let cache = caches.of(&context("acme"));
    for number in 0..100 {
        cache
            .put(&POSTS.key(number.to_string()), &"z".repeat(10_000))
            .await;
        assert!(
            cache.get::<String>(&POSTS.key("0")).await.is_some(),
            "it is in use"
        );
    }
    assert!(caches.figures().holding.bytes <= 100_000);
    assert!(cache.get::<String>(&POSTS.key("99")).await.is_some());
    assert!(cache.get::<String>(&POSTS.key("50")).await.is_none());
}

#[tokio::test]
async fn what_is_too_large_or_no_json_is_served_and_not_kept() {
    let caches = caches().largest(100);
    let cache = caches.of(&context("acme"));
    let long = POSTS.key(vec![b'x'; 1000]);
    for (key, value) in [
        (POSTS.key("1"), "y".repeat(101)),
        (long.clone(), "y".to_owned()),
    ] {
        for _ in 0..2 {
            let got = cache.get_or_load(&key, || ok(value.clone())).await;
            assert_eq!(got, Ok(value.clone()));
        }
        cache.put(&key, &value).await;
        assert_eq!(cache.get::<String>(&key).await, None);
    }
    cache.delete(&long).await;
    let odd = HashMap::from([((1, 2), 3)]);
    cache.put(&POSTS.key("2"), &odd).await;
    assert_eq!(caches.figures().refused, 7);
    assert_eq!(caches.figures().fills, 0);

    // A value of another type is none.
    cache.put(&POSTS.key("3"), "text").await;
    assert_eq!(cache.get::<i32>(&POSTS.key("3")).await, None);
    assert_eq!(caches.figures().corrupt, 1);
}

#[tokio::test]
async fn a_purge_takes_one_tenant_and_the_figures_tell() {
    let caches = caches();
    let (acme, other) = (context("acme"), context("acme-x"));
    caches.of(&acme).put(&POSTS.key("1"), &1).await;
    caches.of(&other).put(&POSTS.key("1"), &2).await;
    let resource = CacheResource::new(caches.clone());
    assert_eq!(resource.residue(acme.tenant()).await.unwrap().len(), 1);
    resource.suspend(acme.tenant()).await.unwrap();
    resource
        .rename(acme.tenant(), other.tenant())
        .await
        .unwrap();
    resource.purge(acme.tenant()).await.unwrap();
    resource.purge(acme.tenant()).await.unwrap();
    assert!(resource.residue(acme.tenant()).await.unwrap().is_empty());
    assert_eq!(caches.of(&acme).get::<i32>(&POSTS.key("1")).await, None);
    assert_eq!(caches.of(&other).get::<i32>(&POSTS.key("1")).await, Some(2));
    let mut out = Exposition::new();
    caches.figures().expose(&mut out);
    let text = out.into_text();
    for line in [
        "tenancy_cache_reads_total{answer=\"hit\"} 1",
        "tenancy_cache_reads_total{answer=\"miss\"} 1",
        "tenancy_cache_fills_total{outcome=\"stored\"} 2",
        "tenancy_cache_entries 1",
    ] {
        assert!(text.lines().any(|is| is == line), "{line}\n{text}");
    }
}
