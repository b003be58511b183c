//! Builds an index anew beside the one that is searched.

use std::fmt;
use std::time::Duration;

use tenancy_core::outbox::{Claim, Consumer, Feed, Hold, Lease, Message, Next};
use tenancy_core::{Error, ErrorKind, TenantContext};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::tell::{self, Asked};
use super::{BATCH, Indexer, Source};
use crate::engine::{Draft, Placement};
use crate::index::Index;
use crate::kind::Kind;
use crate::operation::{Change, Operation};

/// How long the lease is kept from step to step: several times what an engine may take for one.
const SPAN: Duration = Duration::from_mins(1);

/// How often a lease that somebody else has is asked for: a worker with much to tell gives it back
/// for moments only.
const ASK: Duration = Duration::from_millis(5);

/// The most rounds in which the last messages are told before the index is published; those that
/// come afterwards are told to what was published.
const ROUNDS: usize = 50;

/// Builds one tenant's index of one kind from the rows, while the old one is searched and written.
///
/// Searches find what the old index has until the new one, complete, takes its place in one step.
/// Whatever is changed meanwhile is told to both. When it fails at any point the old index stays,
/// and what was begun is removed, at the latest by the next rebuild.
pub struct Rebuild<'a> {
    indexer: &'a Indexer,
    kind: Kind,
    placement: Option<Placement>,
    batch: usize,
    patience: Duration,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync + 'a>>,
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Documents that were read from the rows.
    pub documents: u64,
    /// Messages about changes that were told meanwhile.
    pub messages: u64,
}

/// What a rebuild did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Rebuilt {
    /// Documents that were read from the rows.
    pub documents: u64,
    /// Messages about changes that were told meanwhile.
    pub messages: u64,
    /// Documents that the engine will never take.
    pub refused: u64,
}

/// A rebuild that has the lease.
struct Work<'a> {
    indexer: &'a Indexer,
    source: &'a dyn Source,
    context: &'a TenantContext,
    feed: &'a dyn Feed,
    lease: &'a Lease,
    index: Index,
    topic: String,
    /// What asked for everything before the rows are read.
    covered: Vec<Message>,
    batch: usize,
    done: Rebuilt,
}

impl Indexer {
    /// Prepares to build the index of `kind` anew: after a clone or an import, when what is
    /// searched for changes, to move it, or to repair it.
    pub fn rebuild(&self, kind: Kind) -> Rebuild<'_> {
        Rebuild {
            indexer: self,
            kind,
            placement: None,
            batch: BATCH,
            patience: Duration::from_mins(1),
            progress: None,
        }
    }
}

