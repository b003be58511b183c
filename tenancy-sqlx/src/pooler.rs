//! What is between the application and its server, and what that means for a statement.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use tenancy_core::sabotaged;

use crate::error::{Error, ErrorKind};

/// Who lends out the server's sessions, so that no statement runs in somebody else's.
///
/// A transaction pooler lends a session for one transaction. Between two messages outside of one
/// the session may be lent to another client, whose statement of the same name, or of none, would
/// then run with the values of this one. [`Database`](crate::Database) therefore sends nothing
/// outside a transaction that takes more than one message, and names no statement that the pooler
/// does not keep apart.
///
/// | | one statement, prepared | not prepared yet |
/// | --- | --- | --- |
/// | `None` | 1 round trip | 2 |
/// | `Transaction` | 4: it has a transaction of its own | 4 |
/// | `TransactionWithStatements` | 1 | 2 |
///
/// # Example
///
/// ```
/// use tenancy_sqlx::{ErrorKind, Pooler, PoolSettings};
///
/// let settings = PoolSettings::default().pooler(Pooler::Transaction);
///
/// assert_eq!("transaction".parse::<Pooler>().unwrap(), Pooler::Transaction);
/// let unknown = "statement".parse::<Pooler>().unwrap_err();
/// assert_eq!(unknown.kind(), ErrorKind::InvalidInput);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pooler {
    /// Nobody, or a pooler that lends a session for as long as a connection lasts
    /// (`pool_mode = session`).
    #[default]
    None,
    /// A transaction pooler that passes the names of prepared statements through, such as
    /// PgBouncer before 1.21: none is named, and each runs in a transaction.
    Transaction,
    /// A transaction pooler that keeps the prepared statements of its clients apart, such as
    /// PgBouncer from 1.21 with `max_prepared_statements`.
    TransactionWithStatements,
}

/// The names that settings have for each.
const NAMES: [(&str, Pooler); 3] = [
    ("none", Pooler::None),
    ("transaction", Pooler::Transaction),
    (
        "transaction-with-statements",
        Pooler::TransactionWithStatements,
    ),
];

impl Pooler {
    /// Whether a session serves other clients between two transactions.
    pub(crate) fn shares_sessions(self) -> bool {
        self != Self::None
    }

    /// Whether a statement may have a name.
    pub(crate) fn keeps_names(self) -> bool {
        self != Self::Transaction || sabotaged!("pooler.named-untracked")
    }

    /// Refuses what names a prepared statement within SQL, where no pooler finds it.
    pub(crate) fn refuse_describing(self) -> Result<(), Error> {
        match self {
            Self::TransactionWithStatements => Err(Error::new(
                ErrorKind::Configuration,
                "a statement cannot be described through a pooler that renames prepared \
                 statements: prepare it, or describe it over a direct connection",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a statement must not run outside a transaction: preparing and running it are two
    /// messages, and without a name that is known to the pooler they belong together in nothing
    /// else.
    pub(crate) fn wants_transaction(self, named: bool) -> bool {
        let wants = match self {
            Self::None => false,
            Self::Transaction => true,
            Self::TransactionWithStatements => !named,
        };
        wants && !sabotaged!("pooler.unnamed-outside")
    }
}

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMES.iter().find(|(_, pooler)| pooler == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for Pooler {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = NAMES.iter().find(|(name, _)| *name == text);
        named.map(|(_, pooler)| *pooler).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "pooler {text:?} is not known: use none, transaction or \
                     transaction-with-statements"
                ),
            )
        })
    }
}

/// How long the second connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is asked which session answers; more find a busy pooler.
const QUESTIONS: usize = 3;

/// Proves, as far as that can be told, that `first` goes through what `pooler` says.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when it goes through something else; the message says what to set.
pub(crate) async fn verify(
    pooler: Pooler,
    first: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<(), Error> {
    match pooler {
        Pooler::None if is_shared(first, options).await? => Err(Error::new(
            ErrorKind::Configuration,
            "the database is reached through a transaction pooler: name it in the settings, \
             `PoolSettings::pooler`, or connect to PostgreSQL itself",
        )),
        Pooler::TransactionWithStatements if !keeps_names(first).await? => Err(Error::new(
            ErrorKind::Configuration,
            "the names of prepared statements reach the server unchanged, so no pooler keeps them \
             apart: set `max_prepared_statements` in PgBouncer 1.21 or newer, or use \
             `Pooler::Transaction`, or `Pooler::None` where there is none",
        )),
        _ => Ok(()),
    }
}

/// Refuses a pooler for what needs a session of its own, as far as one can be told.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when `first` goes through a transaction pooler.
pub(crate) async fn refuse(
    first: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<(), Error> {
    if is_shared(first, options).await? {
        return Err(direct_only());
    }
    Ok(())
}

/// Whether a pooler said that it refuses the connection, because it asks for what only a server
/// gives.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.message().starts_with("unsupported startup parameter"))
}

/// What is said of a pooler where a server is needed.
pub(crate) fn direct_only() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the tables' owner is connected through a transaction pooler, which carries neither \
         migrations nor news: give it the address of PostgreSQL itself",
    )
}

/// Whether sessions are seen to be shared: two connections that are open at the same time have two
/// sessions, and each keeps its own. Where there is room for one alone, nothing is seen.
async fn is_shared(
    first: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<bool, sqlx::Error> {
    let second = tokio::time::timeout(PATIENCE, options.connect()).await;
    let Ok(Ok(mut second)) = second else {
        return Ok(false);
    };
    let own = session(first).await?;
    let mut shared = false;
    for _ in 0..QUESTIONS {
        shared |= session(&mut second).await? == own || session(first).await? != own;
    }
    // It is only closed politely; the server notices anyway.
    let _ = second.close().await;
    Ok(shared)
}

/// Who answers, as the server counts; one message, so that it needs no transaction.
async fn session(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let asked = connection
        .fetch_one(sqlx::raw_sql("SELECT pg_catalog.pg_backend_pid()::text"))
        .await?;
    asked.try_get(0)
}

/// Whether a statement that is prepared under a name has another one at the server.
async fn keeps_names(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    connection.execute(sqlx::raw_sql("BEGIN")).await?;
    let passed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_prepared_statements \
         WHERE name LIKE 'sqlx\\_s\\_%' AND NOT from_sql",
    )
    .fetch_one(&mut *connection)
    .await?;
    // In the same session, which another client gets next.
    connection.clear_cached_statements().await?;
    connection.execute(sqlx::raw_sql("ROLLBACK")).await?;
    Ok(passed == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for (name, pooler) in NAMES {
            assert_eq!(pooler.to_string(), name);
            assert_eq!(name.parse::<Pooler>().unwrap(), pooler);
        }
        let error = "session".parse::<Pooler>().unwrap_err().to_string();
        assert!(error.contains("transaction-with-statements"), "{error}");
    }

    #[test]
    fn what_takes_two_messages_has_a_transaction_unless_its_name_is_kept() {
        for (pooler, unnamed, named) in [
            (Pooler::None, false, false),
            (Pooler::Transaction, true, true),
            (Pooler::TransactionWithStatements, true, false),
        ] {
            assert_eq!(pooler.wants_transaction(false), unnamed, "{pooler}");
            assert_eq!(pooler.wants_transaction(true), named, "{pooler}");
        }
        assert!(!Pooler::Transaction.keeps_names());
    }
}
