//! A connection that is unclean from the first byte sent until its work has finished.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgDatabaseError, PgSeverity};
use sqlx::{AssertSqlSafe, Connection};
use tenancy_core::sabotaged;
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind};
use crate::link::Link;
use crate::session::{Cleaning, Reset};

/// How long an abandoned connection may take to come back to its senses.
const RECOVERY_DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection that rested may take for a sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// How many answers of abandoned statements may be errors before a connection is given up.
const RECOVERY_ATTEMPTS: usize = 4;

/// A borrowed connection that goes back to its pool only when nothing of the borrower is left.
///
/// Whoever drops it in the middle of something (a cancelled future, a panic, a failure of the
/// connection) leaves it unclean. It is then rolled back and checked in the background, and closed
/// when that does not succeed in time. Nobody else gets it meanwhile.
#[derive(Debug)]
pub(crate) struct Guard {
    /// `None` only while the guard is being dropped.
    connection: Option<Link>,
    state: State,
    /// Whether something may be left in the session.
    soiled: bool,
    forget_statements: bool,
    copying: bool,
    reset: Arc<Reset>,
    /// Where the background work runs, even if the drop happens on a thread without a runtime.
    runtime: Handle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Clean,
    Unclean,
    Broken,
    /// Broken because the connection itself failed, not a statement.
    Lost,
}

impl Guard {
    /// Takes charge of `connection`, to which nothing has been sent yet.
    pub(crate) fn new(connection: Link, reset: Arc<Reset>) -> Self {
        Self {
            connection: Some(connection),
            state: State::Clean,
            soiled: false,
            forget_statements: false,
            copying: false,
            reset,
            runtime: Handle::current(),
        }
    }

    /// The connection to send something on; unclean until [`Guard::finished`].
    pub(crate) fn begin_work(&mut self) -> &mut PgConnection {
        if self.state == State::Clean {
            self.state = State::Unclean;
        }
        self.connection
            .as_mut()
            .expect("the connection is taken out by drop alone")
            .connection()
    }

    /// Asks a connection that may have been cut off while it rested for a sign of life, and says
    /// whether it can be used.
    pub(crate) async fn is_alive(&mut self) -> bool {
        if !self.connection.as_ref().is_some_and(Link::is_doubtful) {
            return true;
        }
        match tokio::time::timeout(SIGN_OF_LIFE, self.begin_work().ping()).await {
            Ok(Ok(())) => {
                self.finished();
                return true;
            }
            Ok(Err(error)) => {
                tracing::debug!(target: "tenancy.sql", %error, "a connection was cut off at rest");
            }
            Err(_) => {
                tracing::debug!(target: "tenancy.sql", "a connection gives no sign of life");
            }
        }
        self.lose();
        false
    }

    /// Whether it was the connection that failed, not the statement.
    pub(crate) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    fn lose(&mut self) {
        self.state = State::Lost;
        if let Some(connection) = &self.connection {
            connection.doubt();
        }
    }

    /// The connection must not be used again: it is closed instead of going back.
    pub(crate) fn broken(&mut self) {
        self.state = State::Broken;
    }

    /// Something runs that may leave something in the session: it is cleaned before anybody else
    /// has it, in the background.
    pub(crate) fn soiled(&mut self) {
        self.soiled = true;
    }

    /// The connection to copy on, whose answers the driver does not count while it copies. Cut off,
    /// it is closed where others share the session: some poolers would give them what is still to
    /// come.
    pub(crate) fn begin_copy(&mut self) -> &mut PgConnection {
        self.copying = self.reset.is_shared();
        self.begin_work()
    }

    /// Everything about the copy has been answered.
    pub(crate) fn copied(&mut self) {
        self.copying = false;
    }

    /// Everything that was sent has been answered, and no transaction is open.
    pub(crate) fn finished(&mut self) {
        if self.state == State::Unclean
            && (!self.soiled || sabotaged!("connection.soiled-returned"))
        {
            self.state = State::Clean;
        }
    }

    /// Learns from a failed statement what it means for the connection, and says whether the
    /// server answered it in an orderly way and serves on.
    pub(crate) fn failed(&mut self, error: &sqlx::Error) -> bool {
        match error {
            sqlx::Error::Database(error) => {
                let server = error.try_downcast_ref::<PgDatabaseError>();
                if server.is_some_and(|error| {
                    matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
                }) {
                    self.lose();
                    return false;
                }
                self.forget_statements |= server.is_some_and(is_stale_plan);
                true
            }
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                self.lose();
                false
            }
            _ => false,
        }
    }

    /// Learns how a message ended that commits by itself.
    pub(crate) fn ended<R>(&mut self, done: &Result<R, sqlx::Error>) {
        if done.as_ref().err().is_none_or(|error| self.failed(error)) {
            self.finished();
        }
    }

    /// Whether a prepared statement no longer fits its table, and was not forgotten yet.
    pub(crate) fn has_stale_statements(&self) -> bool {
        self.forget_statements
    }

    /// Forgets what was prepared, so that the next statement is prepared against the tables as
    /// they are now.
    pub(crate) async fn forget_statements(&mut self) -> Result<(), sqlx::Error> {
        self.begin_work().clear_cached_statements().await?;
        self.forget_statements = false;
        Ok(())
    }

    /// Ends whatever is open, waiting for what is still on its way.
    pub(crate) async fn restore(&mut self) -> Result<(), Error> {
        if self.copying {
            self.broken();
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the copy was cut off, so its connection is closed: the server rolls back",
            ));
        }
        let reset = Arc::clone(&self.reset);
        let work = restore(self.begin_work(), &reset);
        match tokio::time::timeout(RECOVERY_DEADLINE, work).await {
            Ok(Ok(())) => {
                self.soiled = false;
                self.finished();
                Ok(())
            }
            Ok(Err(error)) => {
                self.failed(&error);
                Err(Error::new(
                    ErrorKind::Unavailable,
                    "the connection could not be cleaned and is closed: the server rolls back",
                )
                .with_source(error))
            }
            Err(_) => {
                self.lose();
                Err(Error::new(
                    ErrorKind::Timeout,
                    "the connection does not answer and is closed: the server rolls back",
                ))
            }
        }
    }
}

