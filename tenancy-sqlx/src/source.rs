//! Whose rows a statement is about, and through which connections.

use std::fmt;

use tenancy_core::TenantContext;

use crate::database::Database;
use crate::error::Error;
use crate::guard::Guard;

/// A database, and the tenant whose side of it is meant; without one it is the shared side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) database: &'a Database,
    pub(crate) tenant: Option<&'a TenantContext>,
}

impl Source<'_> {
    /// Borrows a connection.
    pub(crate) async fn checkout(&self) -> Result<Guard, Error> {
        self.database.checkout(self.tenant).await
    }

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
