//! The framework's own statements on its own tables, through the application's connections.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::database::Database;
use crate::error::Error;
use crate::migrate::ledger::explain;
use crate::query::{Prepared, single};
use crate::source::Source;

/// What encoding values ends with.
pub(super) type Encoded = Result<PgArguments, sqlx::error::BoxDynError>;

/// Runs one statement that commits by itself, and gives its rows.
pub(super) async fn ask(
    database: &Database,
    sql: &'static str,
    arguments: Encoded,
) -> Result<Vec<PgRow>, Error> {
    let arguments = arguments.map_err(|error| Error::from(sqlx::Error::Encode(error)))?;
    let prepared = Prepared {
        sql: sql.into_sql_str(),
        arguments: Some(arguments),
        named: database.pooler().keeps_names(),
        reads: false,
        calls: false,
    };
    let source = Source {
        database,
        tenant: None,
    };
    single(source, prepared, |connection, prepared| {
        connection.fetch_all(prepared)
    })
    .await
    .map_err(explain)
}

/// Sends several statements in one message, which the server runs as one transaction to its end
/// whatever becomes of us: no lock in it waits for anybody's answer, and a pooler sees one message.
pub(super) async fn ask_at_once(database: &Database, sql: String) -> Result<Vec<PgRow>, Error> {
    let mut guard = database.checkout(None).await?;
    let message = sqlx::raw_sql(AssertSqlSafe(sql));
    let asked = guard.begin_work().fetch_all(message).await;
    guard.ended(&asked);
    asked.map_err(explain)
}
