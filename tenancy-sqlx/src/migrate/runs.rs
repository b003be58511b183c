//! Which runs there were.

use std::fmt;

use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::ledger::literal;

/// What a run was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunKind {
    /// Bringing tenants, or the shared part, to head.
    Migrate,
    /// Making a tenant.
    Create,
    /// Preparing the database.
    Prepare,
    /// Taking another run back.
    Undo,
    /// Entering migrations as applied without running them.
    Mark,
    /// Making a tenant after another one.
    Clone,
    /// Making a tenant from an archive.
    Import,
    /// Making a tenant from a schema that is there.
    Adopt,
}

impl RunKind {
    /// How the ledger calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Create => "create",
            Self::Prepare => "prepare",
            Self::Undo => "undo",
            Self::Mark => "mark",
            Self::Clone => "clone",
            Self::Import => "import",
            Self::Adopt => "adopt",
        }
    }
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One run as the database remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// Its id, which the ledger has beside what it applied.
    pub id: Uuid,
    /// What it was for; of a newer program, perhaps something that has no [`RunKind`].
    pub kind: String,
    /// The program.
    pub program: String,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended; `None` when it is under way or was interrupted.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// How many migrations it applied; of one that has not ended, those in the ledger by now.
    pub applied: i64,
    /// How many targets failed.
    pub failed: i64,
    /// How many targets were not touched because their ledger did not fit.
    pub blocked: i64,
    /// The run that took it back.
    pub undone_by: Option<Uuid>,
}

impl RunRecord {
    /// The question that gives them, newest first.
    pub(crate) const QUESTION: &str = "
        SELECT r.id, r.kind, r.program, r.started_at, r.finished_at, r.failed, r.blocked,
               r.undone_by,
               CASE WHEN r.finished_at IS NULL THEN
                   (SELECT pg_catalog.count(*) FROM tenancy.migrations m WHERE m.run_id = r.id)
               ELSE r.applied END AS applied
        FROM tenancy.migration_runs r";
}

impl FromRow<'_, PgRow> for RunRecord {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            program: row.try_get("program")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            applied: row.try_get("applied")?,
            failed: row.try_get("failed")?,
            blocked: row.try_get("blocked")?,
            undone_by: row.try_get("undone_by")?,
        })
    }
}

/// The statement that enters a run that begins, unless it is entered.
pub(crate) fn announcement(run: Uuid, kind: RunKind, program: &str) -> String {
    format!(
        "INSERT INTO tenancy.migration_runs (id, program, kind) VALUES ('{run}', {}, '{kind}') \
         ON CONFLICT (id) DO NOTHING",
        literal(program)
    )
}
