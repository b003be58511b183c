//! What takes time: entries end by a clock that the test moves.

use std::sync::Mutex;

use super::*;
use crate::name::{SchemaName, Slug};
use crate::store::MemoryStore;

#[derive(Debug)]
struct HandClock(Mutex<Instant>);

impl HandClock {
    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }
}

fn store_and_clock() -> (CachedStore<MemoryStore>, Arc<HandClock>) {
    let clock = Arc::new(HandClock(Mutex::new(Instant::now())));
    let mut store = CachedStore::new(MemoryStore::new());
    store.settings.clock = Arc::clone(&clock) as _;
    (store, clock)
}

fn acme() -> (Tenant, Identifier) {
    let slug = Slug::parse("acme").unwrap();
    let schema = SchemaName::parse("acme").unwrap();
    let id = Identifier::Slug(slug.clone());
    (Tenant::new(TenantId::generate(), slug, schema), id)
}

#[tokio::test]
async fn a_tenant_is_remembered_for_its_time_and_no_longer() {
    let (store, clock) = store_and_clock();
    let (tenant, identifier) = acme();
    let id = tenant.id();
    store.inner().insert(tenant).unwrap();
    assert!(store.find(&identifier).await.unwrap().is_some());
    store.inner().remove(id);

    clock.pass(Duration::from_millis(9_999));
    assert!(store.find(&identifier).await.unwrap().is_some());
    clock.pass(Duration::from_millis(1));
    assert!(store.find(&identifier).await.unwrap().is_none());
    assert_eq!(store.stats().loads, 2);
    assert_eq!(store.stats().hits, 1);
}

#[tokio::test]
async fn an_absence_is_remembered_for_its_own_time() {
    let (store, clock) = store_and_clock();
    let (tenant, identifier) = acme();
    assert!(store.find(&identifier).await.unwrap().is_none());
    store.inner().insert(tenant).unwrap();

    clock.pass(Duration::from_millis(4_999));
    assert!(store.find(&identifier).await.unwrap().is_none());
    assert_eq!(store.stats().negative_hits, 1);
    clock.pass(Duration::from_millis(1));
    assert!(store.find(&identifier).await.unwrap().is_some());
    assert_eq!(store.stats().loads, 2);
}

#[tokio::test]
async fn an_answer_ages_from_when_it_was_asked_for() {
    struct Slow(Arc<HandClock>, Arc<Tenant>);

    #[async_trait]
    impl TenantStore for Slow {
        async fn find(&self, _: &Identifier) -> Result<Option<Arc<Tenant>>, Error> {
            self.0.pass(Duration::from_secs(8));
            Ok(Some(Arc::clone(&self.1)))
        }
    }

    let clock = Arc::new(HandClock(Mutex::new(Instant::now())));
    let (tenant, identifier) = acme();
    let mut store = CachedStore::new(Slow(Arc::clone(&clock), tenant.into()));
    store.settings.clock = Arc::clone(&clock) as _;
    store.find(&identifier).await.unwrap();
    clock.pass(Duration::from_secs(2));
    store.find(&identifier).await.unwrap();
    assert_eq!(store.stats().loads, 2);
}

#[tokio::test]
async fn endless_and_empty_times_are_taken_as_they_can_be() {
    let (store, _) = store_and_clock();
    let store = store.ttl(Duration::MAX).negative_ttl(Duration::ZERO);
    let (tenant, identifier) = acme();
    store.find(&identifier).await.unwrap();
    store.find(&identifier).await.unwrap();
    assert_eq!(store.stats().loads, 2);
    store.inner().insert(tenant).unwrap();
    store.find(&identifier).await.unwrap();
    store.find(&identifier).await.unwrap();
    assert_eq!(store.stats().loads, 3);
}

#[tokio::test]
async fn a_flood_of_unknown_names_neither_grows_the_memory_nor_evicts_tenants() {
    let (store, _) = store_and_clock();
    let store = store.capacity(100);
    let (tenant, identifier) = acme();
    store.inner().insert(tenant).unwrap();
    store.find(&identifier).await.unwrap();
    for number in 0..5_000 {
        let unknown = Identifier::Slug(Slug::parse(&format!("nobody-{number}")).unwrap());
        assert!(store.find(&unknown).await.unwrap().is_none());
        let state = store.memory.read();
        assert!(state.absent.len() <= 100 && state.present.len() == 1);
        assert!(state.flights.is_empty());
    }
    let loads = store.stats().loads;
    assert!(store.find(&identifier).await.unwrap().is_some());
    assert_eq!(store.stats().loads, loads);
}
