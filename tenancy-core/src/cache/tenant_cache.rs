//! The cache of one tenant.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caches::Began;
use super::envelope::{self, Unfit};
use super::flight::Role;
use super::{CacheKey, CacheScope, CacheTag, Caches, Invalidation, LONGEST, Place, Read};

/// What one tenant has remembered; made by [`Caches::of`] from a context, so that no key of another
/// tenant can be named.
///
/// A clone is another handle to the same. Nothing here fails: what the back end does not answer is
/// a miss, and an invalidation that it does not confirm is sent before the tenant's next read.
///
/// Write, commit, *then* invalidate. A value that was loaded before an invalidation is never kept
/// after it, so what is read afterwards is never older than what was committed.
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
/// const PRICES: Namespace = Namespace::new("prices");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let cache = Caches::new(MemoryCache::new()).of(&context("acme"));
/// let key = PRICES.key("anvil");
/// let price = cache.get_or_load(&key, || async { Ok::<_, &str>(1200) }).await;
/// assert_eq!(price, Ok(1200));
///
/// // It is there, so nothing is loaded.
/// let price = cache.get_or_load(&key, || async { Err::<i32, _>("the database is away") }).await;
/// assert_eq!(price, Ok(1200));
///
/// // After a delete it is, and a failure is not remembered.
/// cache.delete(&key).await;
/// let price = cache.get_or_load(&key, || async { Err::<i32, _>("the database is away") }).await;
/// assert_eq!(price, Err("the database is away"));
/// # }
/// ```
///
/// A tenant is no context, for it may not be served:
///
/// ```compile_fail
/// use tenancy_core::{Caches, Tenant, TenantCache};
///
/// fn of_anybody(caches: &Caches, tenant: &Tenant) -> TenantCache {
///     caches.of(tenant)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TenantCache {
    caches: Caches,
    scope: CacheScope,
    ttl: Duration,
}

/// A value, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// It was remembered.
    Hit,
    /// It was loaded, by this caller or by one who asked at the same time.
    Miss,
}

impl Source {
    /// `hit` or `miss`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

impl TenantCache {
    pub(super) fn new(caches: Caches, scope: CacheScope) -> Self {
        let ttl = caches.ttl;
        Self { caches, scope, ttl }
    }

    /// A handle whose entries live for at most `ttl`, and a day at the most.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.min(LONGEST);
        self
    }

    /// The value of `key`, if it is remembered, and readable as a `T`.
    pub async fn get<T: DeserializeOwned>(&self, key: &CacheKey) -> Option<T> {
        let counters = self.caches.counters();
        let found = match self.scope.place(key) {
            Some(place) => self.look(&place).await.0,
            None => None,
        };
        match &found {
            Some(_) => counters.hits.add(),
            None => counters.misses.add(),
        }
        found
    }

    /// Remembers `value`, unless `key` is invalidated meanwhile.
    ///
    /// For a value that was read from somewhere, use [`TenantCache::get_or_load`]: only that knows
    /// what was invalidated since the reading began.
    pub async fn put<T: Serialize + ?Sized>(&self, key: &CacheKey, value: &T) {
        self.put_tagged(key, &[], value).await;
    }

    /// As [`TenantCache::put`], for a value that [`TenantCache::invalidate_tag`] takes away, too.
    pub async fn put_tagged<T>(&self, key: &CacheKey, tags: &[CacheTag], value: &T)
    where
        T: Serialize + ?Sized,
    {
        let place = self.scope.place(key);
        let (Some(place), Ok(json)) = (place, serde_json::to_vec(value)) else {
            return self.caches.counters().refused.add();
        };
        if let Some((_, began)) = self.caches.read(&place).await {
            self.caches.fill(&place, began, tags, self.ttl, &json).await;
        }
    }

    /// The value of `key`: remembered, or else loaded, once for all who ask for it in this process.
    ///
    /// Others wait for a load that began late enough for them. One that fails, panics or is dropped
    /// is nobody's answer but its caller's: the next one loads. A failure is not remembered.
    ///
    /// # Errors
    ///
    /// What `load` answers.
    pub async fn get_or_load<T, E, F, L>(&self, key: &CacheKey, load: F) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> L,
        L: Future<Output = Result<T, E>>,
    {
        let loaded = self.load_tagged(key, |_| Vec::new(), load).await?;
        Ok(loaded.value)
    }

