//! What a search engine must be able to do.

use std::fmt;

use async_trait::async_trait;
use tenancy_core::outbox::Fence;
use tenancy_core::{Error, Prefix, TenantId};
use uuid::Uuid;

use crate::index::Index;
use crate::kind::Kind;
use crate::operation::{Operation, Written};
use crate::query::Query;

/// Keeps the words of tenants' documents and finds documents by them.
///
/// Engines never see what a visitor typed, and each hit says whose it is. A write with a lower fence
/// than the document's last one loses, also when that one was a delete.
///
/// `testing::engine_contract` checks all of this.
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// What the engine is called in logs, such as `elasticsearch`.
    fn name(&self) -> &'static str;

    /// Asks whether it answers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](tenancy_core::ErrorKind::Unavailable) when it does not.
    async fn ping(&self) -> Result<(), Error>;

    /// Makes an empty index, unless there is one: that keeps its documents and its placement.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`].
    async fn provision(&self, index: &Index, placement: Placement) -> Result<(), Error>;

    /// Writes to what is searched, and says for each operation, in their order, what became of it.
    ///
    /// Drafts with a lower fence than any of them are removed before: they would be published
    /// without what is written, by somebody who does not know yet that the lease is lost.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`], and then any of them may be written;
    /// [`ErrorKind::NotFound`](tenancy_core::ErrorKind::NotFound) when there is no such index, and
    /// then none is.
    async fn write(&self, index: &Index, operations: &[Operation]) -> Result<Vec<Written>, Error>;

    /// Finds documents, the best first and those of equal score by their ids.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`]; [`ErrorKind::NotFound`](tenancy_core::ErrorKind::NotFound) when
    /// there is no such index.
    async fn search(&self, index: &Index, query: &Query) -> Result<Hits, Error>;

    /// Lets what was written be found now; otherwise it is within about a second.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::search`].
    async fn refresh(&self, index: &Index) -> Result<(), Error>;

    /// How many documents are found in the index.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::search`].
    async fn count(&self, index: &Index) -> Result<u64, Error>;

    /// The ids of documents behind `after`, in order, at most `most`: to compare with the rows.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::search`].
    async fn ids(
        &self,
        index: &Index,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, Error>;

    /// What [`Words::fingerprint`](crate::Words::fingerprint) says of these documents as the index
    /// has them, without those that it has not; `None` from an engine that cannot tell.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::search`].
    async fn fingerprints(
        &self,
        index: &Index,
        ids: &[Uuid],
    ) -> Result<Option<Vec<(Uuid, u64)>>, Error> {
        let _ = (index, ids);
        Ok(None)
    }

    /// Begins an empty index beside the one that is searched, which need not exist; drafts that
    /// others left with a lower fence are removed.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`].
    async fn draft(
        &self,
        index: &Index,
        placement: Placement,
        fence: Fence,
    ) -> Result<Draft, Error>;

    /// Writes to a draft, as [`Engine::write`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::write`].
    async fn write_draft(
        &self,
        draft: &Draft,
        operations: &[Operation],
    ) -> Result<Vec<Written>, Error>;

    /// Lets the draft be searched instead of what was, in one step, and removes that; everything
    /// in the draft is found from then on.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`], and then it may have been done; [`ErrorKind::NotFound`](
    /// tenancy_core::ErrorKind::NotFound) when the draft is gone, and then it was not.
    async fn publish(&self, draft: Draft) -> Result<(), Error>;

    /// Removes a draft.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`].
    async fn discard(&self, draft: Draft) -> Result<(), Error>;

    /// Removes everything of a tenant, drafts too: each of `kinds`, and whatever else it finds.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`].
    async fn purge(&self, prefix: &Prefix, tenant: TenantId, kinds: &[Kind]) -> Result<(), Error>;

    /// Names everything that it has of a tenant.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::ping`].
    async fn residue(
        &self,
        prefix: &Prefix,
        tenant: TenantId,
        kinds: &[Kind],
    ) -> Result<Vec<String>, Error>;
}

/// Whether a tenant's documents have an index to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Placement {
    /// They have.
    #[default]
    Dedicated,
    /// They are in one with those of other small tenants, and are searched through a filter.
    Shared,
}

/// An index that is being built beside the one that is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    index: Index,
    placement: Placement,
    fence: Fence,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    /// The best ones.
    pub hits: Vec<Hit>,
    /// How many there are in all, counted up to ten thousand.
    pub total: u64,
}

/// One document that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Whose it is, as the engine has it.
    pub tenant: TenantId,
    /// Which one.
    pub id: Uuid,
    /// How well it fits.
    pub score: f32,
}

impl Placement {
    /// The placement as settings spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dedicated => "dedicated",
            Self::Shared => "shared",
        }
    }
}

impl Draft {
    /// A draft as an engine began it.
    pub fn new(index: Index, placement: Placement, fence: Fence) -> Self {
        Self {
            index,
            placement,
            fence,
        }
    }

    /// What it is to become.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Where its documents are.
    pub fn placement(&self) -> Placement {
        self.placement
    }

    /// Who builds it.
    pub fn fence(&self) -> Fence {
        self.fence
    }
}
