//! A pool whose connections remember which tenants they have served, and no tenant's state.
//!
//! A server process never gives back what it learnt of a tenant's tables, so each tenant is at
//! home on two connections, and a connection that has met too many tenants is closed. A tenant
//! cannot take what the others need: the last quarter of the connections is for those who hold no
//! more than their share, and only so many of one tenant's requests may wait.

mod board;
mod held;
mod homes;
mod metrics;
mod opening;
mod upkeep;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_core::{TenantId, sabotaged};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout_at;

use crate::error::{Error, ErrorKind};
use crate::settings::PoolSettings;
use board::{Asked, Board, Rules};
use metrics::Counters;

pub(crate) use held::Held;
pub use metrics::PoolMetrics;

/// How long somebody waits for a connection of the tenant's own before any will do.
const PATIENCE: Duration = Duration::from_millis(5);

/// How long it takes until somebody who waits has another look.
const LOOK: Duration = Duration::from_millis(250);

/// How long a connection is given to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// Cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    board: Mutex<Board<Box<Connection>, Hand>>,
    options: PgConnectOptions,
    settings: PoolSettings,
    counters: Counters,
    /// Why the last new connection was refused.
    refusal: Mutex<Option<Refusal>>,
    /// Connections that rested since before this may have been cut off.
    doubted: Mutex<Option<Instant>>,
    /// Told whenever a place becomes empty.
    emptied: Notify,
}

/// Why and when the server refused a connection.
#[derive(Debug, Clone)]
struct Refusal {
    kind: ErrorKind,
    message: String,
    at: Instant,
}

/// Gives somebody a connection, or the reason why there is none.
type Hand = oneshot::Sender<Result<Held, Error>>;

/// An open connection and its age.
struct Connection {
    inner: PgConnection,
    opened: Instant,
    used: Instant,
}

impl Pool {
    /// Makes a pool that opens connections when they are needed; each is proved by
    /// [`login::verify`](crate::login::verify).
    pub(crate) fn new(options: PgConnectOptions, settings: PoolSettings) -> Self {
        let board = Board::new(Rules {
            places: usize::try_from(settings.max_connections).unwrap_or(usize::MAX),
            reserved: settings.reserved(),
            waiting: settings.waiting_per_tenant,
            tenants: settings.tenants_per_connection,
            interval: settings.retirement_interval,
        });
        let pool = Self(Arc::new(Inner {
            board: Mutex::new(board),
            options,
            settings,
            counters: Counters::default(),
            refusal: Mutex::default(),
            doubted: Mutex::default(),
            emptied: Notify::new(),
        }));
        upkeep::start(&pool.0);
        pool
    }

    /// Borrows a connection for `tenant`, or for what is no tenant's.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Busy`] when too many requests of the tenant wait already, or its share was
    ///   in use for too long.
    /// - [`ErrorKind::Unavailable`] when none comes free in time, the server does not answer, or
    ///   the pool is closed; [`ErrorKind::Configuration`] and [`ErrorKind::Forbidden`] when the
    ///   server refuses the login or the login is no longer as it was.
    pub(crate) async fn acquire(&self, tenant: Option<TenantId>) -> Result<Held, Error> {
        let pool = &self.0;
        let started = Instant::now();
        let (ticket, mut hand) = match pool.ask(tenant)? {
            Ticket::Granted(held) => {
                pool.counters.acquired(started);
                return Ok(held);
            }
            Ticket::Waits(ticket, hand) => (ticket, hand),
        };
        let _waiting = Waiting { pool, ticket };
        let deadline = started + pool.settings.acquire_timeout;
        let patience = deadline.min(started + PATIENCE);
        let mut answer = timeout_at(patience.into(), &mut hand).await;
        while answer.is_err() && Instant::now() < deadline {
            // Whoever was to open a connection may have gone, with its runtime for one.
            pool.roam(ticket);
            let look = deadline.min(Instant::now() + LOOK);
            answer = timeout_at(look.into(), &mut hand).await;
        }
        match answer {
            Ok(Ok(Ok(held))) => {
                pool.counters.acquired(started);
                Ok(held)
            }
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(pool.too_late(tenant)),
        }
    }

