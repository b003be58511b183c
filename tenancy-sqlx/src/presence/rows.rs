//! The rows of processes, each touched by one statement.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, Executor, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Announcement;
use crate::database::Database;
use crate::error::Error;
use crate::query::{Prepared, Run, single, values};
use crate::source::Source;

/// Another process that this one may not serve beside.
#[derive(Debug, Clone)]
pub(super) struct Other {
    id: Uuid,
    pub(super) name: String,
    pub(super) keeps: Vec<String>,
    pub(super) serves: bool,
    pub(super) started_at: OffsetDateTime,
    seen_at: OffsetDateTime,
}

impl Other {
    /// Whether it is the one of an earlier look, and was heard of since.
    pub(super) fn beat_since(&self, earlier: &Self) -> bool {
        self.id == earlier.id && self.seen_at > earlier.seen_at
    }
}

/// Enters a process that has not made sure yet, and forgets those that are gone.
pub(super) async fn enter(
    database: &Database,
    id: Uuid,
    announcement: &Announcement,
) -> Result<(), Error> {
    let sql = "WITH gone AS ( \
                   DELETE FROM tenancy.processes \
                   WHERE seen_at < pg_catalog.clock_timestamp() - $4::interval) \
               INSERT INTO tenancy.processes (id, name, keeps) VALUES ($1, $2, $3)";
    let arguments = values(|to| {
        to.add(id)?;
        to.add(&announcement.name)?;
        to.add(&announcement.keeps)?;
        to.add(announcement.gone())
    })?;
    touched(database, sql, arguments).await.map(drop)
}

/// The others that serve or are about to, and that this one may not serve beside.
///
/// Whoever is there counts, however long it was silent: a row that was not forgotten can still be
/// beaten, by a process that goes on then as if nobody had come.
pub(super) async fn others(
    database: &Database,
    id: Uuid,
    announcement: &Announcement,
) -> Result<Vec<Other>, Error> {
    let sql = "SELECT id, name, keeps, serves, started_at, seen_at FROM tenancy.processes \
               WHERE id <> $1 AND (keeps <> '{}' OR $2::text[] <> '{}') ORDER BY started_at, id";
    let arguments = values(|to| {
        to.add(id)?;
        to.add(&announcement.keeps)
    })?;
    let rows = send(database, sql, arguments, |connection, question| {
        connection.fetch_all(question)
    })
    .await?;
    let others: Result<_, sqlx::Error> = rows.iter().map(other).collect();
    Ok(others?)
}

/// Says that it has made sure; whether its row is still there.
pub(super) async fn confirm(database: &Database, id: Uuid) -> Result<bool, Error> {
    let sql = "UPDATE tenancy.processes \
               SET serves = true, seen_at = pg_catalog.clock_timestamp() WHERE id = $1";
    touched(database, sql, values(|to| to.add(id))?).await
}

/// Says that it is there; whether its row is still there.
pub(super) async fn beat(database: &Database, id: Uuid) -> Result<bool, Error> {
    let sql = "UPDATE tenancy.processes SET seen_at = pg_catalog.clock_timestamp() WHERE id = $1";
    touched(database, sql, values(|to| to.add(id))?).await
}

/// Forgets it.
pub(super) async fn leave(database: &Database, id: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM tenancy.processes WHERE id = $1";
    touched(database, sql, values(|to| to.add(id))?)
        .await
        .map(drop)
}

fn other(row: &PgRow) -> Result<Other, sqlx::Error> {
    Ok(Other {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        keeps: row.try_get("keeps")?,
        serves: row.try_get("serves")?,
        started_at: row.try_get("started_at")?,
        seen_at: row.try_get("seen_at")?,
    })
}

/// Runs a statement that may touch one row; whether it did.
async fn touched(
    database: &Database,
    sql: &'static str,
    arguments: PgArguments,
) -> Result<bool, Error> {
    let done = send(database, sql, arguments, |connection, question| {
        connection.execute(question)
    });
    Ok(done.await?.rows_affected() > 0)
}

async fn send<R: Send + 'static>(
    database: &Database,
    sql: &'static str,
    arguments: PgArguments,
    run: Run<R>,
) -> Result<R, Error> {
    // Unnamed: few of these are sent, and they are worth no place among the tenants' statements.
    let prepared = Prepared {
        sql: sqlx::SqlSafeStr::into_sql_str(sql),
        arguments: Some(arguments),
        named: false,
        reads: false,
        calls: false,
    };
    let source = Source {
        database,
        tenant: None,
    };
    single(source, prepared, run).await
}
