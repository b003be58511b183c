//! How much is told at a time, and how often it is looked for.

use std::time::Duration;

/// The bounds of an [`OutboxWorker`](super::OutboxWorker).
///
/// ```
/// use std::time::Duration;
/// use tenancy_sqlx::OutboxSettings;
///
/// let settings = OutboxSettings::default().tenants(8).lease(Duration::from_mins(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "settings are given to a worker"]
pub struct OutboxSettings {
    pub(super) tenants: usize,
    pub(super) messages: usize,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) longest_poll: Duration,
    pub(super) grace: Duration,
    pub(super) count: Duration,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            tenants: 4,
            messages: 500,
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(250),
            longest_poll: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            count: Duration::from_secs(5),
        }
    }
}

impl OutboxSettings {
    /// How many tenants' messages are told to a consumer at the same time; 4 by default, and at
    /// least one.
    pub fn tenants(mut self, most: usize) -> Self {
        self.tenants = most.max(1);
        self
    }

    /// How many messages of a tenant are told before others have their turn; 500 by default, and at
    /// least one.
    pub fn messages(mut self, most: usize) -> Self {
        self.messages = most.max(1);
        self
    }

    /// After how long others may go on with the tenants of a program that died; 30 s by default. A
    /// delivery may take longer: its lease is kept while it lasts.
    pub fn lease(mut self, span: Duration) -> Self {
        self.lease = span;
        self
    }

    /// How often messages of other programs are looked for, first and when there were none for long;
    /// every 250 ms and every second by default. Those of this program are told at once.
    pub fn poll(mut self, first: Duration, longest: Duration) -> Self {
        self.poll = first;
        self.longest_poll = longest.max(first);
        self
    }

    /// How long deliveries may go on when the worker is to stop; 10 s by default.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How often it is counted what is left to tell; every 5 s by default.
    pub fn count(mut self, every: Duration) -> Self {
        self.count = every;
        self
    }
}
