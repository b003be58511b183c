//! How long to wait before the next attempt.

use std::time::Duration;

/// Pauses that double with each attempt, up to a limit, each shortened by up to a half at random so
/// that what failed together is not tried again together.
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::job::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(1));
/// assert_eq!(backoff.pause(1, u32::MAX), Duration::from_secs(2));
/// assert_eq!(backoff.pause(3, u32::MAX), Duration::from_secs(8));
/// assert_eq!(backoff.pause(3, 0), Duration::from_secs(4));
/// assert_eq!(backoff.pause(40, u32::MAX), Duration::from_mins(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Default for Backoff {
    /// From five seconds to an hour.
    fn default() -> Self {
        Self::new(Duration::from_secs(5), Duration::from_hours(1))
    }
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The pause after the attempt of this number, from one; `random` decides how much of it.
    pub fn pause(&self, attempt: u16, random: u32) -> Duration {
        let doublings = u32::from(attempt.saturating_sub(1)).min(31);
        let whole = self.first.saturating_mul(1 << doublings);
        let whole = whole.min(self.longest);
        let half = whole / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}
