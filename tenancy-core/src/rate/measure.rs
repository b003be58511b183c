//! How fast a bucket is filled, and what is left in it.

use std::time::Duration;

/// How many requests are let in: so many per second, and so many at once after a pause.
///
/// Requests come at intervals of whole microseconds, rounded up: never more are let in than this
/// says.
///
/// # Example
///
/// ```
/// use tenancy_core::rate::Rate;
///
/// let rate = Rate::per_second(10);
/// assert_eq!((rate.burst(), rate.window().as_secs()), (10, 1));
/// assert_eq!(rate.with_burst(50).window().as_secs(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    per_second: u64,
    burst: u64,
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    remaining: u64,
    full: Duration,
    wait: Option<Duration>,
}

const SECOND: u64 = 1_000_000;

/// Keeps a bucket's length in a number that every script can count with.
const LARGEST: u64 = 1_000_000_000;

impl Rate {
    /// Lets `requests` in per second, and as many at once after a pause; with 0, nobody at all, and
    /// a million is the most that is told apart.
    pub const fn per_second(requests: u64) -> Self {
        let requests = if requests > SECOND { SECOND } else { requests };
        Self {
            per_second: requests,
            burst: if requests == 0 { 1 } else { requests },
        }
    }

    /// Lets `requests` in at once after a pause; at least one.
    #[must_use]
    pub const fn with_burst(mut self, requests: u64) -> Self {
        self.burst = match requests {
            0 => 1,
            LARGEST.. => LARGEST,
            requests => requests,
        };
        self
    }

    /// How many are let in at once after a pause.
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// How long an empty bucket takes to be full, or a minute for one that never is.
    pub const fn window(self) -> Duration {
        match self.interval() {
            Some(interval) => Duration::from_micros(interval * self.burst),
            None => NEVER,
        }
    }

    /// The microseconds between two requests; none when there are to be no requests.
    pub(super) const fn interval(self) -> Option<u64> {
        match self.per_second {
            0 => None,
            requests => Some(SECOND.div_ceil(requests)),
        }
    }
}

/// When who is never let in is to come back.
const NEVER: Duration = Duration::from_mins(1);

impl Verdict {
    /// One more is let in.
    pub(super) const fn admitted(remaining: u64, full: Duration) -> Self {
        Self {
            remaining,
            full,
            wait: None,
        }
    }

    /// None is let in before `wait` is over.
    pub(super) const fn refused(full: Duration, wait: Duration) -> Self {
        Self {
            remaining: 0,
            full,
            wait: Some(wait),
        }
    }

    /// Nobody is let in at a rate of nothing.
    pub(super) const fn never() -> Self {
        Self::refused(NEVER, NEVER)
    }

    /// Whether it is let in.
    pub const fn is_admitted(&self) -> bool {
        self.wait.is_none()
    }

    /// How long to wait before the next one is let in; nothing when this one was.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.wait
    }

    /// How many more would be let in now.
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// How long until the bucket is full again, if nobody takes anything.
    pub const fn full_in(&self) -> Duration {
        self.full
    }
}
