//! Entries in the memory of the process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use super::shelf::Shelf;
use super::{Cache, CacheScope, Fill, Filled, Holding, Invalidation, Place, Read};
use crate::error::Error;

/// Keeps entries in the memory of this process: for tests, and for services that run alone.
///
/// A tenant has at most its own budget, where the entry that was not used for the longest time
/// goes first. When all tenants together are over the whole budget, the tenant that has most gives
/// way, so whoever has less than an equal share loses nothing to others.
///
/// What one process invalidates another does not hear of; use a back end that they share there. A
/// clone is another handle to the same memory.
///
/// # Example
///
/// ```
/// use tenancy_core::{Caches, MemoryCache};
///
/// let memory = MemoryCache::new().budget(256 << 20).budget_each(8 << 20);
/// assert_eq!(Caches::new(memory).figures().holding.entries, 0);
/// ```
#[derive(Clone)]
pub struct MemoryCache {
    shelves: Arc<Mutex<Shelves>>,
    budget: usize,
    each: usize,
    clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

#[derive(Default)]
struct Shelves {
    tenants: HashMap<CacheScope, Shelf>,
    /// The same by what they take.
    sizes: BTreeSet<(usize, CacheScope)>,
    bytes: usize,
    entries: usize,
    evictions: u64,
}

impl MemoryCache {
    /// Keeps at most 64 MiB, and 8 MiB of each tenant.
    pub fn new() -> Self {
        Self {
            shelves: Arc::default(),
            budget: 64 << 20,
            each: 8 << 20,
            clock: Arc::new(Instant::now),
        }
    }

    /// Keeps at most `bytes` of all tenants together; set it before cloning.
    #[must_use]
    pub fn budget(mut self, bytes: usize) -> Self {
        self.budget = bytes;
        self
    }

    /// Keeps at most `bytes` of each tenant; set it before cloning.
    #[must_use]
    pub fn budget_each(mut self, bytes: usize) -> Self {
        self.each = bytes;
        self
    }

    /// Ages entries by what `now` says, for tests that do not wait.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Forgets everything of everybody.
    pub fn clear(&self) {
        let mut shelves = self.lock();
        let evictions = shelves.evictions;
        *shelves = Shelves::default();
        shelves.evictions = evictions;
    }

    // Nothing panics while the lock is held.
    fn lock(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `work` change what a tenant has, and makes room afterwards; `place` goes last.
    fn with<T>(
        &self,
        scope: &CacheScope,
        place: Option<&Place>,
        work: impl FnOnce(&mut Shelf, Instant) -> T,
    ) -> T {
        let now = (self.clock)();
        let mut shelves = self.lock();
        let out = shelves.change(scope, |shelf| work(shelf, now));
        if !crate::sabotaged!("cache.no-budget-each") {
            while shelves
                .tenants
                .get(scope)
                .is_some_and(|shelf| shelf.bytes() > self.each)
            {
                shelves.evict(&scope.clone(), place);
            }
        }
        while shelves.bytes > self.budget {
            let Some((_, most)) = shelves.sizes.last().cloned() else {
                break;
            };
            let victim = crate::sabotaged!("cache.others-give-way", shelves.smallest(), most);
            shelves.evict(&victim, place);
        }
        out
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Cache for MemoryCache {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn read(&self, place: &Place) -> Result<Read, Error> {
        Ok(self.with(place.scope(), Some(place), |shelf, now| {
            shelf.read(place, now)
        }))
    }

    async fn fill(&self, place: &Place, fill: Fill<'_>) -> Result<Filled, Error> {
        // One entry is not worth all the others of its tenant.
        if fill.entry.len() > self.each / 2 {
            return Ok(Filled::Lost);
        }
        Ok(self.with(place.scope(), Some(place), |shelf, now| {
            shelf.fill(place, fill, now)
        }))
    }

    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) -> Result<(), Error> {
        // Who is not known has no history, so no value of before is kept for it.
        if self.lock().tenants.contains_key(scope) {
            self.with(scope, None, |shelf, _| shelf.invalidate(what));
        }
        Ok(())
    }

    async fn purge(&self, scope: &CacheScope) -> Result<(), Error> {
        self.lock().remove(scope);
        Ok(())
    }

    async fn residue(&self, scope: &CacheScope) -> Result<Vec<String>, Error> {
        let shelves = self.lock();
        let places = shelves
            .tenants
            .get(scope)
            .into_iter()
            .flat_map(Shelf::places);
        Ok(places.map(|place| place.name().to_string()).collect())
    }

    fn holding(&self) -> Holding {
        let shelves = self.lock();
        Holding {
            entries: shelves.entries as u64,
            bytes: shelves.bytes as u64,
            evictions: shelves.evictions,
        }
    }
}

impl Shelves {
    fn change<T>(&mut self, scope: &CacheScope, work: impl FnOnce(&mut Shelf) -> T) -> T {
        let known = self.tenants.contains_key(scope);
        let shelf = self.tenants.entry(scope.clone()).or_insert_with(Shelf::new);
        let before = if known {
            (shelf.bytes(), shelf.len())
        } else {
            (0, 0)
        };
        let out = work(shelf);
        let after = (shelf.bytes(), shelf.len());
        self.bytes = self.bytes - before.0 + after.0;
        self.entries = self.entries - before.1 + after.1;
        if before.0 != after.0 {
            self.sizes.remove(&(before.0, scope.clone()));
            self.sizes.insert((after.0, scope.clone()));
        }
        out
    }

    /// Drops one entry of the tenant, or the tenant when it has no other than the one at `except`.
    fn evict(&mut self, scope: &CacheScope, except: Option<&Place>) {
        self.evictions += 1;
        if !self.change(scope, |shelf| shelf.drop_one(except)) {
            // A tenant's next history has another name, so nothing of this one comes back.
            self.remove(scope);
        }
    }

    fn remove(&mut self, scope: &CacheScope) {
        if let Some(shelf) = self.tenants.remove(scope) {
            self.bytes -= shelf.bytes();
            self.entries -= shelf.len();
            self.sizes.remove(&(shelf.bytes(), scope.clone()));
        }
    }

    fn smallest(&self) -> CacheScope {
        let least = self.sizes.first().expect("asked while there is somebody");
        least.1.clone()
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache")
            .field("budget", &self.budget)
            .field("each", &self.each)
            .field("holding", &self.holding())
            .finish_non_exhaustive()
    }
}
