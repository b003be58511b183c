//! A job that is there: as its worker sees it, and as others do.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::kind::JobKind;
use super::queue::JobLease;
use crate::error::{Error, ErrorKind};
use crate::tenant::TenantId;

/// Identifies a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobStatus {
    /// It waits for its turn, or for its time.
    Queued,
    /// A worker has it.
    Running,
    /// It is done, and so is what it did.
    Done,
    /// It was given up; somebody has to look at it.
    Failed,
    /// Somebody took it back.
    Cancelled,
    /// It waits until its tenant is active again.
    Parked,
}

/// A job that a worker has claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is; the worker asks anew who that is.
    pub tenant: TenantId,
    /// What sort of work it is.
    pub kind: JobKind,
    /// What the handler needs to know.
    pub payload: Value,
    /// Which attempt this is, from one.
    pub attempt: u16,
    /// How many there are at most.
    pub max_attempts: u16,
    /// How long this one may take.
    pub timeout: Duration,
    /// The number of this claim; every later claim of the same job has a greater one.
    pub fence: i64,
}

/// What everybody may know of a tenant's job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What sort of work it is.
    pub kind: JobKind,
    /// Where it is in its life.
    pub status: JobStatus,
    /// How often it was tried.
    pub attempt: u16,
    /// How often it is tried at most.
    pub max_attempts: u16,
    /// What its handler has told of its progress; null before that.
    pub progress: Value,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it is due, or was.
    #[serde(with = "time::serde::rfc3339")]
    pub run_at: OffsetDateTime,
    /// When it was enqueued.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

impl JobId {
    /// Makes a new id that sorts by the time it was made (UUIDv7).
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Takes an id that a queue kept.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as a UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl Job {
    /// What proves that it is this claim that something is done for.
    pub fn lease(&self) -> JobLease {
        JobLease {
            id: self.id,
            tenant: self.tenant,
            fence: self.fence,
        }
    }
}

impl JobRecord {
    /// A job that was enqueued just now; a back end sets the fields that differ.
    pub fn new(id: JobId, tenant: TenantId, kind: JobKind, status: JobStatus) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            id,
            tenant,
            kind,
            status,
            attempt: 0,
            max_attempts: 1,
            progress: Value::Null,
            error: None,
            run_at: now,
            created_at: now,
            finished_at: None,
        }
    }
}

impl JobStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Parked,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Parked => "parked",
        }
    }

    /// Whether nothing more will be done, unless somebody asks for it.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Uuid::parse_str(text).map(Self).map_err(|error| {
            Error::with_source(
                ErrorKind::InvalidName,
                format!("job id {text:?} is invalid: use a UUID"),
                error,
            )
        })
    }
}

impl FromStr for JobStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidName,
                format!(
                    "job status {text:?} is invalid: use queued, running, done, failed, cancelled \
                     or parked"
                ),
            )
        })
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
