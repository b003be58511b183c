//! What names outside the database are for.

/// What a name is for; each kind has its own form, so no two kinds share a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScopeKind {
    /// A key in a cache: `prefix:c:<id>:name`.
    Cache,
    /// An index of a search engine: `prefix_<id>_name`.
    Index,
    /// A channel or group of a bus: `prefix:p:<id>:name`.
    Channel,
    /// A lock: `prefix:l:<id>:name`.
    Lock,
    /// A file or object: `prefix/t/<id>/name`.
    Object,
}

impl ScopeKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Cache,
        Self::Index,
        Self::Channel,
        Self::Lock,
        Self::Object,
    ];

    /// The kind in lower case, as messages call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Index => "index",
            Self::Channel => "channel",
            Self::Lock => "lock",
            Self::Object => "object",
        }
    }

    /// The most bytes a whole name of this kind may have.
    pub const fn max_len(self) -> usize {
        match self {
            // Elasticsearch refuses more for an index.
            Self::Index | Self::Channel | Self::Lock => 255,
            // S3 refuses more for a key.
            Self::Cache | Self::Object => 1024,
        }
    }

    /// What stands between prefix and id. The first character is in no prefix, and together they
    /// tell the kinds apart.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Cache => ":c:",
            Self::Index => "_",
            Self::Channel => ":p:",
            Self::Lock => ":l:",
            Self::Object => "/t/",
        }
    }
}
