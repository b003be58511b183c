//! Entries in memory in front of those in Redis.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::select;
use uuid::Uuid;

use super::{RedisCache, channel};
use crate::cache::{
    Cache, CacheScope, Fill, Filled, Holding, Invalidation, Mark, MemoryCache, Place, Read,
};
use crate::error::Error;
use crate::scope::Prefix;
use crate::tenant::TenantId;

/// Keeps what is read from Redis in memory, too, for as long as Redis tells it of invalidations.
///
/// An entry is answered from memory until the process hears that it was invalidated, which is
/// usually within a millisecond of that, and two seconds when a connection is lost without a sign;
/// what this process itself invalidates it never answers again. While invalidations are not heard,
/// everything is read from Redis. What [`TenantCache::put`](crate::TenantCache::put) replaces in
/// another process stays in memory here for up to [`LayeredCache::near_ttl`].
///
/// Use it within a tokio runtime. A clone is another handle to the same.
///
/// # Example
///
/// ```
/// use tenancy_core::{Caches, LayeredCache, MemoryCache, Prefix, RedisCache};
///
/// let prefix = Prefix::parse("shop-eu")?;
/// let redis = RedisCache::new("redis://127.0.0.1:6379/")?;
/// let layered = LayeredCache::new(MemoryCache::new(), redis, &prefix);
/// let caches = Caches::new(layered).prefix(prefix);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LayeredCache(Arc<Layers>);

#[derive(Debug)]
struct Layers {
    near: MemoryCache,
    far: RedisCache,
    prefix: Prefix,
    near_ttl: Duration,
    begun: AtomicBool,
    /// Until when everything that was invalidated has been heard of.
    heard_until: Mutex<Option<Instant>>,
}

/// How often the server is asked for a sign, and how long one is enough.
const SIGN: Duration = Duration::from_millis(500);
const ENOUGH: Duration = Duration::from_secs(2);

impl LayeredCache {
    /// Puts `near` in front of `far`, for [`Caches`](crate::Caches) with the same prefix.
    pub fn new(near: MemoryCache, far: RedisCache, prefix: &Prefix) -> Self {
        Self(Arc::new(Layers {
            near,
            far,
            prefix: prefix.clone(),
            near_ttl: Duration::from_secs(10),
            begun: AtomicBool::new(false),
            heard_until: Mutex::new(None),
        }))
    }

    /// Answers from memory for at most `ttl`, 10 s unless told; set it before cloning.
    #[must_use]
    pub fn near_ttl(mut self, ttl: Duration) -> Self {
        if let Some(layers) = Arc::get_mut(&mut self.0) {
            layers.near_ttl = ttl;
        }
        self
    }

    /// Whether entries are answered from memory now.
    pub fn hears(&self) -> bool {
        self.0.hears()
    }

    fn listen(&self) {
        if !self.0.begun.swap(true, Ordering::AcqRel) {
            tokio::spawn(listen(Arc::downgrade(&self.0)));
        }
    }
}

#[async_trait]
impl Cache for LayeredCache {
    fn name(&self) -> &'static str {
        "memory over redis"
    }

    async fn read(&self, place: &Place) -> Result<Read, Error> {
        self.listen();
        let layers = &*self.0;
        if !layers.hears() {
            return layers.far.read(place).await;
        }
        let near = layers.near.read(place).await?;
        if let Some(read) = near.entry.as_deref().and_then(unpack) {
            return Ok(read);
        }
        let far = layers.far.read(place).await?;
        if let Some(packed) = pack(&far) {
            // It is lost there when an invalidation was heard since.
            let fill = Fill {
                mark: near.mark,
                tags: &[],
                ttl: layers.near_ttl,
                entry: &packed,
            };
            layers.near.fill(place, fill).await?;
        }
        Ok(far)
    }

    async fn fill(&self, place: &Place, fill: Fill<'_>) -> Result<Filled, Error> {
        let filled = self.0.far.fill(place, fill).await?;
        self.0.near_forgets(place.scope(), Some(place)).await?;
        Ok(filled)
    }

    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) -> Result<(), Error> {
        let done = self.0.far.invalidate(scope, what).await;
        let place = match what {
            Invalidation::Key(place) => Some(place),
            Invalidation::Tag(_) | Invalidation::All => None,
        };
        self.0.near_forgets(scope, place).await?;
        done
    }

    async fn purge(&self, scope: &CacheScope) -> Result<(), Error> {
        self.0.far.purge(scope).await?;
        self.0.near.purge(scope).await
    }

    async fn residue(&self, scope: &CacheScope) -> Result<Vec<String>, Error> {
        let mut left = self.0.far.residue(scope).await?;
        left.extend(self.0.near.residue(scope).await?);
        Ok(left)
    }

    fn holding(&self) -> Holding {
        self.0.near.holding()
    }
}