    /// Waits until every connection is back and closed.
    pub(crate) async fn close(&self) {
        let pool = &self.0;
        let (idle, waiting) = pool.board().close();
        drop(waiting);
        for connection in idle {
            say_goodbye(connection).await;
        }
        loop {
            let emptied = pool.emptied.notified();
            let count = pool.board().count();
            if count.idle + count.busy + count.opening == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// How long somebody waits for a connection.
    pub(crate) fn patience(&self) -> Duration {
        self.0.settings.acquire_timeout
    }

    pub(crate) fn metrics(&self) -> PoolMetrics {
        let count = self.0.board().count();
        self.0
            .counters
            .snapshot(count, self.0.settings.max_connections)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }
}

impl Inner {
    fn board(&self) -> MutexGuard<'_, Board<Box<Connection>, Hand>> {
        // Every operation leaves the board whole, so a panic elsewhere takes nothing away.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection that suits, or a place in the queue.
    fn ask(self: &Arc<Self>, tenant: Option<TenantId>) -> Result<Ticket, Error> {
        let mut board = self.board();
        match board.ask(tenant) {
            Asked::Granted(grant) => {
                drop(board);
                Ok(Ticket::Granted(Held::new(self, grant)))
            }
            Asked::Closed => Err(closed()),
            Asked::Busy => {
                self.counters.refused();
                Err(busy(
                    "too many of its requests wait for a connection already",
                ))
            }
            Asked::Later => {
                let (sender, receiver) = oneshot::channel();
                let ticket = board.wait(tenant, sender);
                self.settle(board);
                Ok(Ticket::Waits(ticket, receiver))
            }
        }
    }

    /// Lets the holder of `ticket` have any connection.
    fn roam(self: &Arc<Self>, ticket: u64) {
        let mut board = self.board();
        board.roam(ticket);
        self.settle(board);
    }

    /// Gives what is there to those who wait, and opens what is missing.
    fn settle(self: &Arc<Self>, mut board: MutexGuard<'_, Board<Box<Connection>, Hand>>) {
        let mut granted = Vec::new();
        while let Some(grant) = board.dispatch() {
            granted.push(grant);
        }
        let mut wanted = Vec::new();
        while let Some(place) = board.wanted() {
            wanted.push(place);
        }
        drop(board);
        for (hand, grant) in granted {
            // Whoever left meanwhile gives it back by letting go of it.
            let _ = hand.send(Ok(Held::new(self, grant)));
        }
        for place in wanted {
            opening::start(self, place);
        }
    }

    /// Whether somebody was cut off while this connection rested, or it rested for long.
    fn is_doubtful(&self, used: Instant) -> bool {
        if sabotaged!("pool.never-asked") {
            return false;
        }
        let doubted = *self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        doubted.is_some_and(|doubted| used <= doubted) || used.elapsed() > self.settings.trust
    }

    fn doubt(&self) {
        *self.doubted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn refused(&self, why: Option<&Error>) {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = why.map(|error| Refusal {
            kind: error.kind(),
            message: error.to_string(),
            at: Instant::now(),
        });
    }

    /// Why the last attempt to connect failed, if it did.
    fn refusal(&self) -> Option<Refusal> {
        let refusal = self.refusal.lock();
        refusal.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn too_late(&self, tenant: Option<TenantId>) -> Error {
        self.counters.timed_out();
        if self.board().is_held_back(tenant) {
            return busy("its requests keep its share of the connections for too long");
        }
        if let Some(refusal) = self.refusal() {
            return Error::new(refusal.kind, refusal.message);
        }
        none_free()
    }
}

/// A connection, or the promise of one.
enum Ticket {
    Granted(Held),
    Waits(u64, oneshot::Receiver<Result<Held, Error>>),
}

/// Leaves the queue however the wait ends.
struct Waiting<'a> {
    pool: &'a Inner,
    ticket: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pool.board().leave(self.ticket);
    }
}

fn busy(why: &'static str) -> Error {
    Error::new(
        ErrorKind::Busy,
        format!("the tenant is too busy, {why}: try again later"),
    )
}

/// What is said when nobody gave a connection back in time.
pub(crate) fn none_free() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "no connection came free in time: raise max_connections, or look for transactions that \
         stay open",
    )
}

fn closed() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the database was closed by this program",
    )
}

/// Closes a connection politely; the server notices anyway.
async fn say_goodbye(connection: Box<Connection>) {
    let _ = tokio::time::timeout(GOODBYE, connection.inner.close()).await;
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.board().count();
        f.debug_tuple("Pool").field(&count).finish()
    }
}
