//! A store that remembers another store's answers for a short while.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::bounded::Bounded;
use super::clock::{Clock, SystemClock};
use super::{Identifier, TenantStore};
use crate::error::{Error, ErrorKind};
use crate::exposition::Exposition;
use crate::tenant::{Tenant, TenantId};

type Answer = Option<Arc<Tenant>>;
type Load = BoxFuture<'static, Result<Answer, Error>>;

/// Remembers what `S` answers, tenants as well as their absence, and asks once for many callers.
///
/// A clone is another handle to the same memory, for the task that passes invalidations on.
/// Answers are at most as old as the time to live, counted from when the store was asked, and
/// never older than the last invalidation that concerns them. Failures are not remembered.
///
/// Dropping a lookup is safe: others who wait for the same answer still get it, and a question
/// that nobody waits for any more is dropped.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::{CachedStore, MemoryStore};
///
/// let store = CachedStore::new(MemoryStore::new()).ttl(Duration::from_secs(5));
/// let for_invalidation = store.clone();
/// for_invalidation.clear();
/// assert_eq!(store.stats().loads, 0);
/// ```
pub struct CachedStore<S> {
    store: Arc<S>,
    settings: Settings,
    memory: Arc<Memory>,
}

/// How often the memory was enough, since the store was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups answered with a remembered tenant.
    pub hits: u64,
    /// Lookups that had to wait for the store behind, alone or with others.
    pub misses: u64,
    /// Lookups answered with a remembered absence.
    pub negative_hits: u64,
    /// Questions put to the store behind.
    pub loads: u64,
}

impl CacheStats {
    /// Tells them as `tenancy_resolver_…`.
    pub fn expose(&self, out: &mut Exposition) {
        out.counter(
            "tenancy_resolver_lookups_total",
            "Lookups of a tenant, by where the answer came from.",
        )
        .sample(&[("answer", "remembered")], self.hits)
        .sample(&[("answer", "remembered_absence")], self.negative_hits)
        .sample(&[("answer", "store")], self.misses);
        out.counter(
            "tenancy_resolver_loads_total",
            "Questions put to the store of tenants.",
        )
        .sample(&[], self.loads);
    }
}

#[derive(Debug, Clone)]
struct Settings {
    ttl: Duration,
    negative_ttl: Duration,
    capacity: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Memory {
    state: RwLock<State>,
    hits: AtomicU64,
    misses: AtomicU64,
    negative_hits: AtomicU64,
    loads: AtomicU64,
}

struct State {
    present: Bounded<Arc<Tenant>>,
    absent: Bounded<()>,
    /// The loads that later callers may join and that may fill the memory. Taking one out is how
    /// an invalidation makes sure that it does neither.
    flights: HashMap<Identifier, Flight>,
    next_flight: u64,
}

struct Flight {
    number: u64,
    /// Weak, so that a load which nobody waits for any more is dropped instead of frozen.
    load: WeakShared<Load>,
}

impl<S: TenantStore> CachedStore<S> {
    /// Remembers tenants for 10 s and absences for 5 s, at most 10,000 of each.
    pub fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            settings: Settings {
                ttl: Duration::from_secs(10),
                negative_ttl: Duration::from_secs(5),
                capacity: 10_000,
                clock: Arc::new(SystemClock),
            },
            memory: Arc::new(Memory::default()),
        }
    }
}

impl<S> CachedStore<S> {
    /// Remembers tenants for `ttl`; set it before cloning.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// Remembers for `ttl` that nobody answers to an identifier; set it before cloning.
    #[must_use]
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.settings.negative_ttl = ttl;
        self
    }

    /// Remembers at most `entries` tenants and, apart from them, as many absences; set it before
    /// cloning.
    #[must_use]
    pub fn capacity(mut self, entries: usize) -> Self {
        self.settings.capacity = entries;
        self
    }

    /// Forgets everything about the tenant, whatever identifier it was found by, and all
    /// absences, because what changed may be a name it now answers to.
    ///
    /// Call it after the change can be read from the store behind. A name that went from one
    /// tenant to another takes a call for each of them.
    pub fn invalidate(&self, id: &TenantId) {
        let mut state = self.memory.write();
        state.present.retain(|tenant| tenant.id() != *id);
        state.absent.clear();
        // Whose answer a load will bring is not known yet, so none of them may stay.
        state.flights.clear();
    }

    /// Forgets what `identifier` leads to; the same tenant may stay known by other identifiers.
    pub fn invalidate_identifier(&self, identifier: &Identifier) {
        let mut state = self.memory.write();
        state.present.remove(identifier);
        state.absent.remove(identifier);
        state.flights.remove(identifier);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut state = self.memory.write();
        state.present.clear();
        state.absent.clear();
        state.flights.clear();
    }

    /// How often the memory was enough so far.
    pub fn stats(&self) -> CacheStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStats {
            hits: read(&self.memory.hits),
            misses: read(&self.memory.misses),
            negative_hits: read(&self.memory.negative_hits),
            loads: read(&self.memory.loads),
        }
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.store
    }
}

