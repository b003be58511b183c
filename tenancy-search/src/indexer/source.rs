//! Where documents come from.

use std::fmt;

use async_trait::async_trait;
use tenancy_core::{Error, TenantContext};
use uuid::Uuid;

use crate::kind::Kind;

/// Reads the documents of one kind from where they are kept.
///
/// Both ways read what is committed at that moment, from where changes are written: what a replica
/// gives late would stay in the index.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// What they are.
    fn kind(&self) -> Kind;

    /// The documents with these ids as they are now, in any order; those that are missing are taken
    /// out of the index, whether they were deleted or are not to be found.
    ///
    /// # Errors
    ///
    /// Whatever kept them from being read; they are read again later.
    async fn load(&self, context: &TenantContext, ids: &[Uuid]) -> Result<Vec<Document>, Error>;

    /// The documents behind the id `after`, in the order of their ids, at most `most`; none when
    /// there are no more.
    ///
    /// # Errors
    ///
    /// Those of [`Source::load`].
    async fn scan(
        &self,
        context: &TenantContext,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Document>, Error>;
}

/// What can be found: the words of a name count more than those of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Which one.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What else it says.
    pub text: String,
}
