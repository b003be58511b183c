//! The buckets of all processes of an installation.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{MemoryRateLimiter, Rate, RateLimiter, Verdict};
use crate::cache::RedisCache;
use crate::error::{Error, ErrorKind};
use crate::sabotaged;
use crate::scope::Prefix;
use crate::tenant::TenantId;

/// Keeps tenants' buckets in Redis, so that all processes together let in what one bucket admits.
///
/// A request is one message and one script, and the server's clock counts. It shares the connection
/// of the cache. What is kept of a tenant ends by itself when its bucket is full, and a purge of
/// the cache removes it.
///
/// # Example
///
/// ```
/// use tenancy_core::rate::{RedisRateLimiter, WhenAway};
/// use tenancy_core::{Prefix, RedisCache};
///
/// // Nothing is sent before the first use.
/// let redis = RedisCache::new("redis://127.0.0.1:6379/")?;
/// let limiter = RedisRateLimiter::new(&redis, Prefix::default()).when_away(WhenAway::Refuse);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RedisRateLimiter {
    redis: RedisCache,
    prefix: Prefix,
    when_away: WhenAway,
    own: MemoryRateLimiter,
}

/// Who is let in while Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenAway {
    /// Whom a bucket of this process's own lets in: several processes let in several times as many.
    #[default]
    Admit,
    /// Nobody: the requests fail as those of a part that does not answer.
    Refuse,
}

const TAKE: &str = include_str!("take.lua");

impl RedisRateLimiter {
    /// Will use the server and the connection of `redis`; all names begin with `prefix`.
    pub fn new(redis: &RedisCache, prefix: Prefix) -> Self {
        Self {
            redis: redis.clone(),
            prefix,
            when_away: WhenAway::default(),
            own: MemoryRateLimiter::new(),
        }
    }

    /// Says who is let in while Redis does not answer; [`WhenAway::Admit`] unless told.
    #[must_use]
    pub fn when_away(mut self, when_away: WhenAway) -> Self {
        self.when_away = when_away;
        self
    }

    async fn ask(&self, tenant: TenantId, interval: u64, burst: u64) -> Result<Verdict, Error> {
        let shared = Uuid::nil();
        let id = sabotaged!("limits.bucket-shared", &shared, tenant.as_uuid());
        // Among the names of the tenant's cache, where a purge finds it.
        let key = format!("{}:c:{{{}}}:r:requests", self.prefix, id.simple());
        let mut command = redis::cmd("EVAL");
        command.arg(TAKE).arg(1).arg(key).arg(interval).arg(burst);
        let (admitted, remaining, full, wait): (u8, u64, u64, u64) =
            self.redis.ask(&command).await?;
        let [full, wait] = [full, wait].map(Duration::from_micros);
        Ok(if admitted == 1 {
            Verdict::admitted(remaining, full)
        } else {
            Verdict::refused(full, wait)
        })
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn take(&self, tenant: TenantId, rate: Rate) -> Result<Verdict, Error> {
        let Some(interval) = rate.interval() else {
            return Ok(Verdict::never());
        };
        match self.ask(tenant, interval, rate.burst()).await {
            Err(error)
                if error.kind() == ErrorKind::Unavailable && self.when_away == WhenAway::Admit =>
            {
                tracing::debug!(target: "tenancy.rate", %error, "this process counts by itself");
                Ok(self.own.take_one(tenant, rate))
            }
            verdict => verdict,
        }
    }
}