impl<'a> Rebuild<'a> {
    /// Puts the index there, whatever the search's own rule says; later rebuilds follow the rule.
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
    }

    /// Reads and writes so many documents at a time, 500 unless said otherwise.
    #[must_use]
    pub fn batch(mut self, documents: usize) -> Self {
        self.batch = documents.max(1);
        self
    }

    /// Waits so long for a worker that tells the tenant's messages just now, a minute unless said
    /// otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Is told after each step how far it is.
    #[must_use]
    pub fn progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'a) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }

    /// Takes the tenant's lease, builds the index and gives the lease back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when the engine or the feed does not answer, when the lease was
    /// lost, and when a worker kept it all the time; [`ErrorKind::Configuration`] for a kind that
    /// is not searched. The old index stays.
    pub async fn run(self, feed: &dyn Feed, context: &TenantContext) -> Result<Rebuilt, Error> {
        let lease = self.claim(feed, context).await?;
        let rebuilt = self.under(feed, context, &lease).await;
        let next = match &rebuilt {
            Ok(_) => Next::Now,
            Err(error) => Next::AfterFailure(error.to_string()),
        };
        if let Err(error) = feed.release(lease, next).await {
            tracing::warn!(%error, "the lease of a rebuild was not given back: it ends by itself");
        }
        rebuilt
    }

    async fn claim(&self, feed: &dyn Feed, context: &TenantContext) -> Result<Lease, Error> {
        let topics = self.indexer.topics();
        let claim = Claim {
            consumer: self.indexer.name(),
            topics: &topics,
            span: SPAN,
        };
        let until = Instant::now() + self.patience;
        loop {
            if let Some(lease) = feed.claim_tenant(&claim, context.id()).await? {
                return Ok(lease);
            }
            if Instant::now() >= until {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!(
                        "tenant {} is being indexed by somebody else, or is not active: try again",
                        context.slug()
                    ),
                ));
            }
            sleep(ASK).await;
        }
    }

    /// Builds the index under a lease that is held already.
    pub(super) async fn under(
        &self,
        feed: &dyn Feed,
        context: &TenantContext,
        lease: &Lease,
    ) -> Result<Rebuilt, Error> {
        let search = &self.indexer.search;
        let rebuilt = self.build(feed, context, lease).await;
        match &rebuilt {
            Ok(_) => search.counters().rebuilds.add(1),
            Err(error) => {
                search.counters().rebuilds_failed.add(1);
                tracing::warn!(
                    tenant = %context.id(),
                    kind = %self.kind,
                    %error,
                    "an index was not rebuilt"
                );
            }
        }
        rebuilt
    }

    async fn build(
        &self,
        feed: &dyn Feed,
        context: &TenantContext,
        lease: &Lease,
    ) -> Result<Rebuilt, Error> {
        let search = &self.indexer.search;
        let index = search.index(context, self.kind)?;
        let own = search.placement_of(context.tenant());
        let placement = self.placement.unwrap_or(own);
        let topic = self.kind.topic();
        let asked = feed.messages(lease, &[&topic], BATCH).await?;
        let mut work = Work {
            indexer: self.indexer,
            source: self.indexer.source(self.kind)?,
            context,
            feed,
            lease,
            covered: Asked::of(&asked, self.kind).everything,
            index,
            topic,
            batch: self.batch,
            done: Rebuilt::default(),
        };
        work.keep().await?;
        let begun = search.engine().draft(&work.index, placement, lease.fence());
        let draft = search.step(begun).await?;
        let filled = self.fill(&mut work, &draft).await;
        let published = match filled {
            Ok(()) => work.publish(&draft).await,
            Err(error) => Err(error),
        };
        if let Err(error) = published {
            // Whatever is left is removed by the next rebuild.
            let _ = search.step(search.engine().discard(draft)).await;
            return Err(error);
        }
        work.finish().await;
        Ok(work.done)
    }

    async fn fill(&self, work: &mut Work<'_>, draft: &Draft) -> Result<(), Error> {
        let mut after = None;
        while let Some(last) = work.copy(draft, after).await? {
            after = Some(last);
            work.catch_up(draft).await?;
            self.tell(work);
        }
        for _ in 0..ROUNDS {
            let told = work.catch_up(draft).await?;
            self.tell(work);
            // Both indexes have the same, and what comes now is few: while a tenant writes there
            // is always some.
            if told < BATCH {
                break;
            }
        }
        // From here to the end of the lease is several times what publishing may take.
        work.keep().await
    }

    fn tell(&self, work: &Work<'_>) {
        if let Some(tell) = &self.progress {
            tell(Progress {
                documents: work.done.documents,
                messages: work.done.messages,
            });
        }
    }
}

