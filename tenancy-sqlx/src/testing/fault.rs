//! Statements that do not fit the tables, shown together.

use std::fmt;
use std::path::Path;

use sqlx::postgres::PgDatabaseError;

use super::excerpt;
use super::source::Place;

/// Why a check failed: every statement that does not fit, by file and line.
///
/// Its `Debug` is the same text, because that is what a failed test prints.
pub struct StatementFaults {
    pub(super) heading: String,
    pub(super) faults: Vec<StatementFault>,
}

/// One statement that does not fit, or what kept it from being checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementFault {
    place: Option<Place>,
    message: String,
    sqlstate: Option<String>,
    hint: Option<String>,
    excerpt: Option<String>,
}

impl StatementFaults {
    /// The faults, sorted by file and line.
    pub fn faults(&self) -> &[StatementFault] {
        &self.faults
    }

    /// A check that had nothing to look at.
    pub(super) fn nothing(folder: &Path, message: impl Into<String>) -> Self {
        Self {
            heading: format!("the statements of {} cannot be checked", folder.display()),
            faults: vec![StatementFault::new(None, message)],
        }
    }
}

impl StatementFault {
    pub(super) fn new(place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            sqlstate: None,
            hint: None,
            excerpt: None,
        }
    }

    /// What the server says about the statement at `place`.
    pub(super) fn server(place: Place, error: &sqlx::Error) -> Self {
        let Some(error) = error.as_database_error() else {
            return Self::new(Some(place), error.to_string());
        };
        let hint = error
            .try_downcast_ref::<PgDatabaseError>()
            .and_then(|error| error.hint().or(error.detail()));
        Self {
            sqlstate: error.code().map(Into::into),
            hint: hint.map(str::to_owned),
            ..Self::new(Some(place), error.message())
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Shows the line of `source` that the fault is in.
    pub(super) fn shown_in(mut self, source: &str) -> Self {
        self.excerpt = self
            .place
            .as_ref()
            .and_then(|place| excerpt::line(source, place));
        self
    }

    /// Where the fault is; a check that could not begin has no place.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// PostgreSQL's code for it.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }
}

impl fmt::Display for StatementFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(code) = &self.sqlstate {
            write!(f, " ({code})")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        Ok(())
    }
}

impl fmt::Display for StatementFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.heading)?;
        for fault in &self.faults {
            write!(f, "\n\n{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StatementFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StatementFaults {}
