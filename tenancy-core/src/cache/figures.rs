//! How often entries were enough, and what else happened to them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::envelope::Unfit;
use crate::exposition::Exposition;

/// What happened in [`Caches`](super::Caches) since they were made, for all tenants together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheFigures {
    /// Reads that an entry answered.
    pub hits: u64,
    /// Reads that no entry answered.
    pub misses: u64,
    /// Values that were loaded.
    pub loads: u64,
    /// Reads that got the value of a load that was under way.
    pub joined: u64,
    /// Values that became entries.
    pub fills: u64,
    /// Values that were not kept because an invalidation came first, or for want of room.
    pub lost_fills: u64,
    /// Values that were too large, had a name that is too long, or are nothing in JSON.
    pub refused: u64,
    /// Entries found under a name they were not made for.
    pub foreign: u64,
    /// Entries that were older than an invalidation.
    pub old: u64,
    /// Entries that could not be read.
    pub corrupt: u64,
    /// Invalidations that the back end confirmed.
    pub invalidations: u64,
    /// Steps that the back end did not answer.
    pub errors: u64,
    /// Tenants with invalidations that the back end has not confirmed yet.
    pub owed: u64,
    /// How much the back end holds in this process.
    pub holding: Holding,
}

/// How much a back end holds in this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// Entries.
    pub entries: u64,
    /// Bytes, with what it takes to find them.
    pub bytes: u64,
    /// Entries that had to go for others so far.
    pub evictions: u64,
}

impl CacheFigures {
    /// Tells them as `tenancy_cache_…`.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{Caches, Exposition, MemoryCache};
    ///
    /// let caches = Caches::new(MemoryCache::new());
    /// let mut out = Exposition::new();
    /// caches.figures().expose(&mut out);
    /// assert!(out.into_text().contains("tenancy_cache_reads_total{answer=\"hit\"} 0\n"));
    /// ```
    pub fn expose(&self, out: &mut Exposition) {
        out.counter(
            "tenancy_cache_reads_total",
            "Reads of the cache, by whether an entry answered.",
        )
        .sample(&[("answer", "hit")], self.hits)
        .sample(&[("answer", "miss")], self.misses);
        out.counter(
            "tenancy_cache_loads_total",
            "Values that a miss took, by whether the load was under way.",
        )
        .sample(&[("load", "own")], self.loads)
        .sample(&[("load", "joined")], self.joined);
        out.counter(
            "tenancy_cache_fills_total",
            "Values that were to become entries, by what became of them.",
        )
        .sample(&[("outcome", "stored")], self.fills)
        .sample(&[("outcome", "lost")], self.lost_fills)
        .sample(&[("outcome", "refused")], self.refused);
        out.counter(
            "tenancy_cache_rejected_total",
            "Entries that were found and not served, by why.",
        )
        .sample(&[("why", "foreign")], self.foreign)
        .sample(&[("why", "old")], self.old)
        .sample(&[("why", "corrupt")], self.corrupt);
        out.counter(
            "tenancy_cache_invalidations_total",
            "Invalidations that were confirmed.",
        )
        .sample(&[], self.invalidations);
        out.counter(
            "tenancy_cache_errors_total",
            "Steps that the cache did not answer.",
        )
        .sample(&[], self.errors);
        out.gauge(
            "tenancy_cache_owed_tenants",
            "Tenants with invalidations that were not confirmed yet.",
        )
        .sample(&[], self.owed);
        out.gauge("tenancy_cache_entries", "Entries in this process.")
            .sample(&[], self.holding.entries);
        out.gauge("tenancy_cache_bytes", "Bytes of entries in this process.")
            .sample(&[], self.holding.bytes);
        out.counter(
            "tenancy_cache_evictions_total",
            "Entries of this process that had to go for others.",
        )
        .sample(&[], self.holding.evictions);
    }
}

/// The counters behind [`CacheFigures`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) loads: Counter,
    pub(super) joined: Counter,
    pub(super) fills: Counter,
    pub(super) lost_fills: Counter,
    pub(super) refused: Counter,
    pub(super) foreign: Counter,
    pub(super) old: Counter,
    pub(super) corrupt: Counter,
    pub(super) invalidations: Counter,
    pub(super) errors: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn unfit(&self, why: Unfit) {
        match why {
            Unfit::Foreign => self.foreign.add(),
            Unfit::Old => self.old.add(),
            Unfit::Corrupt => self.corrupt.add(),
        }
    }

    pub(super) fn figures(&self, owed: usize, holding: Holding) -> CacheFigures {
        CacheFigures {
            hits: self.hits.get(),
            misses: self.misses.get(),
            loads: self.loads.get(),
            joined: self.joined.get(),
            fills: self.fills.get(),
            lost_fills: self.lost_fills.get(),
            refused: self.refused.get(),
            foreign: self.foreign.get(),
            old: self.old.get(),
            corrupt: self.corrupt.get(),
            invalidations: self.invalidations.get(),
            errors: self.errors.get(),
            owed: owed as u64,
            holding,
        }
    }
}
