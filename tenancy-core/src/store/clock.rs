//! The time that cached entries age by.

use std::fmt;
use std::time::Instant;

/// Tells the time; tests move one by hand instead of waiting.
pub(super) trait Clock: fmt::Debug + Send + Sync + 'static {
    fn now(&self) -> Instant;
}

/// The monotonic clock of the system.
#[derive(Debug)]
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}
