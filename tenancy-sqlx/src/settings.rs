//! How many connections, how long to wait for one, and what each remembers.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;

use crate::pooler::Pooler;

/// The size and patience of a [`Database`](crate::Database)'s pool.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tenancy_sqlx::PoolSettings;
///
/// let settings = PoolSettings::default()
///     .max_connections(20)
///     .acquire_timeout(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone)]
pub struct PoolSettings {
    pub(crate) pooler: Pooler,
    pub(crate) max_connections: u32,
    pub(crate) min_connections: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) statement_cache_capacity: usize,
    pub(crate) text_cache_capacity: usize,
    #[cfg(feature = "dynamic")]
    pub(crate) dynamic_cache_capacity: usize,
}

impl Default for PoolSettings {
    /// Ten connections that wait five seconds, live half an hour, and keep 512 statements each.
    fn default() -> Self {
        Self {
            pooler: Pooler::None,
            max_connections: 10,
            min_connections: 0,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Some(Duration::from_mins(10)),
            max_lifetime: Some(Duration::from_mins(30)),
            statement_cache_capacity: 512,
            text_cache_capacity: 8192,
            #[cfg(feature = "dynamic")]
            dynamic_cache_capacity: 1024,
        }
    }
}

impl PoolSettings {
    /// Says what the connections go through; a pooler that is not named here may mix up tenants.
    #[must_use]
    pub fn pooler(mut self, pooler: Pooler) -> Self {
        self.pooler = pooler;
        self
    }

    /// Sets how many connections there are at most; one is the least.
    #[must_use]
    pub fn max_connections(mut self, count: u32) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// Sets how many connections are kept even when idle.
    #[must_use]
    pub fn min_connections(mut self, count: u32) -> Self {
        self.min_connections = count;
        self
    }

    /// Sets how long a statement waits for a connection before it fails as unavailable.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets after how long an idle connection is closed; `None` keeps it.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Sets how old a connection gets; `None` lets it live on.
    ///
    /// A server process never gives back what it remembers of each tenant's tables, so a limit
    /// is what bounds its memory.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.max_lifetime = lifetime.into();
        self
    }

    /// Sets how many prepared statements each connection keeps; each tenant's text is one.
    ///
    /// Tenants times statements that are hot at the same time is the right number as far as the
    /// server's memory allows. What goes beyond is sent unprepared, which costs a second round
    /// trip. One is the least.
    #[must_use]
    pub fn statement_cache_capacity(mut self, statements: usize) -> Self {
        self.statement_cache_capacity = statements.max(1);
        self
    }

    /// Sets how many rendered texts this process keeps; rendering one again costs little.
    #[must_use]
    pub fn text_cache_capacity(mut self, texts: usize) -> Self {
        self.text_cache_capacity = texts;
        self
    }

    /// Sets how many checked texts of [`DynSql`](crate::DynSql) this process keeps; checking one
    /// again costs some microseconds.
    #[cfg(feature = "dynamic")]
    #[must_use]
    pub fn dynamic_cache_capacity(mut self, texts: usize) -> Self {
        self.dynamic_cache_capacity = texts;
        self
    }

    pub(crate) fn pool_options(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.max_connections)
            .min_connections(self.min_connections)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(self.idle_timeout)
            .max_lifetime(self.max_lifetime)
            // A connection is clean when it goes back, so asking again would only cost a trip.
            .test_before_acquire(false)
    }
}
