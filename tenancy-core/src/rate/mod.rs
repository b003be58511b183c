//! How fast a tenant may ask: one bucket of requests for each tenant, which fills as time goes by.
//!
//! A [`RateLimiter`] lets a request of a tenant in while its bucket is not empty.
//! [`MemoryRateLimiter`] keeps the buckets of one process; `RedisRateLimiter` (feature `redis`)
//! keeps those of all processes together.
//!
//! The algorithm is GCRA: of each bucket nothing is kept but the time at which it will be full.

mod measure;

mod memory;

#[cfg(feature = "redis")]
mod redis;

use std::fmt;

use async_trait::async_trait;

pub use self::measure::{Rate, Verdict};
pub use self::memory::MemoryRateLimiter;
#[cfg(feature = "redis")]
pub use self::redis::{RedisRateLimiter, WhenAway};

use crate::error::Error;
use crate::tenant::TenantId;

/// Takes requests out of tenants' buckets; no tenant's requests come out of another's.
#[async_trait]
pub trait RateLimiter: fmt::Debug + Send + Sync + 'static {
    /// Takes one request out of the bucket of `tenant`, which is filled at `rate`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the buckets are out of reach,
    /// and nobody is to be let in then.
    async fn take(&self, tenant: TenantId, rate: Rate) -> Result<Verdict, Error>;
}
