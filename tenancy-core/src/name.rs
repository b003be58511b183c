//! The names a tenant goes by: its slug in URLs and its schema in PostgreSQL.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Names no schema may have besides `pg_*`: PostgreSQL's, the framework's, and words that read as
/// something else in commands.
const RESERVED_SCHEMAS: &[&str] = &[
    "all",
    "default",
    "extensions",
    "information_schema",
    "none",
    "null",
    "postgres",
    "public",
    "shared",
    "tenancy",
    "tenant",
];

/// Names no slug may have: hosts that installations use themselves.
const RESERVED_SLUGS: &[&str] = &[
    "admin",
    "all",
    "api",
    "app",
    "assets",
    "default",
    "extensions",
    "localhost",
    "mail",
    "none",
    "null",
    "postgres",
    "public",
    "shared",
    "static",
    "tenancy",
    "tenant",
    "ws",
    "www",
];

/// A PostgreSQL schema that holds one tenant's tables.
///
/// The grammar is `[a-z][a-z0-9_]{0,62}`, without `pg_*` and the reserved words, so a quoted name
/// can hold nothing that would need escaping and no two names are cut to the same 63 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SchemaName(Box<str>);

impl SchemaName {
    /// Parses a schema name, checking it against the rules PostgreSQL and this framework share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when `name` is empty, longer than 63 bytes, does not start with
    /// a lower-case letter, has other characters than `a-z`, `0-9` and `_`, or is reserved.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, SchemaName};
    ///
    /// assert_eq!(SchemaName::parse("acme_1")?.as_str(), "acme_1");
    /// assert_eq!(SchemaName::parse("Acme-1").unwrap_err().kind(), ErrorKind::InvalidName);
    /// assert_eq!(SchemaName::parse("pg_toast").unwrap_err().kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self, Error> {
        let fault = if name.is_empty() {
            "is empty"
        } else if name.len() > 63 {
            "is longer than 63 bytes"
        } else if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        {
            "is invalid: use a-z, 0-9 and _, starting with a letter"
        } else if name.starts_with("pg_") {
            "is reserved by PostgreSQL: choose one that does not start with pg_"
        } else if RESERVED_SCHEMAS.contains(&name) && !crate::sabotaged!("tenant.reserved-schema") {
            "is reserved: choose another"
        } else {
            return Ok(Self(name.into()));
        };
        Err(Error::new(
            ErrorKind::InvalidName,
            format!("schema name {name:?} {fault}"),
        ))
    }

    /// The schema that goes with `slug`: hyphens become underscores.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when the result is reserved; give a schema name of its own then.
    pub fn from_slug(slug: &Slug) -> Result<Self, Error> {
        Self::parse(&slug.as_str().replace('-', "_"))
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as an SQL identifier, in double quotes.
    pub fn quoted(&self) -> String {
        let mut quoted = String::with_capacity(self.0.len() + 2);
        quoted.push('"');
        quoted.push_str(&self.0);
        quoted.push('"');
        quoted
    }
}

/// What a tenant is called in URLs and commands: one DNS label that can be changed later.
///
/// The grammar is a letter, then `[a-z0-9-]`, not ending in a hyphen, at most 63 bytes, without
/// the `xn--` kind of label and the reserved words.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Box<str>);

impl Slug {
    /// Parses a slug.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when `slug` is not one DNS label that starts with a letter, or
    /// is reserved.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, Slug};
    ///
    /// assert_eq!(Slug::parse("my-shop")?.as_str(), "my-shop");
    /// assert_eq!(Slug::parse("my_shop").unwrap_err().kind(), ErrorKind::InvalidName);
    /// assert_eq!(Slug::parse("www").unwrap_err().kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse(slug: &str) -> Result<Self, Error> {
        let bytes = slug.as_bytes();
        let fault = if slug.is_empty() {
            "is empty"
        } else if slug.len() > 63 {
            "is longer than 63 bytes"
        } else if !slug.starts_with(|c: char| c.is_ascii_lowercase())
            || slug.ends_with('-')
            || !bytes
                .iter()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        {
            "is invalid: use a-z, 0-9 and -, starting with a letter, not ending in -"
        } else if bytes.get(2..4) == Some(b"--") {
            "is invalid: hyphens in places three and four are kept for encoded names"
        } else if RESERVED_SLUGS.contains(&slug) {
            "is reserved: choose another"
        } else {
            return Ok(Self(slug.into()));
        };
        Err(Error::new(
            ErrorKind::InvalidName,
            format!("slug {slug:?} {fault}"),
        ))
    }

    /// The slug that goes with `schema`: underscores become hyphens.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when the result is no slug, such as for `shop_`; give a slug of
    /// its own then.
    pub fn from_schema(schema: &SchemaName) -> Result<Self, Error> {
        Self::parse(&schema.as_str().replace('_', "-")).map_err(|error| {
            Error::with_source(
                ErrorKind::InvalidName,
                format!("schema name {schema} has no slug of its own: give one with --slug"),
                error,
            )
        })
    }

    /// The bare slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! name_impls {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
    )+};
}

name_impls!(SchemaName, Slug);
