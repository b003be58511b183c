//! The functions and types of extensions that an app adds to the lists.

use std::collections::BTreeSet;
use std::fmt;

use crate::side::Side;
use crate::{Refusal, Statement, allow, raw, toml, walk};

/// Functions and types in schema `extensions` that an app may use besides the listed ones.
///
/// They stand in `tenancy.toml` beside the app's `Cargo.toml`, in one place for the macros and for
/// statements composed at run time:
///
/// ```toml
/// [extensions]
/// functions = ["st_clusterdbscan", "h3_latlng_to_cell"]
/// types = ["h3index"]
/// ```
///
/// A function belongs there when it neither takes SQL text, nor the name of a relation or schema,
/// nor changes anything: a statement that calls it may be a read. What is known to do so (`dblink`,
/// `crosstab`, `lo_get`, `pg_…` and their like) is an error in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    functions: BTreeSet<String>,
    types: BTreeSet<String>,
}

/// Says which line of `tenancy.toml` is wrong, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAllowed {
    line: usize,
    reason: String,
}

impl InvalidAllowed {
    pub(crate) fn new(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }

    /// The line of the file, from one.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for InvalidAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenancy.toml, line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for InvalidAllowed {}

impl Allowed {
    /// Nothing besides the lists.
    pub const fn none() -> Self {
        Self {
            functions: BTreeSet::new(),
            types: BTreeSet::new(),
        }
    }

    /// Reads the text of a `tenancy.toml`.
    ///
    /// # Errors
    ///
    /// [`InvalidAllowed`] names the line of a key that is not known, of a name that is not written
    /// as PostgreSQL stores it, and of a function or type that stays refused.
    ///
    /// ```
    /// use tenancy_qualify::Allowed;
    ///
    /// let allowed = Allowed::parse("[extensions]\nfunctions = [\"st_clusterdbscan\"]\n")?;
    /// assert!(allowed.tenant("SELECT extensions.st_clusterdbscan(place, 1, 2) FROM shops").is_ok());
    /// assert!(tenancy_qualify::tenant("SELECT extensions.st_clusterdbscan(place) FROM shops").is_err());
    ///
    /// let wrong = Allowed::parse("[extensions]\nfunctions = [\"dblink\"]\n").unwrap_err();
    /// assert!(wrong.to_string().starts_with("tenancy.toml, line 2: function dblink stays refused"));
    /// # Ok::<(), tenancy_qualify::InvalidAllowed>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidAllowed> {
        let mut allowed = Self::none();
        for name in toml::names(text)? {
            let (line, value) = (name.line, name.value);
            let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            let plain = value.bytes().next().is_some_and(first)
                && value.len() <= 63
                && value
                    .bytes()
                    .all(|byte| first(byte) || byte.is_ascii_digit());
            if !plain {
                return Err(InvalidAllowed::new(
                    line,
                    format!(
                        "{value:?} is no name: write it in lower case, without extensions. and \
                         without parentheses"
                    ),
                ));
            }
            match name.key {
                toml::Key::Functions if allow::stays_refused(&value) => {
                    return Err(InvalidAllowed::new(
                        line,
                        format!(
                            "function {value} stays refused: it takes SQL text or the name of an \
                             object, or touches the session or the server; remove it"
                        ),
                    ));
                }
                toml::Key::Types if allow::is_object_type(&value) => {
                    return Err(InvalidAllowed::new(
                        line,
                        format!(
                            "type {value} stays refused: it looks up an object of any schema; \
                             remove it"
                        ),
                    ));
                }
                toml::Key::Functions => allowed.functions.insert(value),
                toml::Key::Types => allowed.types.insert(value),
            };
        }
        Ok(allowed)
    }

    /// The functions of schema `extensions` that were added, sorted.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(String::as_str)
    }

    /// The types of schema `extensions` that were added, sorted.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(String::as_str)
    }

    /// Reads one tenant statement, as [`tenant`](crate::tenant) does with the lists alone.
    ///
    /// # Errors
    ///
    /// As [`tenant`](crate::tenant).
    pub fn tenant(&self, sql: &str) -> Result<Statement, Refusal> {
        walk::statement(sql, Side::Tenant, self)
    }

    /// Reads one explicit tenant statement, as [`tenant_raw`](crate::tenant_raw) does with the
    /// lists alone.
    ///
    /// # Errors
    ///
    /// As [`tenant_raw`](crate::tenant_raw).
    pub fn tenant_raw(&self, sql: &str) -> Result<Statement, Refusal> {
        raw::statement(sql, Side::Tenant, self)
    }

    /// Reads one statement on the app's own tables, as [`shared`](crate::shared) does with the
    /// lists alone.
    ///
    /// # Errors
    ///
    /// As [`shared`](crate::shared).
    pub fn shared(&self, sql: &str) -> Result<Statement, Refusal> {
        walk::statement(sql, Side::Shared, self)
    }

    /// Reads one statement on the app's own tables by its tokens, as
    /// [`shared_raw`](crate::shared_raw) does with the lists alone.
    ///
    /// # Errors
    ///
    /// As [`shared_raw`](crate::shared_raw).
    pub fn shared_raw(&self, sql: &str) -> Result<Statement, Refusal> {
        raw::statement(sql, Side::Shared, self)
    }

    pub(crate) fn function(&self, name: &str) -> bool {
        let added = self.functions.contains(name) && !allow::stays_refused(name);
        added || allow::extension_function(name)
    }

    pub(crate) fn type_name(&self, name: &str) -> bool {
        !allow::is_object_type(name) && (self.types.contains(name) || allow::extension_type(name))
    }
}
