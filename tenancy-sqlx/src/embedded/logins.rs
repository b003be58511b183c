//! The two logins of the framework, and what a database grants them.
//!
//! `tenancy_owner` owns the database and migrates it; `tenancy_app` is what requests run as,
//! and can neither create nor reach anything that was not granted to it.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, raw_sql};

use crate::search_path::empty_login_path;
use crate::{Error, ErrorKind, Isolation};

/// The login that owns the database.
pub(crate) const OWNER: &str = "tenancy_owner";

/// The login that the application uses.
pub(crate) const APP: &str = "tenancy_app";

/// The lock of everything that changes logins and grants: PostgreSQL refuses two at once.
pub(crate) const LOCK: i64 = 8_367_120_935_002;

/// Makes the logins where they are missing, and takes from them what they must not have.
/// The owner inherits because that is how it owns `public`, and makes roles where tenants have
/// their own.
/// One process at a time does so, because PostgreSQL has no `CREATE ROLE IF NOT EXISTS`.
const LOGINS: &str = r"
DO $$
DECLARE
    login text;
    inherits bool;
    makes bool;
BEGIN
    FOR login, inherits, makes IN
        VALUES ('tenancy_owner', true, owner_makes_roles), ('tenancy_app', false, false)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = login) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I LOGIN', login);
        END IF;
        IF NOT EXISTS (
            SELECT FROM pg_catalog.pg_roles
            WHERE rolname = login AND rolcanlogin AND rolinherit = inherits AND NOT rolsuper
                AND NOT rolcreatedb AND rolcreaterole = makes AND NOT rolreplication
                AND NOT rolbypassrls
        ) THEN
            EXECUTE pg_catalog.format(
                'ALTER ROLE %I LOGIN %s %s NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS',
                login, CASE WHEN inherits THEN 'INHERIT' ELSE 'NOINHERIT' END,
                CASE WHEN makes THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END);
        END IF;
    END LOOP;
END
$$;
";

/// Makes both logins on the server of `connection`; the owner may make roles exactly when
/// `isolation` needs them.
pub(crate) async fn ensure_logins(
    connection: &mut PgConnection,
    isolation: Isolation,
) -> Result<(), Error> {
    let makes = (isolation == Isolation::Role).to_string();
    let logins = LOGINS.replace("owner_makes_roles", &makes);
    let logins = format!("SELECT pg_catalog.pg_advisory_xact_lock({LOCK});{logins}");
    raw_sql(AssertSqlSafe(logins))
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| Error::from(error).while_doing("cannot make the logins of the framework"))
}

/// Makes `database` where it is missing and gives both logins exactly what they need in it.
///
/// `superuser` says how to reach the server; its database is used to create the other one.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] for a name that is not one, and what the server answers.
pub(crate) async fn prepare_database(
    superuser: &PgConnectOptions,
    connection: &mut PgConnection,
    database: &str,
) -> Result<(), Error> {
    check_name(database)?;
    let doing = |error: sqlx::Error| {
        Error::from(error).while_doing(format_args!("cannot prepare database `{database}`"))
    };

    // Asks whether the database is there.
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)")
            .bind(database)
            .fetch_one(&mut *connection)
            .await
            .map_err(doing)?;
    if !exists {
        let create = format!(r#"CREATE DATABASE "{database}" OWNER {OWNER}"#);
        match connection.execute(AssertSqlSafe(create)).await {
            // Another process was quicker.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P04") => {}
            Err(error) => return Err(doing(error)),
            Ok(_) => {}
        }
    }

    let mut inside = superuser
        .clone()
        .database(database)
        .connect()
        .await
        .map_err(doing)?;
    let outcome = raw_sql(AssertSqlSafe(grants(database)))
        .execute(&mut inside)
        .await;
    outcome.map_err(doing)?;
    inside.close().await.map_err(doing)
}

/// Everything that one database grants, sets and refuses, as one transaction.
fn grants(database: &str) -> String {
    let database = format!("\"{database}\"");
    let app_path = empty_login_path(APP, &database);
    let owner_path = empty_login_path(OWNER, &database);
    format!(
        "
SELECT pg_catalog.pg_advisory_xact_lock({LOCK});
ALTER DATABASE {database} OWNER TO {OWNER};
REVOKE ALL ON DATABASE {database} FROM PUBLIC, {APP};
GRANT CONNECT ON DATABASE {database} TO {APP};
REVOKE CREATE ON SCHEMA public FROM PUBLIC, {APP};
DO $$
BEGIN
    IF pg_catalog.to_regnamespace('extensions') IS NULL THEN
        CREATE SCHEMA extensions AUTHORIZATION {OWNER};
    END IF;
END
$$;
GRANT USAGE ON SCHEMA extensions TO {APP}, {OWNER};
{owner_path};
{app_path};
ALTER ROLE {APP} IN DATABASE {database} SET statement_timeout = '30s';
ALTER ROLE {APP} IN DATABASE {database} SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE {APP} IN DATABASE {database} SET lock_timeout = '10s';
"
    )
}

/// A name that needs no quoting: it also stands in connection strings and shell lines.
pub(crate) fn check_name(database: &str) -> Result<(), Error> {
    let valid = database.len() <= 63
        && database.starts_with(|c: char| c.is_ascii_lowercase())
        && database
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !["postgres", "template0", "template1"].contains(&database);
    if valid {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!(
            "database name {database:?} is invalid: use a-z, 0-9 and _, starting with a letter, at most 63 bytes, and not a name of PostgreSQL's own"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_need_quoting_are_refused() {
        for name in ["app", "a", "tenancy_test_1_2_3"] {
            check_name(name).unwrap();
        }
        let long = "a".repeat(64);
        for name in [
            "",
            "App",
            "1a",
            "a-b",
            "a\"b",
            "a b",
            "postgres",
            "template1",
            &long,
        ] {
            let error = check_name(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        }
    }
}
