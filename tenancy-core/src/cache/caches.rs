//! The cache of an application, from which every tenant gets its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::figures::Counters;
use super::flight::Flights;
use super::owed::Owed;
use super::{
    Cache, CacheFigures, CacheScope, CacheTag, Fill, Filled, Invalidation, LOAD, LONGEST, Mark,
    Place, Read, TAGS_EACH, TenantCache,
};
use crate::context::TenantContext;
use crate::error::Error;
use crate::scope::Prefix;
use crate::tenant::Tenant;

/// The cache of an application; nothing can be read or written but through [`Caches::of`] a tenant.
///
/// A clone is another handle to the same. No request fails because of it: while the back end does
/// not answer, reads find nothing and values are not kept.
///
/// # Example
///
/// ```
/// use tenancy_core::cache::Namespace;
/// use tenancy_core::{Caches, MemoryCache};
/// # use std::sync::Arc;
/// # use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
/// # fn context(name: &str) -> TenantContext {
/// #     let (slug, schema) = (Slug::parse(name).unwrap(), SchemaName::parse(name).unwrap());
/// #     let tenant = Tenant::new(TenantId::generate(), slug, schema).with_status(Status::Active);
/// #     TenantContext::new(Arc::new(tenant), "example").unwrap()
/// # }
///
/// const PRODUCTS: Namespace = Namespace::new("products");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let caches = Caches::new(MemoryCache::new());
/// let (acme, globex) = (context("acme"), context("globex"));
/// caches.of(&acme).put(&PRODUCTS.key("1"), &"anvil").await;
/// assert_eq!(caches.of(&acme).get(&PRODUCTS.key("1")).await, Some("anvil".to_owned()));
/// assert_eq!(caches.of(&globex).get::<String>(&PRODUCTS.key("1")).await, None);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Caches {
    back_end: Arc<dyn Cache>,
    prefix: Arc<Prefix>,
    pub(super) ttl: Duration,
    pub(super) largest: usize,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    flights: Arc<Flights>,
    owed: Owed,
    counters: Counters,
}

/// Where a load began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    mark: Mark,
    at: Instant,
}

impl Began {
    /// Where the history stood then.
    pub(super) fn mark(self) -> Mark {
        self.mark
    }
}

impl Caches {
    /// Keeps entries of at most 1 MiB for at most 5 minutes in `back_end`.
    pub fn new(back_end: impl Cache) -> Self {
        Self::from_arc(Arc::new(back_end))
    }

    /// As [`Caches::new`], for a back end that is held elsewhere, too.
    pub fn from_arc(back_end: Arc<dyn Cache>) -> Self {
        Self {
            back_end,
            prefix: Arc::new(Prefix::default()),
            ttl: Duration::from_mins(5),
            largest: 1 << 20,
            shared: Arc::default(),
        }
    }

    /// Keeps apart from other installations on the same server.
    #[must_use]
    pub fn prefix(mut self, prefix: Prefix) -> Self {
        self.prefix = Arc::new(prefix);
        self
    }

