//! Many callers ask once, and no invalidation is overtaken by an older answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use tenancy_core::{
    CachedStore, Error, ErrorKind, Identifier, MemoryStore, Status, Tenant, TenantStore,
};
use tokio::sync::Semaphore;

use crate::support::tenant;

/// Answers what it knew when it was asked, but only when the test lets it.
struct Gated {
    tenants: MemoryStore,
    gate: Semaphore,
    asked: AtomicUsize,
    failure: Mutex<Failure>,
}

#[derive(Clone, Copy, PartialEq)]
enum Failure {
    None,
    Error,
    Panic,
}

#[async_trait]
impl TenantStore for Gated {
    async fn find(&self, identifier: &Identifier) -> Result<Option<Arc<Tenant>>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.tenants.find(identifier).await;
        let failure = *self.failure.lock().unwrap();
        self.gate.acquire().await.unwrap().forget();
        match failure {
            Failure::None => answer,
            Failure::Error => Err(Error::new(ErrorKind::Unavailable, "the store is away")),
            Failure::Panic => panic!("the store is broken"),
        }
    }
}

fn gated() -> (CachedStore<Gated>, Tenant, Identifier) {
    let acme = tenant("acme");
    let identifier = Identifier::Slug(acme.slug().clone());
    let store = Gated {
        tenants: MemoryStore::new(),
        gate: Semaphore::new(0),
        asked: AtomicUsize::new(0),
        failure: Mutex::new(Failure::None),
    };
    store.tenants.insert(acme.clone()).unwrap();
    (CachedStore::new(store), acme, identifier)
}

fn open(store: &CachedStore<Gated>, answers: usize) {
    store.inner().gate.add_permits(answers);
}

fn asked(store: &CachedStore<Gated>) -> usize {
    store.inner().asked.load(Ordering::SeqCst)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn status(answer: Poll<Result<Option<Arc<Tenant>>, Error>>) -> Option<Status> {
    match answer {
        Poll::Ready(answer) => answer.unwrap().map(|tenant| tenant.status()),
        Poll::Pending => panic!("the answer is not there yet"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_callers_ask_once() {
    let (store, acme, identifier) = gated();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (store, identifier) = (store.clone(), identifier.clone());
            tokio::spawn(async move { store.find(&identifier).await })
        })
        .collect();
    // The answer is held back until everybody waits for it.
    while store.stats().misses < 100 {
        tokio::task::yield_now().await;
    }
    open(&store, 100);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().unwrap().id(), acme.id());
    }
    assert_eq!(asked(&store), 1);
    assert_eq!(store.stats().loads, 1);
    store.find(&identifier).await.unwrap();
    assert_eq!((asked(&store), store.stats().hits), (1, 1));
}

