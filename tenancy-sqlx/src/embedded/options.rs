//! Where a private server keeps its data, and how careful it is with it.

use std::path::{Path, PathBuf};

use crate::Isolation;

/// Whether a power failure may cost data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// A commit is on the disk when it is acknowledged.
    #[default]
    Safe,
    /// Nothing waits for the disk: for tests, whose data nobody misses. A killed server still
    /// keeps what it acknowledged, a machine without power does not.
    Fast,
}

/// How long the data of a private server is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Until somebody erases it.
    Always,
    /// Until the server ends.
    WhileRunning,
}

/// Describes a private PostgreSQL server: where its data lies, and which database it has.
///
/// # Examples
///
/// ```
/// use tenancy_sqlx::embedded::{Durability, EmbeddedOptions};
///
/// let options = EmbeddedOptions::new(".saas/postgres")
///     .database("saas")
///     .durability(Durability::Safe);
/// assert_eq!(options.data_dir().to_str(), Some(".saas/postgres"));
/// ```
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    pub(super) data_dir: PathBuf,
    pub(super) database: String,
    pub(super) durability: Durability,
    pub(super) binaries: Option<PathBuf>,
    pub(super) socket_parent: PathBuf,
    pub(super) keep: Keep,
    pub(super) isolation: Isolation,
    pub(super) locks: u16,
}

impl EmbeddedOptions {
    /// Keeps the data in `data_dir`, which is made when it is not there.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            database: "app".to_owned(),
            durability: Durability::Safe,
            binaries: None,
            socket_parent: PathBuf::from("/tmp"),
            keep: Keep::Always,
            isolation: Isolation::Schema,
            locks: 256,
        }
    }

    /// Keeps the data in a new private folder, which is gone when the server is.
    pub fn temporary() -> Self {
        let folder = format!("/tmp/tenancy-pg-{}", super::random_name());
        Self {
            durability: Durability::Fast,
            keep: Keep::WhileRunning,
            ..Self::new(folder)
        }
    }

    /// Names the application's database: `a-z`, `0-9` and `_`, at most 63 bytes; `app` by default.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = name.into();
        self
    }

    /// Says whether tenants have roles of their own: with [`Isolation::Role`] the owner's login
    /// may make roles, otherwise it may not.
    ///
    /// Who attaches to a server that runs gets the owner as it is there.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Says for how many locks of each connection the server has room
    /// (`max_locks_per_transaction`): 256 by default, because a dump of a tenant locks each of its
    /// tables; PostgreSQL's own default is 64.
    #[must_use]
    pub fn locks_per_transaction(mut self, locks: u16) -> Self {
        self.locks = locks;
        self
    }

    /// Says whether a power failure may cost data.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Names the folder that has `postgres` and `initdb`; `None`, the default, searches.
    ///
    /// Searched are, in this order: the folder of the `postgres` that `/bin/sh` finds (this
    /// library itself reads no environment), `/usr/lib/postgresql/*/bin`, `/usr/pgsql-*/bin`
    /// and Homebrew's `postgresql@*`, each newest version first. The first of version 15 or
    /// newer is taken; where there is data already, the first of the version that made it.
    #[must_use]
    pub fn binaries(mut self, folder: impl Into<Option<PathBuf>>) -> Self {
        self.binaries = folder.into();
        self
    }

    /// Names the folder in which the socket's own folder is made; `/tmp` by default, because
    /// the whole path of a socket has room for about a hundred bytes.
    #[must_use]
    pub fn socket_parent(mut self, folder: impl Into<PathBuf>) -> Self {
        self.socket_parent = folder.into();
        self
    }

    /// The folder given.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}
