//! Keeps indexes as the rows are.

mod compare;

mod rebuild;

mod source;

mod tell;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tenancy_core::outbox::{Consumer, Delivery};
use tenancy_core::{Error, ErrorKind};

use self::tell::Asked;
use crate::kind::Kind;
use crate::search::Search;

pub use self::compare::Comparison;
pub use self::rebuild::{Progress, Rebuild, Rebuilt};
pub use self::source::{Document, Source};

/// The key of a message that asks for all documents of its topic: their index is built anew.
pub const EVERYTHING: &str = "*";

/// How many messages are read, and documents loaded and written, at a time.
const BATCH: usize = 500;

/// Tells the engine what changed: a [`Consumer`] of the messages about `search.<kind>`, whose keys
/// are ids of documents, or [`EVERYTHING`].
///
/// It loads what the documents are now and writes that with the delivery's fence, so messages may
/// come twice, late and in any order. While the engine is down they stay; a document that it will
/// never take is counted and an error in the log, and keeps no other from being written. An index
/// that is missing is built.
#[derive(Clone)]
pub struct Indexer {
    search: Search,
    sources: Arc<[Arc<dyn Source>]>,
    topics: Arc<[String]>,
}

impl Indexer {
    /// Fills the indexes of `search` from `sources`, one for each of its kinds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when a kind has no source or two, and for a source of a kind
    /// that is not searched.
    pub fn new(
        search: Search,
        sources: impl IntoIterator<Item = Arc<dyn Source>>,
    ) -> Result<Self, Error> {
        let sources: Arc<[_]> = sources.into_iter().collect();
        let mut have: Vec<Kind> = sources.iter().map(|source| source.kind()).collect();
        let mut want = search.kinds().to_vec();
        have.sort_unstable();
        want.sort_unstable();
        if have != want {
            let list = |kinds: Vec<Kind>| {
                let kinds: Vec<_> = kinds.into_iter().map(Kind::as_str).collect();
                kinds.join(", ")
            };
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "sources of {:?} do not fill indexes of {:?}: give one for each kind",
                    list(have),
                    list(want)
                ),
            ));
        }
        Ok(Self {
            topics: sources.iter().map(|source| source.kind().topic()).collect(),
            search,
            sources,
        })
    }

    /// The search that it fills.
    pub fn search(&self) -> &Search {
        &self.search
    }

    fn source(&self, kind: Kind) -> Result<&dyn Source, Error> {
        let found = self.sources.iter().find(|source| source.kind() == kind);
        let found = found.ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                format!("kind {kind} has no source: give one where the indexer is made"),
            )
        })?;
        Ok(&**found)
    }

    async fn deliver_kind(
        &self,
        source: &dyn Source,
        delivery: &Delivery<'_>,
    ) -> Result<(), Error> {
        let asked = Asked::of(delivery.messages(), source.kind());
        self.refuse(&asked);
        if !asked.everything.is_empty() {
            return self.build(source.kind(), delivery).await;
        }
        if asked.ids.is_empty() {
            return Ok(());
        }
        let context = delivery.context();
        let index = self.search.index(context, source.kind())?;
        for ids in asked.ids.chunks(BATCH) {
            let operations = tell::load(source, context, delivery.fence(), ids).await?;
            let written = self.search.engine().write(&index, &operations);
            match self.search.step(written).await {
                Ok(written) => {
                    self.count(&index, &operations, &written);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return self.build(source.kind(), delivery).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn build(&self, kind: Kind, delivery: &Delivery<'_>) -> Result<(), Error> {
        let (feed, context) = (delivery.feed(), delivery.context());
        let rebuild = self.rebuild(kind);
        let rebuilt = rebuild.under(feed, context, delivery.lease()).await;
        rebuilt.map(drop)
    }
}

#[async_trait]
impl Consumer for Indexer {
    fn name(&self) -> &'static str {
        "search"
    }

    fn topics(&self) -> Vec<&str> {
        self.topics.iter().map(String::as_str).collect()
    }

    async fn deliver(&self, delivery: Delivery<'_>) -> Result<(), Error> {
        for source in self.sources.iter() {
            let delivered = self.deliver_kind(&**source, &delivery).await;
            if delivered.is_err() {
                self.search.counters().undelivered.add(1);
            }
            delivered?;
        }
        Ok(())
    }
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer")
            .field("search", &self.search)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}
