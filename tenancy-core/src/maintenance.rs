//! What a tenant that is being worked on tells its users.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use crate::error::{Error, ErrorKind};

/// The longest message, in characters.
const LONGEST: usize = 500;

/// What a tenant in maintenance tells its users, and when it expects to be back.
///
/// # Example
///
/// ```
/// use tenancy_core::{ErrorKind, Maintenance};
///
/// let maintenance = Maintenance::new().message("we are moving house");
/// assert_eq!(maintenance.text(), Some("we are moving house"));
/// maintenance.check()?;
///
/// let error = Maintenance::new().message("beep\u{7}").check().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidName);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Maintenance {
    message: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

impl Maintenance {
    /// Says nothing in particular.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells users this, in one line of at most 500 characters.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Says when it is expected to end; nothing ends by itself then.
    #[must_use]
    pub fn until(mut self, until: OffsetDateTime) -> Self {
        self.until = Some(until);
        self
    }

    /// What users are told.
    pub fn text(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// When it is expected to end.
    pub fn end(&self) -> Option<OffsetDateTime> {
        self.until
    }

    /// Refuses a message that cannot be shown to everybody.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when it is longer than 500 characters or has control characters.
    pub fn check(&self) -> Result<(), Error> {
        let message = self.message.as_deref().unwrap_or_default();
        if message.chars().count() <= LONGEST && !message.chars().any(char::is_control) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidName,
            format!(
                "maintenance message {message:?} is invalid: use at most {LONGEST} characters in \
                 one line"
            ),
        ))
    }

    /// How long is left from now on, at least a second.
    pub(crate) fn left(&self) -> Option<Duration> {
        let left = self.until? - OffsetDateTime::now_utc();
        Some(
            Duration::try_from(left)
                .unwrap_or_default()
                .max(Duration::from_secs(1)),
        )
    }
}
