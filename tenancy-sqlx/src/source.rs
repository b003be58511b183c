//! Whose rows a statement is about, and through which connections.

use std::fmt;

use tenancy_core::TenantContext;

use crate::database::Database;
use crate::error::Error;

/// A database, and the tenant whose side of it is meant; without one it is the shared side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) database: &'a Database,
    pub(crate) tenant: Option<&'a TenantContext>,
}

impl Source<'_> {
    /// Says in front of the error's message whose rows it was about.
    pub(crate) fn named(&self, error: Error) -> Error {
        error.while_doing(self)
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenant {
            Some(context) => write!(f, "tenant {}", context.slug()),
            None => f.write_str("the shared side"),
        }
    }
}
