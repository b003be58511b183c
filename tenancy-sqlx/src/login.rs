//! What must be true of the server and the login behind every connection.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use crate::error::{Error, ErrorKind};
use crate::search_path;

/// PostgreSQL 15, as servers count.
const OLDEST_SERVER: i32 = 150_000;

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
         pg_catalog.current_setting('is_superuser'); {}",
        search_path::LOGIN_PATH
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(question))
        .fetch_all(connection)
        .await?;
    let [about, path] = rows.as_slice() else {
        return Err(Error::new(
            ErrorKind::Internal,
            "the server did not answer two questions with two rows",
        ));
    };
    let version: String = about.try_get(0)?;
    let version_name: String = about.try_get(1)?;
    let login: String = about.try_get(2)?;
    let database: String = about.try_get(3)?;
    let superuser: String = about.try_get(4)?;
    let path: String = path.try_get(0)?;

    if version.parse().unwrap_or(0) < OLDEST_SERVER {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("the server is PostgreSQL {version_name}: use PostgreSQL 15 or newer"),
        ));
    }
    if !search_path::is_empty(&path) {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "the login {login} would look for unqualified names in {path:?}: run `{};` and \
                 connect again",
                search_path::empty_login_path(&login, &database)
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
