//! What one tenant has of one kind.

use std::time::{Duration, Instant};

use tenancy_core::{Error, ErrorKind, TenantContext};
use tokio::time::timeout;

use super::Search;
use crate::cursor::Cursor;
use crate::engine::{Hit, Hits};
use crate::index::Index;
use crate::query::{After, Query};

/// What one tenant has of one kind; it finds nothing of another tenant.
#[derive(Debug, Clone)]
pub struct TenantIndex {
    search: Search,
    context: TenantContext,
    index: Index,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Found {
    /// The best hits, all of the tenant that asked; load them from where they are kept.
    pub hits: Vec<Hit>,
    /// How many there are in all, counted up to ten thousand.
    pub total: u64,
    /// How long it took.
    pub took: Duration,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl TenantIndex {
    pub(super) fn new(search: Search, context: TenantContext, index: Index) -> Self {
        Self {
            search,
            context,
            index,
        }
    }

    /// The index that is searched.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Finds the tenant's documents that have all words of `query`, the best first.
    ///
    /// Each hit is checked: what the engine gives of another tenant is dropped, counted, and an
    /// error in the log.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when the engine does not answer in time, when too many searches
    /// are under way, and while the index is being built; clients see 503 and when to come back.
    pub async fn find(&self, query: &Query) -> Result<Found, Error> {
        let began = Instant::now();
        if query.words().is_empty() {
            return Ok(Found::default());
        }
        let search = &self.search;
        let counters = search.counters();
        let Ok(_room) = search.room.try_acquire() else {
            counters.turned_away.add(1);
            return Err(Error::new(
                ErrorKind::Unavailable,
                "too many searches are under way: try again in a moment",
            ));
        };
        counters.searches.add(1);
        let asked = timeout(search.limit, search.engine.search(&self.index, query)).await;
        let answer = asked.unwrap_or_else(|_| Err(search.late(search.limit)));
        let hits = answer.map_err(|error| self.failed(error))?;
        Ok(self.checked(hits, query, began))
    }

    fn failed(&self, error: Error) -> Error {
        self.search.counters().failures.add(1);
        if error.kind() != ErrorKind::NotFound {
            return error;
        }
        self.search.counters().missing.add(1);
        self.search.missing.tell(&self.context, self.index.kind());
        Error::with_source(
            ErrorKind::Unavailable,
            format!("index {} is not built yet: try again", self.index.name()),
            error,
        )
    }

    fn checked(&self, found: Hits, query: &Query, began: Instant) -> Found {
        let Hits { mut hits, total } = found;
        let full = hits.len() >= query.limit();
        let before = hits.len();
        hits.retain(|hit| self.is_own(hit));
        let foreign = (before - hits.len()) as u64;
        let total = total.saturating_sub(foreign);
        let shown = u32::try_from(before).unwrap_or(u32::MAX);
        let depth = query.depth.saturating_add(shown);
        let next = hits
            .last()
            .filter(|_| full && u64::from(depth) < total)
            .and_then(|Hit { score, id, .. }| {
                let (score, id) = (*score, *id);
                Cursor::behind(After { score, id }, depth)
            });
        Found {
            hits,
            total,
            took: began.elapsed(),
            next,
        }
    }

    fn is_own(&self, hit: &Hit) -> bool {
        if hit.tenant == self.context.id() {
            return true;
        }
        self.search.counters().foreign.add(1);
        tracing::error!(
            tenant = %self.context.id(),
            foreign = %hit.tenant,
            document = %hit.id,
            index = %self.index.name(),
            "a search found a document of another tenant, which was dropped"
        );
        tenancy_core::sabotaged!("search.foreign-hit")
    }
}