#[tokio::test]
async fn absence_is_remembered_until_the_tenant_is_made_known() {
    let (store, _, _) = gated();
    let late = tenant("late");
    let identifier = Identifier::Slug(late.slug().clone());
    open(&store, 10);
    for _ in 0..5 {
        assert!(store.find(&identifier).await.unwrap().is_none());
    }
    assert_eq!((asked(&store), store.stats().negative_hits), (1, 4));
    store.inner().tenants.insert(late.clone()).unwrap();
    store.clone().invalidate(&late.id());
    assert!(store.find(&identifier).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_remembered_for_no_time_is_asked_for_each_time() {
    let tenants = MemoryStore::new();
    let acme = tenant("acme");
    let identifier = Identifier::Slug(acme.slug().clone());
    tenants.insert(acme.clone()).unwrap();
    let store = CachedStore::new(tenants).ttl(Duration::ZERO);
    let found = store.find(&identifier).await.unwrap().unwrap();
    assert_eq!(found.status(), Status::Active);
    let suspended = acme.with_status(Status::Suspended);
    store.inner().replace(suspended).unwrap();
    let found = store.find(&identifier).await.unwrap().unwrap();
    assert_eq!(found.status(), Status::Suspended);
}

#[tokio::test]
async fn invalidating_a_tenant_forgets_it_by_every_identifier() {
    let (store, acme, by_slug) = gated();
    let by_id = Identifier::Id(acme.id());
    let other = tenant("other");
    let by_other = Identifier::Slug(other.slug().clone());
    store.inner().tenants.insert(other).unwrap();
    open(&store, 100);
    for identifier in [&by_slug, &by_id, &by_other] {
        store.find(identifier).await.unwrap();
    }
    let suspended = acme.clone().with_status(Status::Suspended);
    store.inner().tenants.replace(suspended).unwrap();
    store.invalidate(&acme.id());
    for identifier in [&by_slug, &by_id] {
        let found = store.find(identifier).await.unwrap().unwrap();
        assert_eq!(found.status(), Status::Suspended);
    }
    let before = asked(&store);
    store.find(&by_other).await.unwrap();
    assert_eq!(asked(&store), before, "the other tenant stays known");

    store.invalidate_identifier(&by_slug);
    store.find(&by_id).await.unwrap();
    assert_eq!(asked(&store), before);
    store.find(&by_slug).await.unwrap();
    assert_eq!(asked(&store), before + 1);
    store.clear();
    store.find(&by_other).await.unwrap();
    assert_eq!(asked(&store), before + 2);
}

/// A load is under way with the old answer when `invalidate` comes.
fn check_race(invalidate: impl Fn(&CachedStore<Gated>, &Tenant, &Identifier)) {
    let (store, acme, identifier) = gated();
    let mut early = store.find(&identifier);
    assert!(poll(&mut early).is_pending());
    assert_eq!(asked(&store), 1);

    let suspended = acme.clone().with_status(Status::Suspended);
    store.inner().tenants.replace(suspended).unwrap();
    invalidate(&store, &acme, &identifier);

    let mut late = store.find(&identifier);
    assert!(poll(&mut late).is_pending());
    assert_eq!(
        asked(&store),
        2,
        "who comes after the invalidation asks anew"
    );

    open(&store, 1);
    assert_eq!(status(poll(&mut early)), Some(Status::Active));
    let mut third = store.find(&identifier);
    assert!(
        poll(&mut third).is_pending(),
        "the old answer was remembered"
    );
    assert_eq!(asked(&store), 2, "the new load is joined");

    open(&store, 1);
    assert_eq!(status(poll(&mut late)), Some(Status::Suspended));
    assert_eq!(status(poll(&mut third)), Some(Status::Suspended));
    let mut fourth = store.find(&identifier);
    assert_eq!(status(poll(&mut fourth)), Some(Status::Suspended));
    assert_eq!(asked(&store), 2, "the new answer was not remembered");
}

#[test]
fn an_older_answer_never_overtakes_an_invalidation() {
    check_race(|store, acme, _| store.invalidate(&acme.id()));
    check_race(|store, _, identifier| store.invalidate_identifier(identifier));
    check_race(|store, _, _| store.clear());
}

#[test]
fn an_absence_asked_for_before_a_tenant_was_made_is_not_remembered() {
    let (store, _, _) = gated();
    let late = tenant("late");
    let identifier = Identifier::Slug(late.slug().clone());
    let mut early = store.find(&identifier);
    assert!(poll(&mut early).is_pending());
    store.inner().tenants.insert(late.clone()).unwrap();
    store.invalidate(&late.id());
    open(&store, 2);
    assert_eq!(status(poll(&mut early)), None);
    let mut next = store.find(&identifier);
    assert_eq!(status(poll(&mut next)), Some(Status::Active));
}

#[test]
fn the_first_caller_going_away_does_not_fail_the_others() {
    let (store, acme, identifier) = gated();
    let mut first = store.find(&identifier);
    assert!(poll(&mut first).is_pending());
    let mut second = store.find(&identifier);
    assert!(poll(&mut second).is_pending());
    drop(first);
    open(&store, 1);
    match poll(&mut second) {
        Poll::Ready(Ok(Some(found))) => assert_eq!(found.id(), acme.id()),
        other => panic!("{other:?}"),
    }
    assert_eq!(asked(&store), 1);
}

#[test]
fn a_load_that_nobody_waits_for_is_dropped_and_begun_anew() {
    let (store, acme, identifier) = gated();
    for round in 1..=3 {
        assert!(poll(&mut store.find(&identifier)).is_pending());
        assert_eq!(asked(&store), round);
    }
    // What changed while nobody waited is seen.
    let suspended = acme.with_status(Status::Suspended);
    store.inner().tenants.replace(suspended).unwrap();
    open(&store, 1);
    let mut next = store.find(&identifier);
    assert_eq!(status(poll(&mut next)), Some(Status::Suspended));
}

#[test]
fn failures_reach_everybody_who_waited_and_are_not_remembered() {
    for (failure, kind) in [
        (Failure::Error, ErrorKind::Unavailable),
        (Failure::Panic, ErrorKind::Internal),
    ] {
        let (store, acme, identifier) = gated();
        *store.inner().failure.lock().unwrap() = failure;
        let (mut one, mut two) = (store.find(&identifier), store.find(&identifier));
        assert!(poll(&mut one).is_pending() && poll(&mut two).is_pending());
        open(&store, 1);
        for caller in [&mut one, &mut two] {
            match poll(caller) {
                Poll::Ready(Err(error)) => assert_eq!(error.kind(), kind),
                other => panic!("{other:?}"),
            }
        }
        *store.inner().failure.lock().unwrap() = Failure::None;
        open(&store, 1);
        match poll(&mut store.find(&identifier)) {
            Poll::Ready(Ok(Some(found))) => assert_eq!(found.id(), acme.id()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_racing_changes_no_answer_is_older_than_the_last_invalidation() {
    let acme = tenant("acme");
    let identifier = Identifier::Slug(acme.slug().clone());
    let memory = MemoryStore::new();
    memory.insert(acme.clone().with_name("0")).unwrap();
    let store = CachedStore::new(memory);
    let told = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, told, identifier) = (store.clone(), told.clone(), identifier.clone());
            tokio::spawn(async move {
                while told.load(Ordering::SeqCst) < 2_000 {
                    let before = told.load(Ordering::SeqCst);
                    let found = store.find(&identifier).await.unwrap().unwrap();
                    let version: usize = found.name().parse().unwrap();
                    assert!(version >= before, "{version} was read after {before}");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for version in 1..=2_000 {
        let next = acme.clone().with_name(version.to_string());
        store.inner().replace(next).unwrap();
        store.invalidate(&acme.id());
        told.store(version, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