    /// Keeps entries for at most `ttl`, and a day at the most; up to a tenth less, so that what
    /// was filled together does not end together.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.min(LONGEST);
        self
    }

    /// Keeps no entry whose JSON has more than `bytes`.
    #[must_use]
    pub fn largest(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// The cache of the tenant that `context` is in.
    pub fn of(&self, context: &TenantContext) -> TenantCache {
        let scope = CacheScope::new(&self.prefix, context.id());
        TenantCache::new(self.clone(), scope)
    }

    /// What happened so far.
    pub fn figures(&self) -> CacheFigures {
        let shared = &self.shared;
        shared
            .counters
            .figures(shared.owed.len(), self.back_end.holding())
    }

    /// What the back end is called, such as `redis`.
    pub fn back_end(&self) -> &'static str {
        self.back_end.name()
    }

    /// Sends invalidations that an outage held back.
    ///
    /// Reads do it by themselves for their own tenant and a few others; call it now and then when
    /// other processes wait for what only this one knows.
    pub async fn settle(&self) {
        for scope in self.shared.owed.some(usize::MAX) {
            if self.pay(&scope).await.is_err() {
                return;
            }
        }
    }

    pub(super) async fn purge(&self, tenant: &Tenant) -> Result<(), Error> {
        self.back_end
            .purge(&CacheScope::new(&self.prefix, tenant.id()))
            .await
    }

    pub(super) async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error> {
        self.back_end
            .residue(&CacheScope::new(&self.prefix, tenant.id()))
            .await
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(super) fn flights(&self) -> &Arc<Flights> {
        &self.shared.flights
    }

    /// What is at `place`, once everything that its tenant is owed has been sent.
    pub(super) async fn read(&self, place: &Place) -> Option<(Read, Began)> {
        let at = Instant::now();
        self.pay(place.scope()).await.ok()?;
        let read = self.counted(self.back_end.read(place).await).ok()?;
        for scope in self.shared.owed.some(2) {
            if self.pay(&scope).await.is_err() {
                break;
            }
        }
        let mark = read.mark;
        Some((read, Began { mark, at }))
    }

    /// Keeps an entry whose value was loaded since `began`.
    pub(super) async fn fill(
        &self,
        place: &Place,
        mut began: Began,
        tags: &[CacheTag],
        ttl: Duration,
        value: &[u8],
    ) {
        let counters = &self.shared.counters;
        let too_many = tags.len() > TAGS_EACH || tags.iter().any(|tag| !tag.fits());
        if value.len() > self.largest || too_many {
            return counters.refused.add();
        }
        // Only so long does a place remember that it was invalidated.
        if began.at.elapsed() > LOAD || self.pay(place.scope()).await.is_err() {
            return counters.lost_fills.add();
        }
        if crate::sabotaged!("cache.fill-uncompared") {
            began = self.read(place).await.map_or(began, |(_, now)| now);
        }
        let fill = Fill {
            mark: began.mark,
            tags,
            ttl: jittered(ttl),
            entry: &super::envelope::seal(place, began.mark, value),
        };
        match self.counted(self.back_end.fill(place, fill).await) {
            Ok(Filled::Stored) => counters.fills.add(),
            Ok(Filled::Lost) => counters.lost_fills.add(),
            Err(_) => {}
        }
    }

    /// Takes away what `what` names; from now on this process serves nothing older.
    pub(super) async fn invalidate(&self, scope: &CacheScope, what: Invalidation) {
        // Owed also when nobody waits for the answer any more.
        let mut notice = Notice {
            owed: &self.shared.owed,
            scope,
            what: &what,
            confirmed: false,
        };
        self.shared.flights.forget(scope, &what);
        let sent = self.counted(self.back_end.invalidate(scope, &what).await);
        notice.confirmed = sent.is_ok();
        if notice.confirmed {
            self.shared.counters.invalidations.add();
        }
    }

    /// Sends what the tenant is owed.
    async fn pay(&self, scope: &CacheScope) -> Result<(), Error> {
        let Some(debt) = self.shared.owed.to(scope) else {
            return Ok(());
        };
        for what in &debt.what {
            self.counted(self.back_end.invalidate(scope, what).await)?;
            self.shared.counters.invalidations.add();
        }
        self.shared.owed.paid(scope, &debt);
        Ok(())
    }

    fn counted<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &answer {
            self.shared.counters.errors.add();
            tracing::debug!(target: "tenancy.cache", %error, "the cache did not answer");
        }
        answer
    }
}

/// An invalidation on its way.
struct Notice<'a> {
    owed: &'a Owed,
    scope: &'a CacheScope,
    what: &'a Invalidation,
    confirmed: bool,
}

impl Drop for Notice<'_> {
    fn drop(&mut self) {
        if !self.confirmed {
            self.owed.remember(self.scope, self.what);
        }
    }
}

/// Up to a tenth less.
fn jittered(ttl: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = u32::try_from(RandomState::new().hash_one(0) % 1000).unwrap_or(0);
    ttl.saturating_sub(ttl / 10 * random / 1000)
}
