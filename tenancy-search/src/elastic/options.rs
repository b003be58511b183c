//! How an Elasticsearch is asked.

use std::time::Duration;

/// How long to wait for Elasticsearch, and how much to ask of it at once.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tenancy_search::ElasticOptions;
///
/// let options = ElasticOptions::default()
///     .search_timeout(Duration::from_secs(1))
///     .connections(8);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct ElasticOptions {
    pub(super) connect: Duration,
    pub(super) search: Duration,
    pub(super) write: Duration,
    pub(super) connections: usize,
    pub(super) batch_bytes: usize,
    pub(super) batch_count: usize,
}

impl Default for ElasticOptions {
    /// A second to connect, two to search, thirty for everything else; 32 searches and
    /// 32 other requests at a time; batches of 5 MB or 1,000 documents.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            search: Duration::from_secs(2),
            write: Duration::from_secs(30),
            connections: 32,
            batch_bytes: 5_000_000,
            batch_count: 1_000,
        }
    }
}

impl ElasticOptions {
    /// The longest that a connection may take to open.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }

    /// The longest that a visitor waits for a search; then it fails as unavailable.
    #[must_use]
    pub fn search_timeout(mut self, timeout: Duration) -> Self {
        self.search = timeout;
        self
    }

    /// The longest that any other request may take.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write = timeout;
        self
    }

    /// How many searches are under way at once, and how many other requests, at least one each;
    /// further ones wait their time.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// How much is written in one request: at most this many bytes, unless one document has more,
    /// and this many documents.
    #[must_use]
    pub fn batches(mut self, bytes: usize, documents: usize) -> Self {
        self.batch_bytes = bytes.max(1);
        self.batch_count = documents.max(1);
        self
    }
}
