//! Whether tenants have roles of their own.

use std::fmt;
use std::str::FromStr;

use super::Fleet;
use crate::error::{Error, ErrorKind};
use crate::transaction::Scope;

/// What the database itself keeps apart, beyond a schema for each tenant.
///
/// # Example
///
/// ```
/// use tenancy_sqlx::{ErrorKind, Isolation};
///
/// assert_eq!("role".parse::<Isolation>()?, Isolation::Role);
/// let error = "row".parse::<Isolation>().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// # Ok::<(), tenancy_sqlx::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// A schema for each tenant, and one login that may use them all.
    #[default]
    Schema,
    /// The same, and a [role](crate::TenantRole) for each tenant that may use its schema alone:
    /// what [`Scope::Role`](crate::Scope::Role) acts as.
    Role,
}

impl Isolation {
    /// The strictest scope for SQL of others that tenants made so can have.
    pub fn scope(self) -> Scope {
        match self {
            Self::Schema => Scope::Path,
            Self::Role => Scope::Role,
        }
    }
}

impl Fleet {
    /// Says whether tenants have roles of their own; [`Isolation::Schema`] by default.
    ///
    /// With [`Isolation::Role`] every new tenant gets a role that nobody can log in as, and
    /// [`Fleet::prepare`] gives one to every tenant that was made before. The role may use the
    /// rows, sequences and routines of its tenant's schema, read what is in schema `shared`, use
    /// schema `extensions`, and append to the framework's outbox and audit log for its tenant; it
    /// has no other rights, and the application's login may act as it. Purging the tenant removes
    /// it, whatever is said here.
    ///
    /// The owner needs the right to make roles (`ALTER ROLE … CREATEROLE`), and the application a
    /// login of its own, which does not inherit (`NOINHERIT`) where the server is PostgreSQL 15.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }
}

impl FromStr for Isolation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "schema" => Ok(Self::Schema),
            "role" => Ok(Self::Role),
            other => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("isolation {other:?} is invalid: use schema or role"),
            )),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schema => "schema",
            Self::Role => "role",
        })
    }
}
