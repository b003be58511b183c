//! How much a worker does at a time, and how patient it is.

use std::time::Duration;

use tenancy_core::job::Backoff;

/// The size and patience of a [`Worker`](super::Worker).
///
/// ```
/// use tenancy_sqlx::jobs::WorkerSettings;
///
/// let settings = WorkerSettings::default().concurrency(16).per_tenant(2);
/// ```
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    pub(super) concurrency: usize,
    pub(super) per_tenant: usize,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) parking: Duration,
    pub(super) grace: Duration,
    pub(super) kept: Duration,
    pub(super) backoff: Backoff,
}

impl Default for WorkerSettings {
    /// Eight jobs at a time, four of one tenant over all workers; leases of half a minute; a look
    /// into the queue twice a second; half a minute to come to an end; what has ended is kept for a
    /// day.
    fn default() -> Self {
        Self {
            concurrency: 8,
            per_tenant: 4,
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(500),
            parking: Duration::from_secs(5),
            grace: Duration::from_secs(30),
            kept: Duration::from_hours(24),
            backoff: Backoff::default(),
        }
    }
}

impl WorkerSettings {
    /// Sets how many jobs this worker does at a time; one is the least.
    #[must_use]
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// Sets how many jobs of one tenant may run at a time, over all workers; one is the least.
    #[must_use]
    pub fn per_tenant(mut self, jobs: usize) -> Self {
        self.per_tenant = jobs.max(1);
        self
    }

    /// Sets how long a job stays with a worker that gives no sign of life; it gives three in that
    /// time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(30));
        self
    }

    /// Sets how often the queue is looked into for what other processes enqueued, and for what has
    /// become due.
    #[must_use]
    pub fn poll(mut self, interval: Duration) -> Self {
        self.poll = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets how long the jobs of a tenant are left alone that the store calls not active although
    /// the database does not, or that it could not be asked for.
    #[must_use]
    pub fn parking(mut self, span: Duration) -> Self {
        self.parking = span;
        self
    }

    /// Sets how long running jobs may take to end once the worker is to stop; then they are given
    /// back.
    #[must_use]
    pub fn grace(mut self, span: Duration) -> Self {
        self.grace = span;
        self
    }

    /// Sets how long jobs that are done or cancelled can still be looked at; failed ones stay until
    /// somebody removes them.
    #[must_use]
    pub fn keep_ended(mut self, span: Duration) -> Self {
        self.kept = span;
        self
    }

    /// Sets how long a job that failed waits for its next attempt.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}
