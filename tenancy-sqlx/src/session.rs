//! What SQL can leave behind in a session, and how all of it is taken away.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Row;
use sqlx::postgres::PgRow;
use tenancy_core::sabotaged;

use crate::search_path;

/// Takes away cursors, roles, settings, subscriptions, locks, temporary tables and the sequences'
/// last values. None of it may be in a transaction, and it is no error when there is nothing.
const CLEAN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// Cleans the session and asks whether it is as new.
///
/// The driver does not count every answer, so one that is still on its way from an earlier message
/// could be taken for the answer of this one; each question therefore has a number, which its
/// answer repeats.
#[derive(Debug)]
pub(crate) struct Cleaning {
    number: u64,
}

impl Cleaning {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            number: LAST.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The statements, whose rows [`Cleaning::is_as_new`] judges.
    ///
    /// They are sent in one message with what ends the transaction: behind a transaction pooler
    /// the next message may reach another session.
    pub(crate) fn statements(&self) -> String {
        // The clock tells a transaction that is still open: there, `now()` is older than the
        // message.
        let clean = sabotaged!("connection.not-cleaned", "SELECT 1", CLEAN);
        format!(
            "{clean}; SELECT {}, '{}', \
             (pg_catalog.now() = pg_catalog.statement_timestamp())::text, \
             (SESSION_USER = CURRENT_USER)::text, \
             (NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql))::text",
            search_path::CURRENT,
            self.number
        )
    }

    /// Judges the last row that was answered.
    ///
    /// # Errors
    ///
    /// Says what is not as it was when the session was opened; the connection must be closed.
    pub(crate) fn is_as_new(&self, rows: &[PgRow]) -> Result<(), sqlx::Error> {
        if sabotaged!("connection.cleaning-unchecked") {
            return Ok(());
        }
        let unclean = |what: String| Err(sqlx::Error::Protocol(what));
        let Some(row) = rows.last() else {
            return unclean("the session did not say what state it is in".to_owned());
        };
        let answers: Vec<String> = (0..row.len())
            .map(|column| row.try_get(column))
            .collect::<Result<_, _>>()?;
        match answers.as_slice() {
            [path, answered, flags @ ..]
                if search_path::is_empty(path)
                    && (*answered == self.number.to_string()
                        || sabotaged!("connection.stray-answer"))
                    && flags.len() == 3
                    && flags.iter().all(|flag| flag == "true") =>
            {
                Ok(())
            }
            _ => unclean(format!(
                "the session was left in another state than it was opened in: {answers:?}"
            )),
        }
    }
}
