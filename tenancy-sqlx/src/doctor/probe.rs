//! What a connection says about itself, and whether a pooler is in front of the server.
//!
//! Nothing is changed: no `SET`, no named statement, and no transaction is left open. A pooler
//! that gives each client a server connection of its own, made for it, looks like none.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, raw_sql};

use crate::error::Error;
use crate::login::LIMITS;
use crate::search_path;

/// How long a second connection may take: a pooler with a single one never gives it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How connections reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Each is the server's own, as far as that can be seen.
    None,
    /// One that is new here was somebody else's before.
    Session,
    /// Two of them took turns on one connection of the server, or one had several.
    Transaction,
}

/// What a new connection of a login says.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) version: i32,
    pub(super) version_name: String,
    pub(super) login: String,
    /// Login and database as identifiers.
    pub(super) quoted: (String, String),
    pub(super) database: Database,
    /// The login's path, and what is in force.
    pub(super) path: [String; 2],
    pub(super) strings: String,
    /// The limits that there are not, with those they should have.
    pub(super) unlimited: Vec<(&'static str, &'static str)>,
    /// Settings and prepared statements that a new connection cannot have made itself.
    pub(super) left: [Option<String>; 2],
    /// Seconds since 1970 when the server made the connection, where it says so.
    started: f64,
    pid: i32,
}

/// One database of one running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Database(String);

/// In any question: which database this is.
pub(super) const DATABASE: &str = "(SELECT d.oid || ' ' || d.datname || ' ' || \
     pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) \
     FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())";

impl Database {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

/// Connects as the application does.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    options
        .clone()
        .statement_cache_capacity(0)
        .extra_float_digits(None)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(|error| {
            Error::from(error).while_doing(format!(
                "connecting to {}:{} as {}",
                options.get_host(),
                options.get_port(),
                options.get_username()
            ))
        })
}

/// Asks a new connection about itself.
pub(super) async fn ask(connection: &mut PgConnection) -> Result<Probe, Error> {
    // A pooler sets the first ones for each client, as the client asked.
    let question = format!(
        "SELECT pg_catalog.current_setting('server_version_num'), \
         pg_catalog.current_setting('server_version'), session_user::text, \
         pg_catalog.quote_ident(session_user), \
         pg_catalog.quote_ident(pg_catalog.current_database()), {DATABASE}, {of_login}, {current}, \
         pg_catalog.current_setting('standard_conforming_strings'), \
         pg_catalog.current_setting('{}') || ' ' || pg_catalog.current_setting('{}') || ' ' \
             || pg_catalog.current_setting('{}'), \
         (SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM pg_catalog.pg_settings \
          WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding', \
              'DateStyle', 'IntervalStyle', 'TimeZone', 'standard_conforming_strings')), \
         (SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) \
          FROM pg_catalog.pg_prepared_statements WHERE name !~ '^(PGBOUNCER_|$)'), \
         coalesce((SELECT pg_catalog.date_part('epoch', backend_start)::text \
             FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()), 'Infinity'), \
         pg_catalog.pg_backend_pid()::text",
        LIMITS[0].0,
        LIMITS[1].0,
        LIMITS[2].0,
        of_login = search_path::OF_LOGIN,
        current = search_path::CURRENT,
    );
    let row = raw_sql(AssertSqlSafe(question))
        .fetch_one(connection)
        .await?;
    let text = |column: usize| row.try_get::<String, _>(column);
    let limits = text(9)?;
    let unlimited = limits.split(' ').zip(LIMITS).filter(|(now, _)| *now == "0");
    Ok(Probe {
        version: text(0)?.parse().unwrap_or(0),
        version_name: text(1)?,
        login: text(2)?,
        quoted: (text(3)?, text(4)?),
        database: Database::new(text(5)?),
        path: [row.try_get(6)?, text(7)?],
        strings: text(8)?,
        unlimited: unlimited.map(|(_, limit)| limit).collect(),
        left: [row.try_get(10)?, row.try_get(11)?],
        started: text(12)?.parse().unwrap_or(f64::INFINITY),
        pid: text(13)?.parse().unwrap_or(0),
    })
}

impl Probe {
    /// Lets this connection and a second one like it take turns, outside any transaction, and
    /// looks whom they talk to. `before` is the server's time before this one was made.
    pub(super) async fn pooling(
        &self,
        connection: &mut PgConnection,
        options: &PgConnectOptions,
        before: f64,
    ) -> Pooling {
        let turns = tokio::time::timeout(PATIENCE, turns(self.pid, connection, options)).await;
        // A login may be allowed one connection, or a pooler have no more.
        if let Ok(Ok(true)) = turns {
            Pooling::Transaction
        } else if self.started < before {
            Pooling::Session
        } else {
            Pooling::None
        }
    }
}

async fn turns(
    first: i32,
    one: &mut PgConnection,
    options: &PgConnectOptions,
) -> Result<bool, Error> {
    let mut two = connect(options).await?;
    let second = pid(&mut two).await?;
    let changed = pid(one).await? != first || pid(&mut two).await? != second;
    let _ = two.close().await;
    Ok(changed || first == second)
}

async fn pid(connection: &mut PgConnection) -> Result<i32, Error> {
    let row = raw_sql("SELECT pg_catalog.pg_backend_pid()::text")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get::<String, _>(0)?.parse().unwrap_or(0))
}
