//! What a run did, for people, progress bars and JSON.

use serde::{Serialize, Serializer};
use std::time::Duration;
use tenancy_core::{Slug, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::runs::RunKind;

/// Everything one run did; tenants that were at head are only counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// The run's id in the ledger.
    pub run: Uuid,
    /// What it was for.
    pub kind: RunKind,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// What happened to the framework's tables; `None` when they were left alone.
    pub framework: Option<Outcome>,
    /// What happened to what all tenants share; `None` when it was left alone.
    pub shared: Option<Outcome>,
    /// Every tenant that was not at head, by slug.
    pub tenants: Vec<TenantReport>,
    /// How many tenants had nothing to do.
    pub at_head: u64,
}

impl RunReport {
    pub(crate) fn start(kind: RunKind) -> Self {
        Self {
            run: Uuid::now_v7(),
            kind,
            started_at: OffsetDateTime::now_utc(),
            duration: Duration::ZERO,
            framework: None,
            shared: None,
            tenants: Vec::new(),
            at_head: 0,
        }
    }

    /// Whether everything that was selected is where the run was to bring it.
    pub fn is_complete(&self) -> bool {
        self.outcomes().all(Outcome::is_complete)
    }

    /// How many migrations were applied, or entered as applied, counting each tenant's.
    pub fn applied(&self) -> usize {
        self.outcomes().map(|outcome| outcome.applied().len()).sum()
    }

    /// How many migrations were taken back, counting each tenant's.
    pub fn undone(&self) -> usize {
        let undone = self.outcomes().map(|outcome| match outcome {
            Outcome::Undone { versions } => versions.len(),
            _ => 0,
        });
        undone.sum()
    }

    /// How many tenants had no turn, because the run stopped before.
    pub fn not_reached(&self) -> usize {
        self.outcomes()
            .filter(|outcome| matches!(outcome, Outcome::NotReached))
            .count()
    }

    /// The tenants, or the shared part, whose migration failed.
    pub fn failures(&self) -> impl Iterator<Item = &MigrationFailure> {
        self.outcomes().filter_map(|outcome| match outcome {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        })
    }

    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        let tenants = self.tenants.iter().map(|tenant| &tenant.outcome);
        self.framework.iter().chain(&self.shared).chain(tenants)
    }
}

/// What a run did to one tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TenantReport {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name in URLs and commands.
    pub slug: Slug,
    /// How long its turn took.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of one migration target.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It is at head; these versions were applied now, none if another run was first.
    Applied {
        /// The versions, in order.
        versions: Vec<i64>,
    },
    /// Its ledger does not fit this program, so nothing was touched.
    Blocked(Mismatch),
    /// A migration failed and everything of its transaction was rolled back; what migrations
    /// before it did outside that transaction stays, and is in the ledger.
    Failed(MigrationFailure),
    /// The run stopped before its turn, so nothing was touched.
    NotReached,
    /// Other runs applied these versions later, so what was to be taken back stays.
    Superseded {
        /// The versions on top.
        versions: Vec<i64>,
    },
    /// What another run had applied is taken back.
    Undone {
        /// The versions, newest first.
        versions: Vec<i64>,
    },
}

impl Outcome {
    /// Whether it is where the run was to bring it.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Applied { .. } | Self::Undone { .. })
    }

    /// The versions that were applied now.
    pub fn applied(&self) -> &[i64] {
        match self {
            Self::Applied { versions } => versions,
            _ => &[],
        }
    }
}

/// How a ledger differs from the program's migrations other than by being behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Versions that were applied by a newer program.
    pub unknown: Vec<i64>,
    /// Versions whose files were changed after they were applied.
    pub changed: Vec<i64>,
}

impl Mismatch {
    /// Whether the ledger fits.
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.changed.is_empty()
    }
}

/// Which migration failed, where, and what PostgreSQL said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationFailure {
    /// The migration, when the failure is one's.
    pub version: Option<i64>,
    /// Its file.
    pub file: Option<String>,
    /// The SQLSTATE, when PostgreSQL answered with one.
    pub sqlstate: Option<String>,
    /// What went wrong.
    pub message: String,
    /// Where in the file, when PostgreSQL said so.
    pub position: Option<Position>,
}

impl std::fmt::Display for MigrationFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "migration {file}")?;
            if let Some(Position { line, column }) = self.position {
                write!(f, ", line {line}, column {column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " ({sqlstate})")?;
        }
        Ok(())
    }
}

/// A place in a file, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// What a run is doing now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MigrateEvent {
    /// The ledger was read.
    Planned {
        /// Tenants that will be migrated.
        pending: usize,
        /// Tenants that have nothing to do.
        at_head: u64,
        /// Tenants whose ledger does not fit this program.
        blocked: usize,
    },
    /// The shared part is done.
    Shared(Outcome),
    /// One tenant is done.
    Tenant(TenantReport),
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
}
