//! A job that is asked for.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use super::kind::JobKind;
use super::record::JobId;

/// How soon a tenant's job is done compared to others of the same tenant; it never gets before
/// another tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// In the order in which jobs become due.
    #[default]
    Normal,
    /// When nothing else is due.
    Low,
}

/// What becomes of a job whose unique key a job of the same tenant and kind has that is not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicate {
    /// The one that is there is enough: nothing is added.
    #[default]
    Skip,
    /// It is an error, after which the transaction can go on.
    Refuse,
}

/// What came of enqueueing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It is there once the transaction is committed.
    Added(JobId),
    /// One with the same unique key is there already.
    AlreadyThere,
}

impl Enqueued {
    /// The id, when a job was added.
    pub fn id(self) -> Option<JobId> {
        match self {
            Self::Added(id) => Some(id),
            Self::AlreadyThere => None,
        }
    }
}

/// A job that is asked for; whose it is is said by the transaction that it is given to.
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use tenancy_core::job::{JobKind, NewJob, Priority};
///
/// const MAIL: JobKind = JobKind::new("mail.send");
///
/// let job = NewJob::new(MAIL)
///     .payload(json!({ "to": "ann@example.com" }))
///     .priority(Priority::High)
///     .delay(Duration::from_mins(5))
///     .unique("welcome:ann")
///     .max_attempts(5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    kind: JobKind,
    payload: Value,
    priority: Priority,
    due: Due,
    unique: Option<(String, Duplicate)>,
    max_attempts: u16,
    timeout: Duration,
}

/// When a job is due.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Due {
    After(Duration),
    At(OffsetDateTime),
}

impl NewJob {
    /// A job of this kind, due at once, tried up to ten times for ten minutes each.
    pub fn new(kind: JobKind) -> Self {
        Self {
            kind,
            payload: Value::Object(serde_json::Map::new()),
            priority: Priority::default(),
            due: Due::After(Duration::ZERO),
            unique: None,
            max_attempts: 10,
            timeout: Duration::from_mins(10),
        }
    }

    /// Sets what the handler needs to know; an empty object otherwise.
    ///
    /// Put ids into it rather than rows: the job is done later, on what is there then.
    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// Sets how soon it is done compared to the tenant's others.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Makes it due so long after it is enqueued.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.due = Due::After(delay);
        self
    }

    /// Makes it due at that time.
    #[must_use]
    pub fn run_at(mut self, time: OffsetDateTime) -> Self {
        self.due = Due::At(time);
        self
    }

    /// Lets there be one at a time of this tenant, kind and key that is not ended.
    #[must_use]
    pub fn unique(self, key: impl Into<String>) -> Self {
        self.unique_or(key, Duplicate::Skip)
    }

    /// The same, and says what becomes of another.
    #[must_use]
    pub fn unique_or(mut self, key: impl Into<String>, duplicate: Duplicate) -> Self {
        self.unique = Some((key.into(), duplicate));
        self
    }

    /// Sets how often it is tried at most; one is the least.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u16) -> Self {
        self.max_attempts = attempts.clamp(1, i16::MAX.unsigned_abs());
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What sort of work it is.
    pub fn kind(&self) -> &JobKind {
        &self.kind
    }

    /// For back ends: what the handler needs to know.
    pub fn content(&self) -> &Value {
        &self.payload
    }

    /// For back ends: its rank, the lowest first.
    pub fn rank(&self) -> i16 {
        self.priority.rank()
    }

    /// For back ends: the time at which it is due, or else how long after now.
    pub fn due(&self) -> Result<OffsetDateTime, Duration> {
        match self.due {
            Due::At(time) => Ok(time),
            Due::After(delay) => Err(delay),
        }
    }

    /// For back ends: its unique key, and what becomes of another with the same.
    pub fn key(&self) -> Option<(&str, Duplicate)> {
        let (key, duplicate) = self.unique.as_ref()?;
        Some((key, *duplicate))
    }

    /// For back ends: how often it is tried at most.
    pub fn attempts(&self) -> u16 {
        self.max_attempts
    }

    /// For back ends: how long one attempt may take.
    pub fn limit(&self) -> Duration {
        self.timeout
    }
}

impl Priority {
    /// All of them, the first to be done first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Its place in the order, the lowest first.
    pub fn rank(self) -> i16 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }
}
