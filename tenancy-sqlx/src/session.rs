//! What SQL can leave behind in a session, and how all of it is taken away.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Row;
use sqlx::postgres::PgRow;
use tenancy_core::sabotaged;

use crate::pooler::Pooler;
use crate::search_path;

/// Takes away cursors, roles, settings, subscriptions, locks, temporary tables and the sequences'
/// last values. None of it may be in a transaction, and it is no error when there is nothing.
const CLEAN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// How the sessions of one database are made as new, which depends on who has them next.
#[derive(Debug)]
pub(crate) struct Reset {
    statements: String,
    pooler: Pooler,
}

impl Reset {
    /// Of a database that is reached through `pooler` by a program of this name.
    pub(crate) fn new(pooler: Pooler, program: Option<&str>) -> Self {
        let mut statements = CLEAN.to_owned();
        if pooler.shares_sessions() && !sabotaged!("pooler.settings-lost") {
            // What the driver said when it connected is not the session's own, so resetting loses
            // it, and the pooler takes that for a wish of the client.
            statements.push_str(CONNECTED);
            if let Some(program) = program {
                statements.push_str("; SET application_name = '");
                statements.push_str(&program.replace('\'', "''"));
                statements.push('\'');
            }
        }
        if !pooler.keeps_names() {
            // Of describing a statement, which names it whatever it is asked to.
            statements.push_str("; DEALLOCATE ALL");
        }
        Self { statements, pooler }
    }

    /// Whether the session serves others between two transactions.
    pub(crate) fn is_shared(&self) -> bool {
        self.pooler.shares_sessions()
    }

    /// Whether no statement keeps a name beyond its transaction.
    pub(crate) fn forgets_names(&self) -> bool {
        !self.pooler.keeps_names()
    }
}

/// The flags of a session that is as new.
const IN_ORDER: &str = "(pg_catalog.now() = pg_catalog.statement_timestamp())::text, \
     (SESSION_USER = CURRENT_USER)::text, \
     (NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql))::text";

/// Ends a session in which statements of SQL stay, or another role; a column of the last row.
const END_UNLESS_AS_NEW: &str = ", (CASE WHEN SESSION_USER <> CURRENT_USER \
     OR EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql) \
     THEN NOT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()) \
     ELSE true END)::text";

/// What the driver asks of every session.
const CONNECTED: &str =
    "; SET DateStyle = 'ISO, MDY'; SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'";

/// Cleans the session and asks whether it is as new.
///
/// The driver does not count every answer, so one that is still on its way from an earlier message
/// could be taken for the answer of this one; each question therefore has a number, which its
/// answer repeats.
#[derive(Debug)]
pub(crate) struct Cleaning<'r> {
    reset: &'r Reset,
    number: u64,
}

impl<'r> Cleaning<'r> {
    pub(crate) fn new(reset: &'r Reset) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            reset,
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
        let clean = sabotaged!(
            "connection.not-cleaned",
            "SELECT 1",
            self.reset.statements.as_str()
        );
        let mut message = format!(
            "{clean}; SELECT {}, '{}', {IN_ORDER}",
            search_path::CURRENT,
            self.number
        );
        if self.reset.is_shared() {
            // Closing this end would leave the session to the next client as it is.
            message.push_str(END_UNLESS_AS_NEW);
        }
        message
    }

    /// Judges the last row that was answered.
    ///
    /// # Errors
    ///
    /// Says what is not as it was when the session was opened; the connection must be closed.
    pub(crate) fn is_as_new(&self, rows: &[PgRow]) -> Result<(), sqlx::Error> {
        self.judge(rows, search_path::is_empty)
    }

    /// The same of a session whose login may have any path of its own.
    pub(crate) fn is_in_order(&self, rows: &[PgRow]) -> Result<(), sqlx::Error> {
        self.judge(rows, |_| true)
    }

    fn judge(&self, rows: &[PgRow], is_path: fn(&str) -> bool) -> Result<(), sqlx::Error> {
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
                if is_path(path)
                    && (*answered == self.number.to_string()
                        || sabotaged!("connection.stray-answer"))
                    && flags.len() == 3 + usize::from(self.reset.is_shared())
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
