//! An engine inside the process.

mod field;

mod matches;

mod shelves;

mod store;

use std::sync::Arc;

use async_trait::async_trait;
use tenancy_core::outbox::Fence;
use tenancy_core::{Error, ErrorKind, Prefix, TenantId};
use uuid::Uuid;

use self::shelves::{Shelf, Shelves};
use crate::engine::{Draft, Engine, Hits, Placement};
use crate::index::Index;
use crate::kind::Kind;
use crate::operation::{Operation, Written};
use crate::query::Query;

/// Keeps indexes in this process: for tests, demonstrations and a server that is alone.
///
/// It holds no more than its budget. What is beyond costs the index that was not searched for the
/// longest time, which is then missing, as all are when the process starts; whoever searches it is
/// told so and has it built from the rows. A clone is another handle to the same indexes.
///
/// # Example
///
/// ```
/// use tenancy_search::{Engine, MemoryEngine};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tenancy_core::Error> {
/// let engine = MemoryEngine::new().budget(64 << 20);
/// engine.ping().await?;
/// assert_eq!(engine.bytes(), 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryEngine {
    shelves: Arc<Shelves>,
    budget: usize,
}

impl MemoryEngine {
    /// An engine without indexes, which keeps at most 256 MiB.
    pub fn new() -> Self {
        Self {
            shelves: Arc::default(),
            budget: 256 << 20,
        }
    }

    /// Keeps at most about `bytes`.
    #[must_use]
    pub fn budget(mut self, bytes: usize) -> Self {
        self.budget = bytes;
        self
    }

    /// About how many bytes its indexes take.
    pub fn bytes(&self) -> usize {
        self.shelves.bytes()
    }

    /// Writes to a shelf; searches get their turn between any two operations.
    fn write_to(&self, shelf: &Arc<Shelf>, operations: &[Operation]) -> Vec<Written> {
        let write = |operation: &Operation| {
            let room = operation.change.bytes();
            if !self.shelves.make_room(room, self.budget, shelf) {
                return Written::Refused(format!(
                    "the memory for search is used up: raise its budget of {} bytes",
                    self.budget
                ));
            }
            shelf.change(operation);
            Written::Settled
        };
        operations.iter().map(write).collect()
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn provision(&self, index: &Index, placement: Placement) -> Result<(), Error> {
        self.shelves.provision(index, placement);
        Ok(())
    }

    async fn write(&self, index: &Index, operations: &[Operation]) -> Result<Vec<Written>, Error> {
        if let Some(fence) = operations.iter().map(|operation| operation.fence).max() {
            self.shelves.overtake(index, fence);
        }
        loop {
            let shelf = self.live(index)?;
            let written = self.write_to(&shelf, operations);
            // What was written to an index that was replaced meanwhile is written again.
            if self.shelves.is_live(index, &shelf) {
                return Ok(written);
            }
        }
    }

    async fn search(&self, index: &Index, query: &Query) -> Result<Hits, Error> {
        let shelf = self.live(index)?;
        self.shelves.searched(&shelf);
        Ok(shelf.read(|store| store.search(index.tenant(), query)))
    }

    async fn refresh(&self, index: &Index) -> Result<(), Error> {
        self.live(index).map(drop)
    }

    async fn count(&self, index: &Index) -> Result<u64, Error> {
        Ok(self.live(index)?.read(|store| store.len() as u64))
    }

    async fn ids(
        &self,
        index: &Index,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, Error> {
        Ok(self.live(index)?.read(|store| store.ids(after, most)))
    }

    async fn fingerprints(
        &self,
        index: &Index,
        ids: &[Uuid],
    ) -> Result<Option<Vec<(Uuid, u64)>>, Error> {
        let found = |id: &Uuid, print: Option<u64>| print.map(|print| (*id, print));
        Ok(Some(self.live(index)?.read(|store| {
            let prints = ids.iter();
            prints
                .filter_map(|id| found(id, store.fingerprint(id)))
                .collect()
        })))
    }

    async fn draft(
        &self,
        index: &Index,
        placement: Placement,
        fence: Fence,
    ) -> Result<Draft, Error> {
        self.shelves.draft(index, placement, fence);
        Ok(Draft::new(index.clone(), placement, fence))
    }

    async fn write_draft(
        &self,
        draft: &Draft,
        operations: &[Operation],
    ) -> Result<Vec<Written>, Error> {
        let shelf = self.shelves.drafted(draft).ok_or_else(|| gone(draft))?;
        Ok(self.write_to(&shelf, operations))
    }

    async fn publish(&self, draft: Draft) -> Result<(), Error> {
        if self.shelves.publish(&draft) {
            Ok(())
        } else {
            Err(gone(&draft))
        }
    }

    async fn discard(&self, draft: Draft) -> Result<(), Error> {
        self.shelves.discard(&draft);
        Ok(())
    }

    async fn purge(&self, prefix: &Prefix, tenant: TenantId, _: &[Kind]) -> Result<(), Error> {
        self.shelves.purge(prefix, tenant);
        Ok(())
    }

    async fn residue(
        &self,
        prefix: &Prefix,
        tenant: TenantId,
        _: &[Kind],
    ) -> Result<Vec<String>, Error> {
        Ok(self.shelves.residue(prefix, tenant))
    }
}

impl MemoryEngine {
    fn live(&self, index: &Index) -> Result<Arc<Shelf>, Error> {
        self.shelves.live(index).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("index {} is not in memory: build it", index.name()),
            )
        })
    }
}

fn gone(draft: &Draft) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "draft {} of index {} is gone: somebody else builds it, or begin another",
            draft.fence(),
            draft.index().name()
        ),
    )
}

#[cfg(test)]
mod tests;
