//! Applies what is pending in one scope: one transaction, one message, the ledger with it.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Either, Row};
use tenancy_core::SchemaName;
use uuid::Uuid;

use super::ledger::{self, Scope};
use super::report::{MigrationFailure, Outcome, Position};
use super::set::{Migration, MigrationSet};
use super::status::ScopeStatus;
use crate::error::{Error, ErrorKind, kind_of};
use crate::fleet::transaction::{self, Locks};
use crate::search_path;

/// How often a turn is taken again when a lock was not to be had.
const ATTEMPTS: u32 = 3;

/// Brings `scope` to the head of `set` under its lock, or leaves it as it was.
///
/// An `Err` is the connection's failure; what fails in a migration is an [`Outcome`].
pub(crate) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    set: &MigrationSet,
    run: Uuid,
) -> Result<Outcome, Error> {
    let mut attempt = 1;
    loop {
        let failure = match attempt_once(connection, scope, set, run).await {
            Ok(outcome) => return Ok(outcome),
            Err(failure) => failure,
        };
        transaction::rollback(connection).await?;
        if failure.is_contention() && attempt < ATTEMPTS {
            tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            attempt += 1;
            continue;
        }
        return match failure.lost_connection() {
            Some(error) => Err(error),
            None => Ok(Outcome::Failed(failure.report())),
        };
    }
}

async fn attempt_once(
    connection: &mut PgConnection,
    scope: &Scope,
    set: &MigrationSet,
    run: Uuid,
) -> Result<Outcome, Failure> {
    // Lock and ledger in one message: what another run did before us is seen before anything is.
    let open = format!(
        "{}; {}; {}",
        transaction::begin(&Locks::of_scope(scope)),
        path(scope),
        still_there(scope),
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(format!(
        "{open}; {}",
        ledger::of_scope(scope)
    )))
    .fetch_many(&mut *connection)
    .try_filter_map(async |step| Ok(step.right()))
    .try_collect::<Vec<_>>()
    .await?;
    let mut entries = Vec::new();
    let mut there = !matches!(scope, Scope::Tenant(_));
    for row in &rows {
        if row.try_get::<&str, _>("tenancy_schema").is_ok() {
            there = true;
        } else if let (Ok(version), Ok(checksum)) =
            (row.try_get("version"), row.try_get("checksum"))
        {
            entries.push((version, checksum));
        }
    }
    if !there {
        return Err(Failure::other(
            "the schema is gone, or the tenant was renamed meanwhile: check it and run again",
        ));
    }
    let status = ScopeStatus::compare(set, &entries);
    if !status.mismatch.is_empty() {
        transaction::rollback(connection)
            .await
            .map_err(Failure::of)?;
        return Ok(Outcome::Blocked(status.mismatch));
    }
    let pending: Vec<_> = set
        .iter()
        .filter(|migration| status.pending.contains(&migration.version()))
        .collect();
    if !pending.is_empty() {
        apply(
            connection,
            &Script::new(String::new(), scope, &pending, run),
        )
        .await?;
    }
    transaction::commit(connection).await.map_err(Failure::of)?;
    Ok(Outcome::Applied {
        versions: status.pending,
    })
}

/// Sends `script` inside the open transaction and verifies where each migration left the path.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    script: &Script<'_>,
) -> Result<(), Failure> {
    let mut steps = sqlx::raw_sql(AssertSqlSafe(script.text.clone())).fetch_many(connection);
    let mut done = 0;
    loop {
        let row = match steps.try_next().await {
            Ok(None) => break,
            Ok(Some(Either::Left(_))) => continue,
            Ok(Some(Either::Right(row))) => row,
            Err(error) => return Err(script.blame(error, done)),
        };
        let Ok(version) = row.try_get::<i64, _>("tenancy_version") else {
            continue;
        };
        let schema: Option<&str> = row.try_get("tenancy_schema")?;
        if script.schema.is_some() && schema != script.schema {
            return Err(Failure::migration(
                script.parts.get(done).map(|part| part.migration),
                format!(
                    "the path was left at {} instead of {}: remove what changes it",
                    schema.unwrap_or("no schema"),
                    script.schema.unwrap_or_default(),
                ),
            ));
        }
        if script.parts.get(done).map(|part| part.migration.version()) != Some(version) {
            return Err(Failure::other("the ledger was written by a migration"));
        }
        done += 1;
    }
    if done == script.parts.len() {
        return Ok(());
    }
    Err(Failure::other("the server ended the script early"))
}

/// Pending migrations and their ledger entries as one message.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    text: String,
    /// The schema that must be current after each migration.
    schema: Option<&'a str>,
    parts: Vec<Part<'a>>,
}

#[derive(Debug)]
struct Part<'a> {
    migration: &'a Migration,
    /// Where it begins in the text, in characters.
    start: usize,
}

