//! How fast a run goes, and when it stops.

use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use tenancy_core::Slug;

use crate::error::{Error, ErrorKind};

/// How fast a run goes, and when it stops: by default four jobs, twenty tenants in a batch, and
/// no stop before the end.
///
/// # Example
///
/// ```
/// use std::num::NonZeroUsize;
/// use tenancy_sqlx::{Pace, Wave};
///
/// let careful = Pace::new(NonZeroUsize::MIN).canary(5).wave("20%".parse()?);
/// assert_ne!(careful, Pace::default());
/// # Ok::<(), tenancy_sqlx::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    pub(crate) jobs: NonZeroUsize,
    pub(crate) batch: NonZeroUsize,
    pub(crate) canary: usize,
    pub(crate) canaries: Vec<Slug>,
    pub(crate) wave: Option<Wave>,
    pub(crate) lock_timeout: Duration,
    pub(crate) attempts: NonZeroU32,
    pub(crate) stop: Stop,
}

/// Whether a failure keeps the tenants from their turn that have not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Only between the canaries and the waves.
    AfterStage,
    AfterFailure,
}

impl Pace {
    /// At most `jobs` batches or tenants at a time, each on a connection of its own.
    pub fn new(jobs: NonZeroUsize) -> Self {
        Self {
            jobs,
            ..Self::default()
        }
    }

    /// At most so many healthy tenants share a transaction; one gives every tenant its own.
    #[must_use]
    pub fn batch(self, batch: NonZeroUsize) -> Self {
        Self { batch, ..self }
    }

    /// The first `count` tenants by slug go alone; when one of them fails, nobody else is touched.
    #[must_use]
    pub fn canary(self, count: usize) -> Self {
        Self {
            canary: count,
            ..self
        }
    }

    /// These tenants go first, beside those that [`Pace::canary`] counts.
    #[must_use]
    pub fn canary_tenants(mut self, slugs: impl IntoIterator<Item = Slug>) -> Self {
        self.canaries.extend(slugs);
        self
    }

    /// The rest goes in waves; the next begins when nobody failed in the one before.
    #[must_use]
    pub fn wave(self, wave: Wave) -> Self {
        Self {
            wave: Some(wave),
            ..self
        }
    }

    /// How long a tenant's turn waits for a table that others use, five seconds by default.
    #[must_use]
    pub fn lock_timeout(self, lock_timeout: Duration) -> Self {
        Self {
            lock_timeout,
            ..self
        }
    }

    /// How many turns a tenant gets that could not have a lock, three by default; others go on
    /// meanwhile. In front of them is a short one that does not wait.
    #[must_use]
    pub fn attempts(self, attempts: NonZeroU32) -> Self {
        Self { attempts, ..self }
    }

    /// Begins no tenant any more once one has failed; those under way are finished.
    #[must_use]
    pub fn stop_at_first_failure(self) -> Self {
        Self {
            stop: Stop::AfterFailure,
            ..self
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            // Four keep two cores and the server's disk busy; more wait for each other.
            jobs: NonZeroUsize::new(4).unwrap_or(NonZeroUsize::MIN),
            // Twenty have nearly all of the gain, and hold few locks for long.
            batch: NonZeroUsize::new(20).unwrap_or(NonZeroUsize::MIN),
            canary: 0,
            canaries: Vec::new(),
            wave: None,
            lock_timeout: Duration::from_secs(5),
            attempts: NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN),
            stop: Stop::AfterStage,
        }
    }
}

impl From<NonZeroUsize> for Pace {
    fn from(jobs: NonZeroUsize) -> Self {
        Self::new(jobs)
    }
}

/// How many tenants are in a wave.
///
/// # Example
///
/// ```
/// use tenancy_sqlx::{ErrorKind, Wave};
///
/// let wave: Wave = "20%".parse()?;
/// assert_eq!(wave.size_of(1001), 201);
/// assert_eq!("0".parse::<Wave>().unwrap_err().kind(), ErrorKind::InvalidInput);
/// # Ok::<(), tenancy_sqlx::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wave {
    /// So many of a hundred, rounded up.
    Percent(NonZeroU32),
    /// So many.
    Tenants(NonZeroUsize),
}

impl Wave {
    /// How many tenants of `all` are in one wave; at least one.
    pub fn size_of(self, all: usize) -> usize {
        match self {
            Self::Percent(percent) => all
                .saturating_mul(percent.get() as usize)
                .div_ceil(100)
                .max(1),
            Self::Tenants(count) => count.get(),
        }
    }
}

impl FromStr for Wave {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            let why = "give a number of tenants, or a percentage as 20%, and at most 100%";
            Error::new(
                ErrorKind::InvalidInput,
                format!("wave {text:?} is invalid: {why}"),
            )
        };
        let wave = match text.strip_suffix('%') {
            Some(percent) => percent.parse().map(Self::Percent),
            None => text.parse().map(Self::Tenants),
        };
        match wave.map_err(|error| invalid().with_source(error))? {
            Self::Percent(percent) if percent.get() > 100 => Err(invalid()),
            wave => Ok(wave),
        }
    }
}
