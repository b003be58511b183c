//! Where tenants' requests are counted: in Redis, for all processes together, or in this one.

use std::sync::Arc;

use tenancy_core::rate::{MemoryRateLimiter, RateLimiter, RedisRateLimiter};
use tenancy_core::{Error, RedisCache};

use crate::settings::Settings;

/// The limiter of `settings`. While Redis is away, each process counts by itself.
pub(crate) fn open(settings: &Settings) -> Result<Arc<dyn RateLimiter>, Error> {
    let Some(url) = &settings.redis else {
        return Ok(Arc::new(MemoryRateLimiter::new()));
    };
    let redis = RedisCache::new(&url.expose())
        .map_err(|error| Error::new(error.kind(), format!("REDIS_URL: {error}")))?;
    let limiter = RedisRateLimiter::new(&redis, settings.prefix.clone());
    Ok(Arc::new(limiter))
}
