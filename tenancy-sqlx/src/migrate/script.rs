//! Pending migrations and their ledger entries as one message, and whose fault it is when that
//! fails.

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition, PgRow};
use sqlx::{AssertSqlSafe, Either, Row};
use uuid::Uuid;

use super::failure::Failure;
use super::ledger::{self, Scope};
use super::migration::Migration;
use super::report::Position;
use crate::search_path;

const WRITTEN: &str =
    "the ledger was written by a migration: leave tenancy.migrations to the runner";

/// Pending migrations and their ledger entries as one message.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    text: String,
    parts: Vec<Part<'a>>,
    /// Whether statements of the framework's own come first.
    has_preamble: bool,
    /// How many entries the ledger must have in the end.
    entries: Option<i64>,
}

/// What comes between the preamble and the migrations.
const PREAMBLE_DONE: &str = ";\nSELECT true AS tenancy_begun;\n";

#[derive(Debug)]
struct Part<'a> {
    migration: &'a Migration,
    /// Where it begins in the text, in characters.
    start: usize,
    /// The schema that must be current after it.
    schema: Option<&'a str>,
}

impl<'a> Script<'a> {
    /// Joins `pending` after `preamble`, which is SQL of the framework's own.
    pub(crate) fn new(
        preamble: String,
        scope: &'a Scope,
        pending: &[&'a Migration],
        run: Uuid,
    ) -> Self {
        let has_preamble = !preamble.is_empty();
        let mut text = preamble;
        if has_preamble {
            text.push_str(PREAMBLE_DONE);
        }
        let mut script = Self {
            text,
            parts: Vec::with_capacity(pending.len()),
            has_preamble,
            entries: None,
        };
        script.add(scope, pending, |migration| {
            ledger::entry(scope, migration, run)
        });
        script
    }

    /// Joins `steps`, of which none is entered into the ledger.
    pub(super) fn unentered(scope: &'a Scope, steps: &[&'a Migration]) -> Self {
        let mut script = Self {
            text: String::new(),
            parts: Vec::with_capacity(steps.len()),
            has_preamble: false,
            entries: None,
        };
        script.add(scope, steps, |step| ledger::trace(step.version()));
        script
    }

    /// Adds `pending` on the path of `scope`, and behind each what tells where it left the path.
    fn add(
        &mut self,
        scope: &'a Scope,
        pending: &[&'a Migration],
        trace: impl Fn(&Migration) -> String,
    ) {
        self.text.push_str(&path(scope));
        self.text.push_str(";\n");
        let mut characters = self.text.chars().count();
        for migration in pending {
            self.parts.push(Part {
                migration,
                start: characters,
                schema: match scope {
                    Scope::Framework => None,
                    Scope::Shared => Some("public"),
                    Scope::Tenant(target) => Some(target.schema.as_str()),
                },
            });
            let from = self.text.len();
            self.text.push_str(&migration.sql_inside());
            // The line end closes a comment that the file ends with.
            self.text.push_str("\n;\n");
            self.text.push_str(&trace(migration));
            self.text.push_str(";\n");
            characters += self.text[from..].chars().count();
        }
    }

    /// Demands that the ledger of `scope` has so many entries after the last step, however they
    /// were written.
    pub(super) fn count(&mut self, scope: &Scope, entries: usize) {
        self.entries = i64::try_from(entries).ok();
        self.text.push_str(&ledger::tally(scope));
        self.text.push_str(";\n");
    }

    /// Ends with a statement of the framework's own.
    pub(crate) fn push(&mut self, statement: &str) {
        self.text.push_str(statement);
    }

    /// Names the migration that `error` belongs to, after `done` were finished; `None` are before
    /// the preamble is.
    fn blame(&self, error: sqlx::Error, done: Option<usize>) -> Failure {
        let offset = position(&error);
        // A syntax error anywhere stops the message before its first statement.
        let part = match offset {
            Some(offset) => self.parts.iter().rev().find(|part| part.start <= offset),
            None => done.and_then(|done| self.parts.get(done)),
        };
        let position = part.zip(offset).and_then(|(part, offset)| {
            let before = offset - part.start;
            let sql = part.migration.sent();
            (before <= sql.chars().count()).then(|| place(sql, before))
        });
        Failure::server(error, part.map(|part| part.migration), position)
    }
}

/// Sends `script` inside the open transaction and verifies where each migration left the path;
/// gives the rows of the preamble.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    script: &Script<'_>,
) -> Result<Vec<PgRow>, Failure> {
    let mut steps = sqlx::raw_sql(AssertSqlSafe(script.text.clone())).fetch_many(connection);
    let mut preamble = Vec::new();
    let mut is_begun = !script.has_preamble;
    let mut done = 0;
    let mut counted = None;
    loop {
        let row = match steps.try_next().await {
            Ok(None) => break,
            Ok(Some(Either::Left(_))) => continue,
            Ok(Some(Either::Right(row))) => row,
            Err(error) => return Err(script.blame(error, is_begun.then_some(done))),
        };
        if !is_begun {
            is_begun = row.try_get::<bool, _>("tenancy_begun").is_ok();
            preamble.push(row);
            continue;
        }
        if let Ok(entries) = row.try_get::<i64, _>("tenancy_entries") {
            counted = Some(entries);
            continue;
        }
        let Ok(version) = row.try_get::<i64, _>("tenancy_version") else {
            continue;
        };
        let Some(part) = script.parts.get(done) else {
            return Err(Failure::other(WRITTEN));
        };
        let schema: Option<&str> = row.try_get("tenancy_schema")?;
        if part.schema.is_some() && schema != part.schema {
            return Err(Failure::migration(
                Some(part.migration),
                format!(
                    "the path was left at {} instead of {}: remove what changes it",
                    schema.unwrap_or("no schema"),
                    part.schema.unwrap_or_default(),
                ),
            ));
        }
        if part.migration.version() != version {
            return Err(Failure::other(WRITTEN));
        }
        done += 1;
    }
    if counted != script.entries {
        return Err(Failure::other(WRITTEN));
    }
    if done == script.parts.len() {
        return Ok(preamble);
    }
    Err(Failure::other("the server ended the script early"))
}

/// Scopes the open transaction to where the migrations of `scope` belong.
pub(super) fn path(scope: &Scope) -> String {
    match scope {
        Scope::Tenant(target) => search_path::set_local(&target.schema),
        _ => search_path::set_local_shared().to_owned(),
    }
}

/// How many characters of what was sent precede the one that `error` is about.
pub(super) fn position(error: &sqlx::Error) -> Option<usize> {
    let error = error.as_database_error()?;
    match error.try_downcast_ref::<PgDatabaseError>()?.position()? {
        PgErrorPosition::Original(position) => position.checked_sub(1),
        PgErrorPosition::Internal { .. } => None,
    }
}

/// The line and column of the character that `before` others precede.
pub(super) fn place(sql: &str, before: usize) -> Position {
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