    /// As [`TenantCache::get_or_load`]: `tags` says of a value what it is invalidated with, and
    /// the answer whether it was remembered.
    ///
    /// # Errors
    ///
    /// What `load` answers.
    pub async fn load_tagged<T, E, G, F, L>(
        &self,
        key: &CacheKey,
        tags: G,
        load: F,
    ) -> Result<Loaded<T>, E>
    where
        T: Serialize + DeserializeOwned,
        G: FnOnce(&T) -> Vec<CacheTag>,
        F: FnOnce() -> L,
        L: Future<Output = Result<T, E>>,
    {
        let counters = self.caches.counters();
        let miss = |value| Loaded {
            value,
            source: Source::Miss,
        };
        let Some(place) = self.scope.place(key) else {
            counters.misses.add();
            counters.refused.add();
            return load().await.map(miss);
        };
        let mut missed = false;
        loop {
            let (found, began) = self.look(&place).await;
            if let Some(value) = found {
                counters.hits.add();
                let source = Source::Hit;
                return Ok(Loaded { value, source });
            }
            if !std::mem::replace(&mut missed, true) {
                counters.misses.add();
            }
            let mark = began.map(Began::mark);
            let leader = match self.caches.flights().join(&place, mark) {
                Role::Leads(leader) => Some(leader),
                Role::Waits(wait) => match wait.await {
                    None => continue,
                    Some(json) => match serde_json::from_slice(&json) {
                        Ok(value) => {
                            counters.joined.add();
                            return Ok(miss(value));
                        }
                        // It loads another type under the same key: each its own.
                        Err(_) => None,
                    },
                },
            };
            counters.loads.add();
            let value = load().await?;
            let Ok(json) = serde_json::to_vec(&value) else {
                counters.refused.add();
                return Ok(miss(value));
            };
            let tags = tags(&value);
            if let Some(leader) = &leader {
                leader.land(Arc::from(&*json));
            }
            if let Some(began) = began {
                self.caches
                    .fill(&place, began, &tags, self.ttl, &json)
                    .await;
            }
            return Ok(miss(value));
        }
    }

    /// Forgets the value of `key`; call it when the change that makes it old is committed.
    ///
    /// Once this has been awaited, no reader of this process gets an older value, and no reader of
    /// another unless the back end did not answer.
    pub async fn delete(&self, key: &CacheKey) {
        // What has no place was never kept.
        if let Some(place) = self.scope.place(key) {
            self.invalidate(Invalidation::Key(place)).await;
        }
    }

    /// Forgets every value with `tag`, as [`TenantCache::delete`] does.
    pub async fn invalidate_tag(&self, tag: &CacheTag) {
        if tag.fits() {
            self.invalidate(Invalidation::Tag(tag.clone())).await;
        }
    }

    /// Forgets every value of this tenant, and of no other, as [`TenantCache::delete`] does.
    pub async fn invalidate_all(&self) {
        self.invalidate(Invalidation::All).await;
    }

    async fn invalidate(&self, what: Invalidation) {
        self.caches.invalidate(&self.scope, what).await;
    }

    /// What is at `place`, and when a load that begins now began; `None` for nothing to serve, and
    /// for a back end that does not answer.
    async fn look<T: DeserializeOwned>(&self, place: &Place) -> (Option<T>, Option<Began>) {
        let Some((read, began)) = self.caches.read(place).await else {
            return (None, None);
        };
        let value = self.served(place, &read);
        (value, Some(began))
    }

    fn served<T: DeserializeOwned>(&self, place: &Place, read: &Read) -> Option<T> {
        let entry = read.entry.as_deref()?;
        let value = envelope::open(place, read, entry)
            .and_then(|json| serde_json::from_slice(json).map_err(|_| Unfit::Corrupt));
        match value {
            Ok(value) => Some(value),
            Err(why) => {
                self.caches.counters().unfit(why);
                if why != Unfit::Old {
                    tracing::warn!(
                        target: "tenancy.cache",
                        place = %place.name(),
                        ?why,
                        "an entry was not made for its place, and was not served"
                    );
                }
                None
            }
        }
    }
}