impl<'a> Script<'a> {
    /// Joins `pending` after `preamble`, which is SQL of the framework's own.
    pub(crate) fn new(
        preamble: String,
        scope: &'a Scope,
        pending: &[&'a Migration],
        run: Uuid,
    ) -> Self {
        let mut text = preamble;
        if !text.is_empty() {
            text.push_str(";\n");
        }
        text.push_str(&path(scope));
        text.push_str(";\n");
        let mut parts = Vec::with_capacity(pending.len());
        let mut characters = text.chars().count();
        for migration in pending {
            parts.push(Part {
                migration,
                start: characters,
            });
            let from = text.len();
            text.push_str(migration.sql());
            // The line end closes a comment that the file ends with.
            text.push_str("\n;\n");
            text.push_str(&ledger::entry(scope, migration, run));
            text.push_str(";\n");
            characters += text[from..].chars().count();
        }
        Self {
            text,
            schema: match scope {
                Scope::Framework => None,
                Scope::Shared => Some("public"),
                Scope::Tenant(target) => Some(target.schema.as_str()),
            },
            parts,
        }
    }

    /// Names the migration that `error` belongs to, after `done` were finished.
    fn blame(&self, error: sqlx::Error, done: usize) -> Failure {
        let offset = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
            .and_then(|error| match error.position() {
                Some(PgErrorPosition::Original(position)) => position.checked_sub(1),
                _ => None,
            });
        // A syntax error anywhere stops the message before its first statement.
        let part = match offset {
            Some(offset) => self.parts.iter().rev().find(|part| part.start <= offset),
            None => self.parts.get(done),
        };
        let position = part.zip(offset).and_then(|(part, offset)| {
            let before = offset - part.start;
            let sql = part.migration.sql();
            (before <= sql.chars().count()).then(|| place(sql, before))
        });
        Failure {
            version: part.map(|part| part.migration.version()),
            file: part.map(|part| part.migration.file_name()),
            position,
            cause: Cause::Server(error),
        }
    }
}

/// The line and column of the character that `before` others precede.
fn place(sql: &str, before: usize) -> Position {
    let mut position = Position { line: 1, column: 1 };
    for c in sql.chars().take(before) {
        if c == '\n' {
            position.line += 1;
            position.column = 1;
        } else {
            position.column += 1;
        }
    }
    position
}

/// Why a turn was given up.
#[derive(Debug)]
pub(crate) struct Failure {
    version: Option<i64>,
    file: Option<String>,
    position: Option<Position>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Server(sqlx::Error),
    Ours(Error),
}

impl Failure {
    fn of(error: Error) -> Self {
        Self {
            version: None,
            file: None,
            position: None,
            cause: Cause::Ours(error),
        }
    }

    fn other(message: &'static str) -> Self {
        Self::of(Error::new(ErrorKind::SchemaMismatch, message))
    }

    fn migration(migration: Option<&Migration>, message: String) -> Self {
        Self {
            version: migration.map(Migration::version),
            file: migration.map(Migration::file_name),
            ..Self::of(Error::new(ErrorKind::SchemaMismatch, message))
        }
    }

    fn sqlstate(&self) -> Option<String> {
        let Cause::Server(error) = &self.cause else {
            return None;
        };
        Some(error.as_database_error()?.code()?.into_owned())
    }

    /// Whether somebody else held a lock, so that trying again makes sense.
    fn is_contention(&self) -> bool {
        self.sqlstate()
            .is_some_and(|code| matches!(&*code, "55P03" | "40P01" | "40001"))
    }

    /// The failure as the connection's own, when nothing can follow on it.
    fn lost_connection(&self) -> Option<Error> {
        let Cause::Server(error) = &self.cause else {
            return None;
        };
        error
            .as_database_error()
            .is_none()
            .then(|| Error::new(ErrorKind::Unavailable, error.to_string()))
    }

    /// The failure as a report carries it.
    pub(crate) fn report(&self) -> MigrationFailure {
        MigrationFailure {
            version: self.version,
            file: self.file.clone(),
            sqlstate: self.sqlstate(),
            message: match &self.cause {
                Cause::Server(error) => match error.as_database_error() {
                    Some(database) => database.message().to_owned(),
                    None => error.to_string(),
                },
                Cause::Ours(error) => error.to_string(),
            },
            position: self.position,
        }
    }

    /// The failure as an error that names the file and the place.
    pub(crate) fn into_error(self) -> Error {
        let message = self.report().to_string();
        match self.cause {
            Cause::Ours(error) => Error::new(error.kind(), message).with_source(error),
            Cause::Server(error) => {
                let kind = match error.as_database_error() {
                    // A migration that breaks a constraint is no conflict of the caller's.
                    Some(_) => match kind_of(&error) {
                        ErrorKind::Conflict => ErrorKind::Constraint,
                        kind => kind,
                    },
                    None => ErrorKind::Unavailable,
                };
                Error::new(kind, message).with_source(error)
            }
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self {
            version: None,
            file: None,
            position: None,
            cause: Cause::Server(error),
        }
    }
}

fn path(scope: &Scope) -> String {
    match scope {
        Scope::Tenant(target) => search_path::set_local(&target.schema),
        _ => search_path::set_local_shared().to_owned(),
    }
}

/// Gives one row when the tenant still has the schema that it had when the run was planned.
fn still_there(scope: &Scope) -> String {
    let Scope::Tenant(target) = scope else {
        return "SELECT".to_owned();
    };
    let schema: &SchemaName = &target.schema;
    format!(
        "SELECT schema_name AS tenancy_schema FROM tenancy.tenants \
         WHERE id = '{}' AND schema_name = '{schema}' AND status <> 'purged' \
         AND pg_catalog.current_schema() = '{schema}'",
        target.id
    )
}
