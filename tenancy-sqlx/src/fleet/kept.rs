//! Connections of the owner's that stay open from one operation to the next.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tenancy_core::sabotaged;
use tokio::task::JoinHandle;

use super::{Fleet, transaction};
use crate::error::Error;
use crate::pooler::Pooler;
use crate::session::{Cleaning, Reset};

/// How many stay open at most.
const MOST: usize = 4;

/// After how many operations one is closed all the same: what a session has learnt of each schema
/// is in its memory until it ends.
const OPERATIONS: u32 = 50;

/// How long a session may take to say that it is there, or clean.
const ANSWER: Duration = Duration::from_secs(2);

impl Fleet {
    /// Keeps up to four connections on which tenants were made or looked up open for `span` after
    /// each; none unless it is said.
    ///
    /// Opening one is a large part of making a small tenant, so this is for programs that make
    /// many, or that answer somebody who waits. Ten seconds are enough for either. Only a session
    /// whose operation succeeded is kept, after everything that a migration may have left in it
    /// was taken away, and one that has died meanwhile is replaced.
    ///
    /// While one is open the database can neither be dropped nor be copied as a template. The last
    /// clone of the fleet takes them with it.
    #[must_use]
    pub fn keep_connections(mut self, span: Duration) -> Self {
        self.kept = (!span.is_zero()).then(|| Arc::new(Kept::new(span)));
        self
    }

    /// A connection for one operation, an open one if there is one.
    pub(super) async fn lend(&self) -> Result<Lent, Error> {
        while let Some(mut lent) = self.kept.as_ref().and_then(|kept| kept.take()) {
            if is_alive(&mut lent.connection).await {
                return Ok(lent);
            }
        }
        Ok(Lent {
            connection: self.open().await?,
            operations: 0,
        })
    }

    /// Ends the operation of a connection as [`transaction::finish`] does, and keeps it if it may
    /// be kept.
    pub(super) async fn give_back<T>(
        &self,
        mut lent: Lent,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        lent.operations += 1;
        let kept = self.kept.as_ref();
        let Some(kept) = kept.filter(|_| result.is_ok() && lent.operations < OPERATIONS) else {
            return transaction::finish(lent.connection, result).await;
        };
        let cleaned = tokio::time::timeout(ANSWER, clean(&mut lent.connection));
        match cleaned.await {
            Ok(Ok(())) => kept.put(lent),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection is not kept");
                transaction::close(lent.connection).await;
            }
            // Whoever does not answer does not hear a goodbye.
            Err(_) => drop(lent),
        }
        result
    }
}

/// A connection while an operation has it.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) connection: PgConnection,
    operations: u32,
}

/// Those that nobody has.
pub(super) struct Kept {
    span: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    /// What closes those that were idle for too long, while there are any.
    closing: Option<JoinHandle<()>>,
}

struct Idle {
    lent: Lent,
    since: Instant,
}

impl Kept {
    fn new(span: Duration) -> Self {
        Self {
            span,
            state: Mutex::default(),
        }
    }

    /// The one that was used last.
    fn take(&self) -> Option<Lent> {
        self.state().idle.pop().map(|idle| idle.lent)
    }

    /// One too many is closed.
    fn put(self: &Arc<Self>, lent: Lent) {
        let mut state = self.state();
        if state.idle.len() == MOST {
            state.idle.remove(0);
        }
        state.idle.push(Idle {
            lent,
            since: Instant::now(),
        });
        // It may have ended with its runtime.
        if state.closing.as_ref().is_none_or(JoinHandle::is_finished) {
            let (kept, span) = (Arc::downgrade(self), self.span);
            state.closing = Some(tokio::spawn(async move {
                loop {
                    tokio::time::sleep(span).await;
                    let Some(kept) = kept.upgrade() else { return };
                    let Some(late) = kept.late() else { return };
                    drop(kept);
                    for lent in late {
                        transaction::close(lent.connection).await;
                    }
                }
            }));
        }
    }

    /// Takes those that were idle for long enough; `None` when there are no others either.
    fn late(&self) -> Option<Vec<Lent>> {
        let mut state = self.state();
        if state.idle.is_empty() {
            state.closing = None;
            return None;
        }
        let late = state
            .idle
            .extract_if(.., |idle| idle.since.elapsed() >= self.span);
        Some(late.map(|idle| idle.lent).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("span", &self.span)
            .field("idle", &self.state().idle.len())
            .finish_non_exhaustive()
    }
}

/// Whether the server still answers, which is asked before anything is begun: nobody can tell what
/// became of a message that was sent to a session that is dead.
async fn is_alive(connection: &mut PgConnection) -> bool {
    let answer = tokio::time::timeout(ANSWER, connection.ping()).await;
    matches!(answer, Ok(Ok(()))) || sabotaged!("fleet.kept-unasked")
}

/// Takes away what migrations, which are anybody's SQL, may have left in the session.
async fn clean(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if sabotaged!("fleet.kept-unclean") {
        return Ok(());
    }
    let reset = Reset::new(Pooler::None, None);
    let cleaning = Cleaning::new(&reset);
    let rows = transaction::rows(connection, cleaning.statements()).await?;
    cleaning.is_in_order(&rows)?;
    // A routine may have forgotten the names of the driver's statements.
    if connection.cached_statements_size() > 0 {
        connection.clear_cached_statements().await?;
    }
    Ok(())
}
