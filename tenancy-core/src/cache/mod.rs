//! Answers that are remembered for one tenant, and never shown to another.

mod key;

mod envelope;

mod owed;

mod flight;

mod figures;

mod caches;

mod tenant_cache;

mod shelf;

mod memory;

#[cfg(feature = "redis")]
mod redis;

mod resource;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::caches::Caches;
pub use self::figures::{CacheFigures, Holding};
pub use self::key::{CacheKey, CacheScope, CacheTag, Namespace, Place};
pub use self::memory::MemoryCache;
#[cfg(feature = "redis")]
pub use self::redis::{LayeredCache, RedisCache};
pub use self::resource::CacheResource;
pub use self::tenant_cache::{Loaded, Source, TenantCache};

use crate::error::Error;

/// Where [`Caches`] keeps entries: the few steps that a back end must do atomically.
///
/// Each tenant has a history: a random name for it, and a number that every invalidation of the
/// tenant raises. A reader learns where the history stands *before* it loads a value and says so
/// when it brings the value, so the back end can tell which invalidations that value has missed. A
/// back end may forget entries at any time, and a whole history too, as long as the tenant's next
/// one has another name.
///
/// `testing::cache_contract` checks all of this.
#[async_trait]
pub trait Cache: fmt::Debug + Send + Sync + 'static {
    /// What the back end is called in logs, such as `redis`.
    fn name(&self) -> &'static str;

    /// Gives the entry at `place`, and where its tenant's history stands now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the back end does not
    /// answer; an entry that is missing or broken is none.
    async fn read(&self, place: &Place) -> Result<Read, Error>;

    /// Keeps `fill` at `place`, unless it has missed an invalidation: of its place, of one of its
    /// tags or of its whole tenant since `fill.mark`, or of a history that is another by now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the back end does not answer.
    async fn fill(&self, place: &Place, fill: Fill<'_>) -> Result<Filled, Error>;

    /// Takes away what `what` names: once this has returned no read gives it any more, and no fill
    /// with an earlier mark brings it back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the back end did not confirm
    /// it; it may have been done.
    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) -> Result<(), Error>;

    /// Removes everything of a tenant, its history too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the back end does not answer.
    async fn purge(&self, scope: &CacheScope) -> Result<(), Error>;

    /// Names everything that the back end has of a tenant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the back end does not answer.
    async fn residue(&self, scope: &CacheScope) -> Result<Vec<String>, Error>;

    /// How much it holds in this process.
    fn holding(&self) -> Holding {
        Holding::default()
    }
}

/// A place in a tenant's history of invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Which history; another one when a back end lost the former.
    pub history: Uuid,
    /// How many invalidations it has.
    pub count: u64,
}

/// What a back end has at a place, and when that was.
#[derive(Debug, Clone)]
pub struct Read {
    /// What was put there, as it was.
    pub entry: Option<Arc<[u8]>>,
    /// Where the tenant's history stands.
    pub mark: Mark,
    /// The last invalidation that concerns the entry through its tags or its tenant: an entry that
    /// was loaded before it is old.
    pub floor: u64,
}

/// A value on its way into a back end.
#[derive(Debug, Clone, Copy)]
pub struct Fill<'a> {
    /// Where the history stood before the value was loaded.
    pub mark: Mark,
    /// What it is invalidated with.
    pub tags: &'a [CacheTag],
    /// When it ends.
    pub ttl: Duration,
    /// The value in its envelope.
    pub entry: &'a [u8],
}

/// What became of a [`Fill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filled {
    /// It is there.
    Stored,
    /// It had missed an invalidation, or there is no room for it.
    Lost,
}

/// What is to be taken away.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Invalidation {
    /// The entry at one place.
    Key(Place),
    /// Every entry with this tag.
    Tag(CacheTag),
    /// Every entry of the tenant.
    All,
}

/// A value that took longer to load is not kept.
const LOAD: Duration = Duration::from_mins(1);
/// Nothing lives longer, so a history that was idle for longer has no entries.
const LONGEST: Duration = Duration::from_hours(24);
/// An entry with more tags is not kept.
const TAGS_EACH: usize = 64;
/// A tenant with more invalidated tags has everything invalidated and starts anew.
const TAGS: usize = 10_000;