impl Work<'_> {
    /// Keeps the lease for the next step.
    async fn keep(&self) -> Result<(), Error> {
        match self.feed.renew(self.lease, SPAN).await? {
            Hold::Held => Ok(()),
            Hold::Lost if tenancy_core::sabotaged!("search.lost-lease-published") => Ok(()),
            Hold::Lost => Err(self.lost()),
        }
    }

    /// Copies the rows behind `after`, and answers with the last one's id.
    async fn copy(&mut self, draft: &Draft, after: Option<Uuid>) -> Result<Option<Uuid>, Error> {
        self.keep().await?;
        let documents = self.source.scan(self.context, after, self.batch).await?;
        let ids = after.into_iter().chain(documents.iter().map(|d| d.id));
        if !ids.is_sorted_by(|one, next| one < next) {
            return Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "rows of {} come out of order: scan them by id",
                    self.index.kind()
                ),
            ));
        }
        let operations: Vec<_> = documents
            .iter()
            .map(|document| Operation {
                id: document.id,
                fence: self.lease.fence(),
                change: Change::Put(document.words()),
            })
            .collect();
        if !operations.is_empty() {
            self.draft(draft, &operations).await?;
        }
        self.done.documents += documents.len() as u64;
        Ok(documents.last().map(|document| document.id))
    }

    /// Tells messages to both indexes; how many.
    async fn catch_up(&mut self, draft: &Draft) -> Result<usize, Error> {
        self.keep().await?;
        let topics = [self.topic.as_str()];
        let messages = self.feed.messages(self.lease, &topics, BATCH).await?;
        let mut asked = Asked::of(&messages, self.index.kind());
        self.indexer.refuse(&asked);
        if !asked.ids.is_empty() {
            let (source, fence) = (self.source, self.lease.fence());
            let operations = tell::load(source, self.context, fence, &asked.ids).await?;
            if !self.live(&operations).await? {
                // Nothing but the draft would know of them: they stay until it is published.
                return Ok(0);
            }
            if !tenancy_core::sabotaged!("search.draft-untold") {
                self.draft(draft, &operations).await?;
            }
        }
        // What asks for everything from now on is for another rebuild: of those, one will do.
        let is_covered = |message: &Message| self.covered.iter().any(|old| old.id == message.id);
        asked.everything.retain(|message| !is_covered(message));
        asked.everything.pop();
        let mut told = asked.single;
        told.append(&mut asked.everything);
        if told.is_empty() {
            return Ok(0);
        }
        self.done.messages += told.len() as u64;
        match self.feed.done(self.lease, &told).await? {
            Hold::Held => Ok(told.len()),
            Hold::Lost => Err(self.lost()),
        }
    }

    async fn draft(&mut self, draft: &Draft, operations: &[Operation]) -> Result<(), Error> {
        let search = &self.indexer.search;
        let written = search.engine().write_draft(draft, operations);
        let written = search.step(written).await;
        let written = written.map_err(|error| self.lost_if_gone(error))?;
        self.done.refused += self.indexer.count(&self.index, operations, &written);
        Ok(())
    }

    /// Writes to what is searched; whether there is something.
    async fn live(&self, operations: &[Operation]) -> Result<bool, Error> {
        let search = &self.indexer.search;
        let written = search.engine().write(&self.index, operations);
        match search.step(written).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(tenancy_core::sabotaged!("search.told-to-a-draft-only"))
            }
            Err(error) => Err(error),
        }
    }

    async fn publish(&self, draft: &Draft) -> Result<(), Error> {
        let search = &self.indexer.search;
        let published = search.engine().publish(draft.clone());
        let published = search.step(published).await;
        published.map_err(|error| self.lost_if_gone(error))
    }

    /// Removes what asked for this rebuild; what stays asks for another one.
    async fn finish(&self) {
        if self.covered.is_empty() {
            return;
        }
        if let Err(error) = self.feed.done(self.lease, &self.covered).await {
            tracing::warn!(%error, "an index that was rebuilt will be rebuilt again");
        }
    }

    /// A draft that is gone was removed by whoever has the lease now.
    fn lost_if_gone(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::NotFound => self.lost(),
            _ => error,
        }
    }

    fn lost(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "the lease of tenant {} ended while index {} was built: try again",
                self.context.slug(),
                self.index.name()
            ),
        )
    }
}

impl fmt::Debug for Rebuild<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rebuild")
            .field("kind", &self.kind)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}
