//! How often something was searched and written, and what else happened.

use std::sync::atomic::{AtomicU64, Ordering};

use tenancy_core::Exposition;

/// What happened in a [`Search`](super::Search) and its indexer, for all tenants together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchFigures {
    /// Searches that the engine was asked.
    pub searches: u64,
    /// Those that it did not answer.
    pub failures: u64,
    /// Those of them whose index was missing.
    pub missing: u64,
    /// Searches that were told to come back, because too many were under way.
    pub turned_away: u64,
    /// Hits of another tenant than the one that asked; they were dropped.
    pub foreign: u64,
    /// Documents that were written or deleted.
    pub written: u64,
    /// Documents that the engine will never take, and messages that name none.
    pub refused: u64,
    /// Deliveries that failed, and will come again.
    pub undelivered: u64,
    /// Indexes that were built anew.
    pub rebuilds: u64,
    /// Indexes that were begun, and given up.
    pub rebuilds_failed: u64,
}

impl SearchFigures {
    /// Tells them as `tenancy_search_…`.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::Exposition;
    /// use tenancy_search::{MemoryEngine, Search};
    ///
    /// let search = Search::new(MemoryEngine::new(), []);
    /// let mut out = Exposition::new();
    /// search.figures().expose(&mut out);
    /// assert!(out.into_text().contains("tenancy_search_foreign_hits_total 0\n"));
    /// ```
    pub fn expose(&self, out: &mut Exposition) {
        let answered = self.searches.saturating_sub(self.failures);
        out.counter(
            "tenancy_search_searches_total",
            "Searches, by what became of them.",
        )
        .sample(&[("outcome", "answered")], answered)
        .sample(
            &[("outcome", "failed")],
            self.failures.saturating_sub(self.missing),
        )
        .sample(&[("outcome", "missing_index")], self.missing)
        .sample(&[("outcome", "turned_away")], self.turned_away);
        out.counter(
            "tenancy_search_foreign_hits_total",
            "Hits of another tenant than the one that asked; they were dropped.",
        )
        .sample(&[], self.foreign);
        out.counter(
            "tenancy_search_documents_total",
            "Changes of documents that the engine was told, by what became of them.",
        )
        .sample(&[("outcome", "written")], self.written)
        .sample(&[("outcome", "refused")], self.refused);
        out.counter(
            "tenancy_search_undelivered_total",
            "Deliveries to the engine that failed and come again.",
        )
        .sample(&[], self.undelivered);
        out.counter(
            "tenancy_search_rebuilds_total",
            "Indexes that were built anew, by whether they were published.",
        )
        .sample(&[("outcome", "published")], self.rebuilds)
        .sample(&[("outcome", "failed")], self.rebuilds_failed);
    }
}

/// The counters behind [`SearchFigures`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) searches: Counter,
    pub(crate) failures: Counter,
    pub(crate) missing: Counter,
    pub(crate) turned_away: Counter,
    pub(crate) foreign: Counter,
    pub(crate) written: Counter,
    pub(crate) refused: Counter,
    pub(crate) undelivered: Counter,
    pub(crate) rebuilds: Counter,
    pub(crate) rebuilds_failed: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn figures(&self) -> SearchFigures {
        SearchFigures {
            searches: self.searches.get(),
            failures: self.failures.get(),
            missing: self.missing.get(),
            turned_away: self.turned_away.get(),
            foreign: self.foreign.get(),
            written: self.written.get(),
            refused: self.refused.get(),
            undelivered: self.undelivered.get(),
            rebuilds: self.rebuilds.get(),
            rebuilds_failed: self.rebuilds_failed.get(),
        }
    }
}
