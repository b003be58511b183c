//! A connection of whichever pool there is.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};

use crate::pool::Held;

/// A borrowed connection, to be put back or closed.
#[derive(Debug)]
pub(crate) enum Link {
    /// Of our own pool.
    Ours(Held),
    /// Of a pool that the application brought.
    Given(PoolConnection<Postgres>),
}

impl Link {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Ours(held) => held.connection(),
            Self::Given(connection) => connection,
        }
    }

    /// Whether the connection may have been cut off while it rested. Of a pool that was brought,
    /// its own settings say what is asked and when.
    pub(crate) fn is_doubtful(&self) -> bool {
        match self {
            Self::Ours(held) => held.is_doubtful(),
            Self::Given(_) => false,
        }
    }

    /// Learns that the connection is broken: those that rest may be, too.
    pub(crate) fn doubt(&self) {
        if let Self::Ours(held) = self {
            held.doubt();
        }
    }

    /// Counts that the connection was abandoned and is clean again.
    pub(crate) fn recovered(&self) {
        if let Self::Ours(held) = self {
            held.recovered();
        }
    }

    /// Gives it back, with nothing of its borrower left on it.
    pub(crate) fn put_back(self) {
        match self {
            Self::Ours(held) => held.put_back(),
            Self::Given(connection) => drop(connection),
        }
    }

    /// Closes it.
    pub(crate) fn close(self) {
        match self {
            Self::Ours(held) => drop(held),
            Self::Given(mut connection) => connection.close_on_drop(),
        }
    }
}
