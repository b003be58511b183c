//! Whether an index is as the rows are.

use std::collections::{BTreeMap, BTreeSet};

use tenancy_core::{Error, TenantContext};
use uuid::Uuid;

use super::{BATCH, Document, Indexer};
use crate::index::Index;
use crate::kind::Kind;

/// How an index differs from the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Comparison {
    /// How many rows there are.
    pub rows: u64,
    /// Rows that are not in the index.
    pub missing: Vec<Uuid>,
    /// Rows that are in the index with other words; always empty with an engine that cannot tell.
    pub stale: Vec<Uuid>,
    /// What is in the index without a row.
    pub extra: Vec<Uuid>,
}

impl Comparison {
    /// Whether the index is as the rows are.
    pub fn is_equal(&self) -> bool {
        self.missing.is_empty() && self.stale.is_empty() && self.extra.is_empty()
    }
}

impl Indexer {
    /// Compares the tenant's index of `kind` with the rows, in batches and from begin to end.
    ///
    /// What is changed meanwhile, or was changed and is still to be told, counts as a difference.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](tenancy_core::ErrorKind::Unavailable) when the engine does not
    /// answer; [`ErrorKind::NotFound`](tenancy_core::ErrorKind::NotFound) when there is no index;
    /// [`ErrorKind::Configuration`](tenancy_core::ErrorKind::Configuration) for a kind that is not
    /// searched; whatever kept the rows from being read.
    pub async fn compare(&self, context: &TenantContext, kind: Kind) -> Result<Comparison, Error> {
        let index = self.search.index(context, kind)?;
        let source = self.source(kind)?;
        let engine = self.search.engine();
        self.search.step(engine.refresh(&index)).await?;
        let mut found = Comparison::default();
        let mut after = None;
        loop {
            let rows = source.scan(context, after, BATCH).await?;
            // Behind the last row, everything is extra.
            let last = rows.last().map(|row| row.id);
            found.rows += rows.len() as u64;
            self.compare_batch(&index, &rows, after, last, &mut found)
                .await?;
            if last.is_none() {
                return Ok(found);
            }
            after = last;
        }
    }

    /// Compares what is behind `after` up to `last`.
    async fn compare_batch(
        &self,
        index: &Index,
        rows: &[Document],
        after: Option<Uuid>,
        last: Option<Uuid>,
        found: &mut Comparison,
    ) -> Result<(), Error> {
        let engine = self.search.engine();
        let mut have = BTreeSet::new();
        let mut from = after;
        loop {
            let ids = self.search.step(engine.ids(index, from, BATCH)).await?;
            let is_inside = |id: &Uuid| last.is_none_or(|last| *id <= last);
            have.extend(ids.iter().copied().filter(is_inside));
            from = ids.last().copied().filter(is_inside);
            if from.is_none() {
                break;
            }
        }
        let wanted: BTreeMap<Uuid, u64> = rows
            .iter()
            .map(|row| (row.id, row.words().fingerprint()))
            .collect();
        let both: Vec<Uuid> = wanted
            .keys()
            .copied()
            .filter(|id| have.contains(id))
            .collect();
        if let Some(prints) = self.search.step(engine.fingerprints(index, &both)).await? {
            let is_stale = |(id, print): &(Uuid, u64)| wanted.get(id) != Some(print);
            let stale = prints.into_iter().filter(is_stale);
            found.stale.extend(stale.map(|(id, _)| id));
        }
        let missing = wanted.keys().filter(|id| !have.contains(id));
        found.missing.extend(missing);
        found
            .extra
            .extend(have.iter().filter(|id| !wanted.contains_key(id)));
        Ok(())
    }
}
