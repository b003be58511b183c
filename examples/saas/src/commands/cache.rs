//! Where the cache keeps its entries: in Redis with memory in front of it, or in memory alone.

use std::time::Duration;

use tenancy_core::{Caches, Error, LayeredCache, MemoryCache, RedisCache};
use tokio::task::JoinHandle;

use crate::settings::Settings;

/// The cache of `settings`. Redis need not answer: what is not remembered is asked of the database.
pub(crate) fn open(settings: &Settings) -> Result<Caches, Error> {
    let prefix = settings.prefix.clone();
    let caches = match &settings.redis {
        None => Caches::new(MemoryCache::new()),
        Some(url) => {
            let redis = RedisCache::new(&url.expose())
                .map_err(|error| Error::new(error.kind(), format!("REDIS_URL: {error}")))?;
            Caches::new(LayeredCache::new(MemoryCache::new(), redis, &prefix))
        }
    };
    Ok(caches.prefix(prefix))
}

/// What the banner says of it.
pub(crate) fn description(settings: &Settings) -> String {
    match &settings.redis {
        None => "memory of this process".to_owned(),
        Some(url) => format!("memory over Redis at {url}"),
    }
}

/// Sends invalidations that an outage of Redis held back, until the task is ended: other
/// processes wait for them, whether or not somebody reads here.
pub(crate) fn settle(caches: Caches) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            second.tick().await;
            caches.settle().await;
        }
    })
}