/// Whether a prepared statement no longer is what it was.
pub(crate) fn is_stale(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    let error = error.and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(is_stale_plan)
}

/// Whether a prepared statement is not what it was: the table under it changed, which is told by the
/// place in the server that says so, because messages are translated; or something deallocated it.
fn is_stale_plan(error: &PgDatabaseError) -> bool {
    match error.code() {
        "0A000" => error.routine() == Some("RevalidateCachedQuery"),
        code => code == "26000",
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if sabotaged!("connection.no-guard") {
            self.finished();
        }
        let Some(connection) = self.connection.take() else {
            return;
        };
        let mut outgoing = Outgoing {
            connection: Some(connection),
            reset: Arc::clone(&self.reset),
            runtime: self.runtime.clone(),
            to_pool: false,
        };
        match self.state {
            _ if self.copying => {}
            State::Clean if !self.forget_statements => outgoing.to_pool = true,
            State::Clean | State::Unclean => {
                let forget_statements = self.forget_statements;
                self.runtime
                    .spawn(async move { outgoing.recover(forget_statements).await });
            }
            State::Broken | State::Lost => {
                outgoing.to_pool = sabotaged!("connection.broken-returned");
            }
        }
    }
}

/// A connection on its way out: to the pool when that was decided, else to be closed.
struct Outgoing {
    connection: Option<Link>,
    reset: Arc<Reset>,
    runtime: Handle,
    to_pool: bool,
}

impl Outgoing {
    async fn recover(mut self, forget_statements: bool) {
        let Some(link) = self.connection.as_mut() else {
            return;
        };
        let connection = link.connection();
        let work = async {
            restore(connection, &self.reset).await?;
            if forget_statements {
                connection.clear_cached_statements().await?;
            }
            Ok::<_, sqlx::Error>(())
        };
        match tokio::time::timeout(RECOVERY_DEADLINE, work).await {
            Ok(Ok(())) => {
                self.to_pool = true;
                link.recovered();
                tracing::debug!(target: "tenancy.sql", "an abandoned connection was rolled back");
            }
            Ok(Err(error)) => {
                tracing::warn!(target: "tenancy.sql", %error, "an abandoned connection is closed");
            }
            Err(_) => {
                link.doubt();
                tracing::warn!(
                    target: "tenancy.sql",
                    deadline = ?RECOVERY_DEADLINE,
                    "an abandoned connection did not answer in time and is closed"
                );
            }
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // A pool's close spawns a task, which needs a runtime on this thread. If that runtime has
        // ended, the task is dropped at once, and the socket with it.
        let _runtime = self.runtime.enter();
        match self.connection.take() {
            Some(connection) if self.to_pool => connection.put_back(),
            Some(connection) => connection.close(),
            None => {}
        }
    }
}

/// Ends whatever is open on `connection`, takes away what SQL left in its session, and proves that
/// it is as new.
async fn restore(connection: &mut PgConnection, reset: &Reset) -> Result<(), sqlx::Error> {
    let mut attempts = 0;
    loop {
        let cleaning = Cleaning::new(reset);
        let end = sabotaged!("connection.no-rollback", "", "ROLLBACK; ");
        let message = format!("{end}{}", cleaning.statements());
        let query = sqlx::raw_sql(AssertSqlSafe(message));
        if reset.is_shared() {
            // One message at a time: a pooler may give the answer to a second one to another.
            drain(connection).await?;
            if reset.forgets_names() {
                connection.clear_cached_statements().await?;
            }
            return cleaning.is_as_new(&query.fetch_all(&mut *connection).await?);
        }
        match query.fetch_all(&mut *connection).await {
            // What an abandoned statement failed with arrives first, before anything is sent.
            Err(sqlx::Error::Database(_)) if attempts < RECOVERY_ATTEMPTS => attempts += 1,
            rows => return cleaning.is_as_new(&rows?),
        }
    }
}

/// Waits for the answers to everything that was sent, whatever they are.
async fn drain(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    for _ in 0..RECOVERY_ATTEMPTS {
        match connection.flush().await {
            Err(sqlx::Error::Database(_)) => {}
            ready => return ready,
        }
    }
    connection.flush().await
}
