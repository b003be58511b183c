//! How many connections, how long to wait for one, and what each remembers.

use std::time::Duration;

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
    /// How long a connection may rest before it is asked for a sign of life.
    pub(crate) trust: Duration,
    pub(crate) tenants_per_connection: usize,
    pub(crate) retirement_interval: Duration,
    pub(crate) reserved_connections: Option<u32>,
    pub(crate) waiting_per_tenant: usize,
    pub(crate) statement_cache_capacity: usize,
    pub(crate) text_cache_capacity: usize,
    #[cfg(feature = "dynamic")]
    pub(crate) dynamic_cache_capacity: usize,
}

impl Default for PoolSettings {
    /// Ten connections that wait five seconds, live half an hour or 200 tenants long, and keep 512
    /// statements each.
    fn default() -> Self {
        Self {
            pooler: Pooler::None,
            max_connections: 10,
            min_connections: 0,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Some(Duration::from_mins(10)),
            max_lifetime: Some(Duration::from_mins(30)),
            trust: Duration::from_secs(30),
            tenants_per_connection: 200,
            retirement_interval: Duration::from_millis(250),
            reserved_connections: None,
            waiting_per_tenant: 128,
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

    /// Sets how long a connection may rest before it is asked for a sign of life, which is one more
    /// round trip and takes a second at most. Half a minute by default.
    #[must_use]
    pub fn trusted_for(mut self, rest: Duration) -> Self {
        self.trust = rest;
        self
    }

    /// Sets after how many distinct tenants a connection is closed and another opened; one is the
    /// least.
    ///
    /// A server process never gives back what it learnt of a tenant's tables: about 0.2 MB for
    /// ten of them. Each tenant is at home on two connections, so that a connection meets as few
    /// tenants as possible. At most one is closed per [`retirement_interval`] and pool.
    ///
    /// [`retirement_interval`]: PoolSettings::retirement_interval
    #[must_use]
    pub fn tenants_per_connection(mut self, tenants: usize) -> Self {
        self.tenants_per_connection = tenants.max(1);
        self
    }

    /// Sets how much time passes between two connections that are closed because they have met
    /// enough tenants; a longer one spares connecting and costs memory of the server.
    #[must_use]
    pub fn retirement_interval(mut self, interval: Duration) -> Self {
        self.retirement_interval = interval;
        self
    }

    /// Sets how many connections are kept for tenants that hold no more than their share, which
    /// is a quarter of all; none for an application of one tenant.
    ///
    /// A quarter of all by default. A tenant that holds its share gets another connection only
    /// while more than these are free, so however many requests one tenant makes, the others find
    /// a connection.
    #[must_use]
    pub fn reserved_connections(mut self, connections: u32) -> Self {
        self.reserved_connections = Some(connections);
        self
    }

    /// Sets how many requests of one tenant wait for a connection before the next is refused as
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy); one is the least.
    #[must_use]
    pub fn waiting_per_tenant(mut self, requests: usize) -> Self {
        self.waiting_per_tenant = requests.max(1);
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

    /// How many connections are kept for tenants within their share; one is never kept.
    pub(crate) fn reserved(&self) -> usize {
        let most = self.max_connections.saturating_sub(1);
        let wanted = self
            .reserved_connections
            .unwrap_or(self.max_connections / 4);
        usize::try_from(wanted.min(most)).unwrap_or(usize::MAX)
    }
}
