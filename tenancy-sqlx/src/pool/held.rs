//! A connection in somebody's hands.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::PgConnection;
use tenancy_core::TenantId;
use tokio::runtime::Handle;

use super::board::Grant;
use super::{Connection, Inner, say_goodbye};

/// A borrowed connection: closed when it is dropped, unless it is put back or was never used.
pub(crate) struct Held {
    pool: Arc<Inner>,
    place: usize,
    tenant: Option<TenantId>,
    /// `None` once it was put back.
    connection: Option<Box<Connection>>,
    used: bool,
}

impl Held {
    pub(super) fn new(pool: &Arc<Inner>, grant: Grant<Box<Connection>>) -> Self {
        Self {
            pool: Arc::clone(pool),
            place: grant.place,
            tenant: grant.tenant,
            connection: Some(grant.connection),
            used: false,
        }
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.used = true;
        let connection = self.connection.as_mut();
        &mut connection
            .expect("a connection is put back by a value that is used up")
            .inner
    }

    /// Whether the connection may have been cut off while it rested, so that it should be asked.
    pub(crate) fn is_doubtful(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| self.pool.is_doubtful(connection.used))
    }

    /// Learns that the connection is broken: those that rest may be, too.
    pub(crate) fn doubt(&self) {
        self.pool.doubt();
    }

    /// Counts that the connection was abandoned and is clean again.
    pub(crate) fn recovered(&self) {
        self.pool.counters.recovered();
    }

    /// Gives the connection back, with nothing of its borrower left on it.
    pub(crate) fn put_back(mut self) {
        self.give_back();
    }

    fn give_back(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let now = Instant::now();
        if self.used {
            connection.used = now;
        }
        let lifetime = self.pool.settings.max_lifetime;
        if lifetime.is_some_and(|lifetime| now - connection.opened > lifetime) {
            self.pool.counters.aged();
            self.end(connection);
            return;
        }
        let replaceable = || self.pool.refusal().is_none();
        let mut board = self.pool.board();
        let retired = board.put_back(self.place, self.tenant, connection, now, replaceable);
        let closed = board.is_closed();
        self.pool.settle(board);
        if let Some(retired) = retired {
            if closed {
                self.pool.emptied.notify_waiters();
            } else {
                self.pool.counters.retired();
                tracing::debug!(
                    target: "tenancy.pool",
                    place = self.place,
                    "a connection has met enough tenants and is closed"
                );
            }
            close(retired);
        }
    }

    /// Gives the place back without a connection.
    fn end(&self, connection: Box<Connection>) {
        let mut board = self.pool.board();
        board.lost(self.place, self.tenant);
        self.pool.settle(board);
        self.pool.emptied.notify_waiters();
        close(connection);
    }
}

/// Says goodbye in the background, where there is one.
fn close(connection: Box<Connection>) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(say_goodbye(connection));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.used {
            self.give_back();
        } else if let Some(connection) = self.connection.take() {
            self.pool.counters.closed_unclean();
            self.end(connection);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("place", &self.place)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
