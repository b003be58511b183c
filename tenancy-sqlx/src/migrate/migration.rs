//! One numbered step from a schema to the next.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha384};

use super::outside;

/// One numbered step from a schema to the next.
#[derive(Clone)]
pub struct Migration {
    version: i64,
    name: Cow<'static, str>,
    /// How its file is called, when it was read from one.
    file: Option<String>,
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
            file: None,
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

    /// What its file is called; of one that was not read from a file, its number and name.
    pub fn file_name(&self) -> String {
        match &self.file {
            Some(file) => file.clone(),
            None => format!("{}_{}.sql", self.version, self.name),
        }
    }

    pub(crate) fn down_file_name(&self) -> String {
        let up = self.file_name();
        let stem = up.strip_suffix(".up.sql").or(up.strip_suffix(".sql"));
        format!("{}.down.sql", stem.unwrap_or(&up))
    }

    pub(super) fn in_file(self, file: String) -> Self {
        let file = Some(file);
        Self { file, ..self }
    }

    /// What it does.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Whether it runs in a transaction with its ledger entry, which all do but those whose first
    /// line is `-- no-transaction`.
    pub fn is_transactional(&self) -> bool {
        !outside::is_marked(&self.sql)
    }

    /// What of it is sent: the server takes no byte order mark.
    pub(super) fn sent(&self) -> &str {
        self.sql.strip_prefix('\u{feff}').unwrap_or(&self.sql)
    }

    /// What it does to tables that nobody uses yet, where a transaction holds for everything.
    pub(super) fn sql_inside(&self) -> Cow<'_, str> {
        if self.is_transactional() {
            return Cow::Borrowed(self.sent());
        }
        Cow::Owned(outside::inside(self.sent()))
    }

    /// What takes it back, if anything does.
    pub fn down(&self) -> Option<&str> {
        self.down.as_deref()
    }

    /// What takes it back, as a step of the same version.
    pub(super) fn as_down(&self) -> Option<Self> {
        let down = Self::new(self.version, self.name.clone(), self.down.clone()?);
        Some(down.in_file(self.down_file_name()))
    }

    /// The SHA-384 digest of its text.
    pub fn checksum(&self) -> &[u8] {
        &self.checksum
    }
}

/// The same step, whatever its file is called.
impl PartialEq for Migration {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && self.name == other.name
            && self.sql == other.sql
            && self.down == other.down
    }
}

impl Eq for Migration {}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Migration({})", self.file_name())
    }
}