impl Layers {
    fn hears(&self) -> bool {
        let until = *self
            .heard_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until) || crate::sabotaged!("cache.near-unheard")
    }

    fn heard(&self, until: Option<Instant>) {
        *self
            .heard_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Memory has no tags: it forgets all of the tenant for one.
    async fn near_forgets(&self, scope: &CacheScope, place: Option<&Place>) -> Result<(), Error> {
        let what = place.map_or(Invalidation::All, |place| Invalidation::Key(place.clone()));
        self.near.invalidate(scope, &what).await
    }

    /// Does what another process told.
    async fn told(&self, notice: &[u8]) {
        let parts = std::str::from_utf8(notice)
            .ok()
            .and_then(|text| text.split_once(' '));
        let scope = parts.and_then(|(id, what)| {
            let id = TenantId::from_uuid(Uuid::try_parse(id).ok()?);
            let scope = CacheScope::new(&Arc::new(self.prefix.clone()), id);
            let place = scope.place_named(what);
            Some((scope, place))
        });
        match scope {
            Some((scope, place)) => drop(self.near_forgets(&scope, place.as_ref()).await),
            // Who knows what was meant.
            None => self.near.clear(),
        }
    }
}

/// Hears invalidations for as long as somebody uses the cache.
async fn listen(layers: Weak<Layers>) {
    loop {
        let Some(strong) = layers.upgrade() else {
            return;
        };
        let (client, channel) = (strong.far.client.clone(), channel(&strong.prefix));
        let wait = strong.far.timeouts.connect;
        drop(strong);
        let subscribed = tokio::time::timeout(wait, async {
            let mut line = client.get_async_pubsub().await?;
            line.subscribe(channel).await?;
            redis::RedisResult::Ok(line)
        });
        if let Ok(Ok(line)) = subscribed.await {
            hear(&layers, line).await;
        }
        if let Some(strong) = layers.upgrade() {
            strong.heard(None);
        }
        tokio::time::sleep(SIGN).await;
    }
}

async fn hear(layers: &Weak<Layers>, line: redis::aio::PubSub) {
    let Some(strong) = layers.upgrade() else {
        return;
    };
    // What was invalidated before was not heard.
    strong.near.clear();
    strong.heard(Some(Instant::now() + ENOUGH));
    drop(strong);
    let (mut sink, mut stream) = line.split();
    let messages = pin!(async {
        while let (Some(message), Some(layers)) = (stream.next().await, layers.upgrade()) {
            layers.told(message.get_payload_bytes()).await;
        }
    });
    let signs = pin!(async {
        loop {
            tokio::time::sleep(SIGN).await;
            let asked = Instant::now();
            let sign = tokio::time::timeout(ENOUGH, sink.ping::<redis::Value>()).await;
            match (sign, layers.upgrade()) {
                (Ok(Ok(_)), Some(layers)) => layers.heard(Some(asked + ENOUGH)),
                _ => return,
            }
        }
    });
    select(messages, signs).await;
}

fn pack(read: &Read) -> Option<Vec<u8>> {
    let entry = read.entry.as_deref()?;
    let mut packed = read.mark.history.as_bytes().to_vec();
    packed.extend_from_slice(&read.mark.count.to_be_bytes());
    packed.extend_from_slice(&read.floor.to_be_bytes());
    packed.extend_from_slice(entry);
    Some(packed)
}

fn unpack(packed: &[u8]) -> Option<Read> {
    let (history, rest) = packed.split_first_chunk::<16>()?;
    let (count, rest) = rest.split_first_chunk::<8>()?;
    let (floor, entry) = rest.split_first_chunk::<8>()?;
    Some(Read {
        entry: Some(entry.into()),
        mark: Mark {
            history: Uuid::from_bytes(*history),
            count: u64::from_be_bytes(*count),
        },
        floor: u64::from_be_bytes(*floor),
    })
}
