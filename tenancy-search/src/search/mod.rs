//! The search of an application.

mod figures;

mod missing;

mod tenant_index;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tenancy_core::{Error, ErrorKind, Prefix, Tenant, TenantContext};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::missing::Missing;
use crate::engine::{Engine, Placement};
use crate::index::Index;
use crate::kind::Kind;

pub(crate) use self::figures::Counters;
pub use self::figures::SearchFigures;
pub use self::tenant_index::{Found, TenantIndex};

/// How long an engine may take for a write or a step of an index's life.
const STEP: Duration = Duration::from_secs(15);

/// The search of an application; nothing can be found but through [`Search::of`] a tenant.
///
/// A clone is another handle to the same. While the engine is down, searches fail as unavailable
/// and nothing else does: what was changed meanwhile waits in the outbox.
///
/// # Example
///
/// ```
/// use tenancy_search::{Kind, MemoryEngine, Query, Search};
/// # use std::sync::Arc;
/// # use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
/// # fn context(name: &str) -> TenantContext {
/// #     let (slug, schema) = (Slug::parse(name).unwrap(), SchemaName::parse(name).unwrap());
/// #     let tenant = Tenant::new(TenantId::generate(), slug, schema).with_status(Status::Active);
/// #     TenantContext::new(Arc::new(tenant), "example").unwrap()
/// # }
///
/// const PRODUCTS: Kind = Kind::new("products");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tenancy_core::Error> {
/// let search = Search::new(MemoryEngine::new(), [PRODUCTS]);
/// let acme = context("acme");
/// # use tenancy_core::TenantResource;
/// # tenancy_search::SearchResource::new(search.clone()).provision(acme.tenant()).await?;
/// let found = search.of(&acme, PRODUCTS)?.find(&Query::new("wirel keyb")).await?;
/// assert_eq!(found.total, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Search {
    engine: Arc<dyn Engine>,
    prefix: Arc<Prefix>,
    kinds: Arc<[Kind]>,
    placement: Arc<Policy>,
    limit: Duration,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
    missing: Arc<Missing>,
}

type Policy = dyn Fn(&Tenant) -> Placement + Send + Sync;

impl Search {
    /// Finds documents of these kinds in `engine`.
    ///
    /// Each tenant has indexes of its own, a search takes two seconds at most, and 64 are under way
    /// at once at most.
    pub fn new(engine: impl Engine, kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self::from_arc(Arc::new(engine), kinds)
    }

    /// As [`Search::new`], for an engine that is held elsewhere, too.
    pub fn from_arc(engine: Arc<dyn Engine>, kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self {
            engine,
            prefix: Arc::new(Prefix::default()),
            kinds: kinds.into_iter().collect(),
            placement: Arc::new(|_| Placement::Dedicated),
            limit: Duration::from_secs(2),
            room: Arc::new(Semaphore::new(64)),
            counters: Arc::default(),
            missing: Arc::default(),
        }
    }

    /// Keeps apart from other installations on the same server.
    #[must_use]
    pub fn prefix(mut self, prefix: Prefix) -> Self {
        self.prefix = Arc::new(prefix);
        self
    }

    /// Says where a tenant's documents belong; those that are elsewhere move with the next rebuild.
    #[must_use]
    pub fn placement(mut self, of: impl Fn(&Tenant) -> Placement + Send + Sync + 'static) -> Self {
        self.placement = Arc::new(of);
        self
    }

    /// Gives up a search after `limit`.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Lets at most `most` searches be under way; the next one is told at once to come back.
    #[must_use]
    pub fn at_once(mut self, most: usize) -> Self {
        self.room = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// Is told of an index that was searched and is not there, at most twice a minute for each:
    /// append a message with the key [`EVERYTHING`](crate::EVERYTHING) to have it built.
    ///
    /// It must not block; start a task for whatever takes time.
    #[must_use]
    pub fn on_missing(
        mut self,
        tell: impl Fn(&TenantContext, Kind) + Send + Sync + 'static,
    ) -> Self {
        self.missing = Arc::new(Missing::telling(tell));
        self
    }

    /// What the tenant that `context` is in has of a kind.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for a kind that was not named when this was made.
    pub fn of(&self, context: &TenantContext, kind: Kind) -> Result<TenantIndex, Error> {
        self.knows(kind)?;
        let index = Index::new(context, &self.prefix, kind)?;
        Ok(TenantIndex::new(self.clone(), context.clone(), index))
    }

    /// Asks whether the engine answers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when it does not, or not in time.
    pub async fn ping(&self) -> Result<(), Error> {
        match timeout(self.limit, self.engine.ping()).await {
            Ok(answer) => answer,
            Err(_) => Err(self.late(self.limit)),
        }
    }

    /// What happened since this was made, in all its clones together.
    pub fn figures(&self) -> SearchFigures {
        self.counters.figures()
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// The kinds of documents.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Where a tenant's documents belong.
    pub fn placement_of(&self, tenant: &Tenant) -> Placement {
        (self.placement)(tenant)
    }

    pub(crate) fn index(&self, context: &TenantContext, kind: Kind) -> Result<Index, Error> {
        self.knows(kind)?;
        Index::new(context, &self.prefix, kind)
    }

    pub(crate) fn index_of(&self, tenant: &Tenant, kind: Kind) -> Result<Index, Error> {
        Index::of_tenant(tenant, &self.prefix, kind)
    }

    pub(crate) fn installation(&self) -> &Prefix {
        &self.prefix
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Waits for a step of the engine, but not for ever; afterwards it may have been done or not.
    pub(crate) async fn step<T>(
        &self,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match timeout(STEP, step).await {
            Ok(answer) => answer,
            Err(_) => Err(self.late(STEP)),
        }
    }

    fn knows(&self, kind: Kind) -> Result<(), Error> {
        if self.kinds.contains(&kind) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Configuration,
            format!("kind {kind} is not searched: name it where the search is made"),
        ))
    }

    fn late(&self, limit: Duration) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "{} did not answer within {limit:?}: try again",
                self.engine.name()
            ),
        )
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("engine", &self.engine)
            .field("prefix", &self.prefix)
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}
