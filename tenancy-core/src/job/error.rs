//! How a handler says that it could not do its job.

use std::fmt;
use std::time::Duration;

/// Why an attempt failed, and whether another makes sense.
///
/// What is not said otherwise is tried again, later and later, until the attempts are used up.
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::job::JobError;
///
/// let busy = JobError::retry_after(Duration::from_secs(30), "the mail server is busy");
/// let wrong = JobError::give_up("the address does not exist");
/// assert!(busy.is_worth_another() && !wrong.is_worth_another());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    message: String,
    next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Later,
    After(Duration),
    Never,
}

impl JobError {
    /// It may succeed later: tried again after a pause that grows with each attempt.
    pub fn retry(why: impl fmt::Display) -> Self {
        Self::new(why, Next::Later)
    }

    /// It may succeed after `pause`.
    pub fn retry_after(pause: Duration, why: impl fmt::Display) -> Self {
        Self::new(why, Next::After(pause))
    }

    /// It will never succeed: not tried again.
    pub fn give_up(why: impl fmt::Display) -> Self {
        Self::new(why, Next::Never)
    }

    fn new(why: impl fmt::Display, next: Next) -> Self {
        Self {
            message: why.to_string(),
            next,
        }
    }

    /// Whether another attempt makes sense.
    pub fn is_worth_another(&self) -> bool {
        self.next != Next::Never
    }

    /// How long to wait before the next attempt, when that was said.
    pub fn pause(&self) -> Option<Duration> {
        match self.next {
            Next::After(pause) => Some(pause),
            Next::Later | Next::Never => None,
        }
    }
}

impl From<crate::Error> for JobError {
    fn from(error: crate::Error) -> Self {
        Self::retry(error)
    }
}

/// A payload that is not what the handler expects will not be next time either.
impl From<serde_json::Error> for JobError {
    fn from(error: serde_json::Error) -> Self {
        Self::give_up(error)
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for JobError {}
