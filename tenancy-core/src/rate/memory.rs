//! The buckets of one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Rate, RateLimiter, Verdict};
use crate::error::Error;
use crate::sabotaged;
use crate::tenant::TenantId;

/// Keeps tenants' buckets in this process alone; another process has other buckets.
///
/// A bucket that is full is as good as none and is forgotten when there is no room for another.
/// When none is full, those that are the nearest to it are: their tenants may ask a little more.
///
/// # Example
///
/// ```
/// use tenancy_core::TenantId;
/// use tenancy_core::rate::{MemoryRateLimiter, Rate};
///
/// let limiter = MemoryRateLimiter::new();
/// let [one, other] = [TenantId::generate(), TenantId::generate()];
/// assert!(limiter.take_one(one, Rate::per_second(1)).is_admitted());
/// assert!(!limiter.take_one(one, Rate::per_second(1)).is_admitted());
/// assert!(limiter.take_one(other, Rate::per_second(1)).is_admitted());
/// ```
pub struct MemoryRateLimiter {
    clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    begun: Instant,
    capacity: usize,
    /// When each bucket will be full, in microseconds since the beginning.
    full_at: Mutex<HashMap<TenantId, u64>>,
}

impl MemoryRateLimiter {
    /// How many buckets are kept unless told otherwise.
    pub const CAPACITY: usize = 100_000;

    /// Every bucket is full.
    pub fn new() -> Self {
        Self::with_clock(Instant::now)
    }

    /// Every bucket is full, and `clock` tells the time, which never goes back.
    pub fn with_clock(clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self {
            begun: clock(),
            clock: Arc::new(clock),
            capacity: Self::CAPACITY,
            full_at: Mutex::default(),
        }
    }

    /// Keeps at most so many buckets, at least one.
    #[must_use]
    pub fn capacity(mut self, buckets: usize) -> Self {
        self.capacity = buckets.max(1);
        self
    }

    /// How many buckets are kept.
    pub fn buckets(&self) -> usize {
        self.lock().len()
    }

    /// Takes one request out of the bucket of `tenant`, which is filled at `rate`.
    pub fn take_one(&self, tenant: TenantId, rate: Rate) -> Verdict {
        let Some(interval) = rate.interval() else {
            return Verdict::never();
        };
        let shared = TenantId::from_uuid(Uuid::nil());
        let tenant = sabotaged!("limits.bucket-shared", shared, tenant);
        let now = micros((self.clock)().saturating_duration_since(self.begun));
        let mut all = self.lock();
        let whole = interval * rate.burst();
        // What another rate left in it may be more than this one ever would.
        let full_at = all.get(&tenant).copied().unwrap_or(now);
        let full_at = full_at.clamp(now, now + whole);
        let then = full_at + interval;
        if then > now + whole {
            let wait = then - whole - now;
            return Verdict::refused(
                Duration::from_micros(full_at - now),
                Duration::from_micros(wait),
            );
        }
        if all.len() >= self.capacity && !all.contains_key(&tenant) {
            make_room(&mut all, now, self.capacity);
        }
        all.insert(tenant, then);
        let remaining = (now + whole - then) / interval;
        Verdict::admitted(remaining, Duration::from_micros(then - now))
    }

    // Nothing panics while the lock is held.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, u64>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the buckets that are full, or else an eighth of all, those that are full the soonest.
fn make_room(all: &mut HashMap<TenantId, u64>, now: u64, capacity: usize) {
    all.retain(|_, full_at| *full_at > now);
    if all.len() < capacity {
        return;
    }
    let mut times: Vec<u64> = all.values().copied().collect();
    let last = (capacity / 8).min(times.len() - 1);
    let (_, soonest, _) = times.select_nth_unstable(last);
    let soonest = *soonest;
    all.retain(|_, full_at| *full_at > soonest);
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2)
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn take(&self, tenant: TenantId, rate: Rate) -> Result<Verdict, Error> {
        Ok(self.take_one(tenant, rate))
    }
}

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRateLimiter")
            .field("buckets", &self.buckets())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
