//! One numbered step from a schema to the next.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha384};

/// One numbered step from a schema to the next.
#[derive(Clone, PartialEq, Eq)]
pub struct Migration {
    version: i64,
    name: Cow<'static, str>,
    sql: Cow<'static, str>,
    checksum: Cow<'static, [u8]>,
    down: Option<Cow<'static, str>>,
}

impl Migration {
    /// Makes a migration; `name` is the part of its file name between the number and `.sql`.
    pub fn new(
        version: i64,
        name: impl Into<Cow<'static, str>>,
        sql: impl Into<Cow<'static, str>>,
    ) -> Self {
        let sql = sql.into();
        Self {
            version,
            name: name.into(),
            // The digest sqlx takes, so that embedding and reading a folder agree.
            checksum: Sha384::digest(sql.as_bytes()).to_vec().into(),
            sql,
            down: None,
        }
    }

    /// Adds the script that takes it back.
    #[must_use]
    pub fn with_down(mut self, sql: impl Into<Cow<'static, str>>) -> Self {
        self.down = Some(sql.into());
        self
    }

    /// Its number; they are applied in this order.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number and name, as its file is called.
    pub fn file_name(&self) -> String {
        format!("{}_{}.sql", self.version, self.name)
    }

    /// What it does.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// What takes it back, if anything does.
    pub fn down(&self) -> Option<&str> {
        self.down.as_deref()
    }

    /// The SHA-384 digest of its text.
    pub fn checksum(&self) -> &[u8] {
        &self.checksum
    }
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Migration({})", self.file_name())
    }
}