impl<S: TenantStore> CachedStore<S> {
    /// Joins the load that is under way for `identifier`, or begins one.
    fn join(&self, identifier: &Identifier) -> Result<Answer, Shared<Load>> {
        let now = self.settings.clock.now();
        let mut state = self.memory.write();
        // Another caller may have brought the answer since we looked.
        if let Some(answer) = self.memory.recall(&state, identifier, now) {
            return Ok(answer);
        }
        self.memory.misses.fetch_add(1, Ordering::Relaxed);
        if let Some(load) = state.flights.get(identifier).and_then(|f| f.load.upgrade()) {
            return Err(load);
        }
        let number = state.next_flight;
        state.next_flight += 1;
        let load = self.load(identifier.clone(), number, now).boxed().shared();
        if let Some(weak) = load.downgrade() {
            let flight = Flight { number, load: weak };
            state.flights.insert(identifier.clone(), flight);
        }
        Err(load)
    }

    /// Asks the store behind and fills the memory, unless an invalidation came in between.
    fn load(
        &self,
        identifier: Identifier,
        number: u64,
        asked: Instant,
    ) -> impl Future<Output = Result<Answer, Error>> + use<S> {
        let store = Arc::clone(&self.store);
        let settings = self.settings.clone();
        let landing = Landing {
            memory: Arc::clone(&self.memory),
            identifier,
            number,
        };
        async move {
            landing.memory.loads.fetch_add(1, Ordering::Relaxed);
            // A store that panics must not take down everybody who waits for the same answer.
            let answer = AssertUnwindSafe(store.find(&landing.identifier))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    let message = format!("looking up {} panicked", landing.identifier);
                    Err(Error::new(ErrorKind::Internal, message))
                })?;
            landing.fill(&answer, &settings, asked);
            Ok(answer)
        }
    }
}

#[async_trait]
impl<S: TenantStore> TenantStore for CachedStore<S> {
    async fn find(&self, identifier: &Identifier) -> Result<Option<Arc<Tenant>>, Error> {
        let now = self.settings.clock.now();
        if let Some(answer) = self.memory.recall(&self.memory.read(), identifier, now) {
            return Ok(answer);
        }
        match self.join(identifier) {
            Ok(answer) => Ok(answer),
            Err(load) => load.await,
        }
    }
}

impl<S> Clone for CachedStore<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            settings: self.settings.clone(),
            memory: Arc::clone(&self.memory),
        }
    }
}

impl<S> fmt::Debug for CachedStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (present, absent) = {
            let state = self.memory.read();
            (state.present.len(), state.absent.len())
        };
        f.debug_struct("CachedStore")
            .field("ttl", &self.settings.ttl)
            .field("negative_ttl", &self.settings.negative_ttl)
            .field("capacity", &self.settings.capacity)
            .field("present", &present)
            .field("absent", &absent)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Takes a load out of the list when it ends, also when everybody who waited for it went away.
struct Landing {
    memory: Arc<Memory>,
    identifier: Identifier,
    number: u64,
}

impl Landing {
    fn fill(&self, answer: &Answer, settings: &Settings, asked: Instant) {
        let mut state = self.memory.write();
        let flight = state.flights.get(&self.identifier);
        if flight.is_none_or(|flight| flight.number != self.number) {
            return;
        }
        let key = self.identifier.clone();
        if let Some(tenant) = answer {
            state.absent.remove(&key);
            let ends = end(asked, settings.ttl);
            let tenant = Arc::clone(tenant);
            state.present.insert(key, tenant, ends, settings.capacity);
        } else {
            state.present.remove(&key);
            let ends = end(asked, settings.negative_ttl);
            state.absent.insert(key, (), ends, settings.capacity);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = self.memory.write();
        let flight = state.flights.get(&self.identifier);
        if flight.is_some_and(|flight| flight.number == self.number) {
            state.flights.remove(&self.identifier);
        }
    }
}

impl Memory {
    /// What is remembered about `identifier`, if it is fresh.
    fn recall(&self, state: &State, identifier: &Identifier, now: Instant) -> Option<Answer> {
        if let Some(tenant) = state.present.get(identifier, now) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Some(Some(Arc::clone(tenant)));
        }
        state.absent.get(identifier, now)?;
        self.negative_hits.fetch_add(1, Ordering::Relaxed);
        Some(None)
    }

    // Nothing panics while a lock is held, so a poisoned one still guards a whole state.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When an answer that was asked for at `asked` ends.
fn end(asked: Instant, ttl: Duration) -> Instant {
    // A clock can overflow; nobody needs an answer that is older than a day.
    asked + ttl.min(Duration::from_hours(24))
}

impl Default for State {
    fn default() -> Self {
        Self {
            present: Bounded::new(),
            absent: Bounded::new(),
            flights: HashMap::new(),
            next_flight: 0,
        }
    }
}

#[cfg(test)]
mod tests;
