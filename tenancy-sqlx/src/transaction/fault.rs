//! What a statement in a transaction fails with, for our callers and for the driver's.

use crate::error::Error;

/// What failed, before or at the server.
#[derive(Debug)]
pub(crate) enum Fault {
    Ours(Error),
    Driver(sqlx::Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ours(error) => error,
            Fault::Driver(error) => error.into(),
        }
    }
}

impl From<Fault> for sqlx::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ours(error) => error.into(),
            Fault::Driver(error) => error,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}
