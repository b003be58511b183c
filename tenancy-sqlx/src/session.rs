//! What SQL can leave behind in a session, and how all of it is taken away.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::search_path;

/// Takes away cursors, roles, settings, subscriptions, locks, temporary tables and the sequences'
/// last values. None of it may be in a transaction, and it is no error when there is nothing.
const CLEAN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                     SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// Cleans the session and asks whether it is as new, to be judged by [`is_as_new`].
///
/// It is sent in one message with what ends the transaction: behind a transaction pooler the next
/// message may reach another session.
pub(crate) fn clean_and_ask() -> String {
    // The clock tells a transaction that is still open: there, `now()` is older than the message.
    format!(
        "{CLEAN}; SELECT {}, (pg_catalog.now() = pg_catalog.statement_timestamp())::text, \
         (SESSION_USER = CURRENT_USER)::text, \
         (NOT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql))::text",
        search_path::CURRENT
    )
}

/// Judges the last row that [`clean_and_ask`] gave.
///
/// # Errors
///
/// Says what is not as it was when the session was opened; the connection must be closed.
pub(crate) fn is_as_new(rows: &[PgRow]) -> Result<(), sqlx::Error> {
    let unclean = |what: String| Err(sqlx::Error::Protocol(what));
    let Some(row) = rows.last() else {
        return unclean("the session did not say what state it is in".to_owned());
    };
    let answers: Vec<String> = (0..row.len())
        .map(|column| row.try_get(column))
        .collect::<Result<_, _>>()?;
    match answers.as_slice() {
        [path, flags @ ..]
            if search_path::is_empty(path)
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
