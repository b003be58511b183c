//! What must be true of the server and the login behind every connection.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tenancy_core::sabotaged;

use crate::error::{Error, ErrorKind};
use crate::fleet::transaction;
use crate::search_path;

/// PostgreSQL 15, as servers count.
pub(crate) const OLDEST_SERVER: i32 = 150_000;

/// Proves that the connection's server is new enough and its login has no schema to fall into.
///
/// # Errors
///
/// [`ErrorKind::Configuration`] when one of them is not; the message says what to run.
pub(crate) async fn verify(connection: &mut PgConnection) -> Result<(), Error> {
    let question = format!(
        "SELECT pg_catalog.current_setting('server_version_num'), \
         pg_catalog.current_setting('server_version'), \
         pg_catalog.quote_ident(session_user), \
         pg_catalog.quote_ident(pg_catalog.current_database()), \
         pg_catalog.current_setting('is_superuser'), \
         pg_catalog.current_setting('standard_conforming_strings'), {}",
        search_path::CURRENT
    );
    let about = sqlx::raw_sql(AssertSqlSafe(question))
        .fetch_one(connection)
        .await?;
    let version: String = about.try_get(0)?;
    let version_name: String = about.try_get(1)?;
    let login: String = about.try_get(2)?;
    let database: String = about.try_get(3)?;
    let superuser: String = about.try_get(4)?;
    let strings: String = about.try_get(5)?;
    let path: String = about.try_get(6)?;

    if version.parse().unwrap_or(0) < OLDEST_SERVER {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("the server is PostgreSQL {version_name}: use PostgreSQL 15 or newer"),
        ));
    }
    if !search_path::is_empty(&path) && !sabotaged!("connection.login-with-path") {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "the login {login} would look for unqualified names in {path:?}: run `{};` and \
                 connect again",
                search_path::empty_login_path(&login, &database)
            ),
        ));
    }
    // Statements are checked as the standard reads their strings: with backslashes as themselves.
    if strings != "on" && !sabotaged!("connection.login-with-escapes") {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "the login {login} reads backslashes in strings as escapes: run `ALTER ROLE \
                 {login} IN DATABASE {database} SET standard_conforming_strings = on;` and \
                 connect again"
            ),
        ));
    }
    if superuser == "on" {
        tracing::warn!(
            target: "tenancy.sql",
            %login,
            "the application's login is a superuser, for whom no grant and no policy counts: \
             use one that is not"
        );
    }
    Ok(())
}

/// Limits that an application's login has in its database unless it was given others.
pub(crate) const LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "60s"),
];

/// Gives the login of `options` what it lacks in its database: an empty path, and limits for
/// statements, locks and idle transactions. A login may change that for itself.
///
/// Gives back the statements it ran, none when nothing was missing. New connections have the
/// change; a pooler in between has to reconnect to its server, and does for the session of this
/// one.
///
/// # Errors
///
/// [`ErrorKind::Unavailable`] when the server does not answer, [`ErrorKind::Configuration`] when
/// it is too old, [`ErrorKind::Forbidden`] when the login may not change itself.
pub async fn prepare(options: &PgConnectOptions) -> Result<Vec<String>, Error> {
    // Poolers do not know it, and this has to run wherever the application does.
    let options = options.clone().extra_float_digits(None);
    let mut connection = transaction::open(&options).await?;
    // One message each, which needs neither a transaction nor a name for a statement.
    let question = format!(
        "SELECT {}, pg_catalog.quote_ident(session_user), \
         pg_catalog.quote_ident(pg_catalog.current_database()), {}",
        search_path::CURRENT,
        LIMITS
            .map(|(limit, _)| format!("pg_catalog.current_setting('{limit}')"))
            .join(", ")
    );
    let about = sqlx::raw_sql(AssertSqlSafe(question))
        .fetch_one(&mut connection)
        .await?;
    let path: String = about.try_get(0)?;
    let login: String = about.try_get(1)?;
    let database: String = about.try_get(2)?;
    let mut changes = Vec::new();
    if !search_path::is_empty(&path) {
        changes.push(search_path::empty_login_path(&login, &database));
    }
    for (place, (limit, value)) in LIMITS.into_iter().enumerate() {
        let present: String = about.try_get(3 + place)?;
        if present == "0" {
            changes.push(limit_login(&login, &database, limit, value));
        }
    }
    for change in &changes {
        sqlx::raw_sql(AssertSqlSafe(change.clone()))
            .execute(&mut connection)
            .await?;
    }
    if !changes.is_empty() {
        // The session was opened before, and a pooler would keep it; it ends by saying so.
        let end = "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())";
        let _ = sqlx::raw_sql(end).execute(&mut connection).await;
        return Ok(changes);
    }
    connection.close().await?;
    Ok(changes)
}

/// Gives a login a limit in one database; both names come quoted.
pub(crate) fn limit_login(login: &str, database: &str, limit: &str, value: &str) -> String {
    format!("ALTER ROLE {login} IN DATABASE {database} SET {limit} = '{value}'")
}
