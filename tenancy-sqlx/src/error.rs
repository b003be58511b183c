//! What can fail between a statement and its rows.

use std::borrow::Cow;
use std::fmt;

use tenancy_core::{IntoProblem, Problem, ProblemCode};

use crate::guard::is_stale;

/// A failed statement, transaction or operation on the fleet.
///
/// The message names the tenant or input and the next action; the driver's own error is the
/// [source](std::error::Error::source) and stays in the log.
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    place: Option<Place>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Where a statement is written: its file and line.
pub(crate) type Place = (&'static str, u32);

/// The sort of a failure; new kinds may be added, so match with a wildcard arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A unique constraint or index says no; [`Error::constraint`] names it.
    Conflict,
    /// Another constraint says no; [`Error::constraint`] names it.
    Constraint,
    /// A value is not what the statement takes: wrong number of binds, wrong type, out of range.
    InvalidInput,
    /// The row is not there.
    RowNotFound,
    /// A table, column or schema of the statement is not there: the tenant is not at the
    /// migration level this program needs, or its schema is gone.
    SchemaMismatch,
    /// Two transactions met; running the whole transaction again may succeed.
    Serialization,
    /// A statement or lock took longer than its limit.
    Timeout,
    /// The transaction failed earlier, or was cut off, and cannot be committed.
    TransactionAborted,
    /// The tenant has its share of the connections in use, and enough of its requests wait.
    Busy,
    /// The login may not do this.
    Forbidden,
    /// The server does not answer, or no connection came free in time.
    Unavailable,
    /// The server or its login is not set up as the framework needs it.
    Configuration,
    /// A name, host or status breaks a rule of the core; the source has it.
    Core(tenancy_core::ErrorKind),
    /// Everything else.
    Internal,
}

impl Error {
    /// Makes an error of `kind`; `message` names the input and the next action.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            place: None,
            source: None,
        }
    }

    /// Keeps `source` for the log.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says what was being done, in front of the message there is.
    #[must_use]
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message).into();
        self
    }

    /// Notes where the statement is written that failed.
    pub(crate) fn of_statement(mut self, place: Option<Place>) -> Self {
        self.place = self.place.or(place);
        self
    }

    /// The source file and line of the statement that failed, when it was one of `tenant_sql!` or
    /// `shared_sql!`; shown by `Debug`, and so by logs.
    pub fn statement(&self) -> Option<(&'static str, u32)> {
        self.place
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The SQLSTATE, when PostgreSQL answered with one.
    pub fn sqlstate(&self) -> Option<Cow<'_, str>> {
        self.database()?.code()
    }

    /// The constraint that said no, when one did.
    pub fn constraint(&self) -> Option<&str> {
        self.database()?.constraint()
    }

    fn database(&self) -> Option<&dyn sqlx::error::DatabaseError> {
        self.source
            .as_deref()?
            .downcast_ref::<sqlx::Error>()?
            .as_database_error()
    }

    /// What a client is told; nothing of the database shows.
    pub fn to_problem(&self) -> Problem {
        match self.kind {
            ErrorKind::Conflict => {
                Problem::new(ProblemCode::Conflict).detail("something of this name exists already")
            }
            ErrorKind::Constraint => Problem::new(ProblemCode::ValidationFailed)
                .detail("a value breaks a rule of the data"),
            ErrorKind::InvalidInput => Problem::new(ProblemCode::BadRequest)
                .detail("a value is not of the kind this takes"),
            ErrorKind::Busy => Problem::new(ProblemCode::RateLimited)
                .detail("too many requests of this tenant are under way"),
            ErrorKind::RowNotFound => Problem::new(ProblemCode::NotFound),
            ErrorKind::Serialization
            | ErrorKind::Timeout
            | ErrorKind::Unavailable
            | ErrorKind::SchemaMismatch => Problem::new(ProblemCode::Unavailable),
            ErrorKind::Core(_) => self
                .source
                .as_deref()
                .and_then(|source| source.downcast_ref::<tenancy_core::Error>())
                .map_or_else(|| Problem::new(ProblemCode::Internal), Problem::from),
            _ => Problem::new(ProblemCode::Internal),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let error = match error {
            sqlx::Error::Configuration(ours) => match ours.downcast::<Self>() {
                Ok(ours) => return *ours,
                Err(other) => sqlx::Error::Configuration(other),
            },
            error => error,
        };
        let (kind, message) = classify(&error);
        Self {
            kind,
            message,
            place: None,
            source: Some(Box::new(error)),
        }
    }
}

/// For code that speaks sqlx, such as what runs on a [`ScopedTx`](crate::ScopedTx).
///
/// A failure of the database is the driver's own error again, and a row that is not there is
/// [`sqlx::Error::RowNotFound`]. Everything else is a [`sqlx::Error::Configuration`], which turns
/// back into the same error.
impl From<Error> for sqlx::Error {
    fn from(mut error: Error) -> Self {
        if error.kind == ErrorKind::RowNotFound {
            return Self::RowNotFound;
        }
        match error
            .source
            .take()
            .map(<dyn std::error::Error + Send + Sync>::downcast::<Self>)
        {
            Some(Ok(driver)) if kind_of(&driver) == error.kind => *driver,
            // It says more than the driver does.
            Some(Ok(driver)) => {
                error.source = Some(driver);
                Self::Configuration(Box::new(error))
            }
            Some(Err(source)) => {
                error.source = Some(source);
                Self::Configuration(Box::new(error))
            }
            None => Self::Configuration(Box::new(error)),
        }
    }
}

/// The kind that `error` becomes.
pub(crate) fn kind_of(error: &sqlx::Error) -> ErrorKind {
    classify(error).0
}

fn classify(error: &sqlx::Error) -> (ErrorKind, Cow<'static, str>) {
    if let sqlx::Error::Database(database) = error {
        let code = database.code().unwrap_or_default();
        let kind = match &*code {
            "23505" => ErrorKind::Conflict,
            "3F000" | "42P01" | "42703" | "42883" | "42704" | "0A000" => ErrorKind::SchemaMismatch,
            "40001" | "40P01" => ErrorKind::Serialization,
            "57014" | "55P03" | "25P03" => ErrorKind::Timeout,
            "25P01" | "25P02" => ErrorKind::TransactionAborted,
            "42501" | "28000" | "28P01" => ErrorKind::Forbidden,
            "53300" | "57P01" | "57P02" | "57P03" => ErrorKind::Unavailable,
            code if code.starts_with("23") => ErrorKind::Constraint,
            code if code.starts_with("22") => ErrorKind::InvalidInput,
            code if code.starts_with("08") => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        };
        if is_stale(error) {
            let message = "a table changed after the statement was prepared: run the transaction \
                           again from its beginning";
            return (kind, message.into());
        }
        return (kind, format!("{} ({code})", database.message()).into());
    }
    let kind = match error {
        sqlx::Error::RowNotFound => ErrorKind::RowNotFound,
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::WorkerCrashed => ErrorKind::Unavailable,
        sqlx::Error::Encode(_) => ErrorKind::InvalidInput,
        sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => ErrorKind::Configuration,
        _ => ErrorKind::Internal,
    };
    (kind, error.to_string().into())
}

impl From<tenancy_core::Error> for Error {
    fn from(error: tenancy_core::Error) -> Self {
        Self {
            kind: ErrorKind::Core(error.kind()),
            message: error.to_string().into(),
            place: None,
            source: Some(Box::new(error)),
        }
    }
}

impl IntoProblem for Error {
    fn into_problem(self) -> (Problem, Option<Box<dyn std::error::Error + Send + Sync>>) {
        (self.to_problem(), Some(Box::new(self)))
    }
}

impl From<Error> for tenancy_core::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::Core(kind) => kind,
            ErrorKind::Conflict => tenancy_core::ErrorKind::Conflict,
            ErrorKind::Unavailable
            | ErrorKind::Busy
            | ErrorKind::Timeout
            | ErrorKind::Serialization => tenancy_core::ErrorKind::Unavailable,
            ErrorKind::Configuration | ErrorKind::Forbidden => {
                tenancy_core::ErrorKind::Configuration
            }
            _ => tenancy_core::ErrorKind::Internal,
        };
        Self::with_source(kind, error.message.to_string(), error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind)
            .field("message", &self.message);
        if let Some((file, line)) = self.place {
            out.field("statement", &format_args!("{file}:{line}"));
        }
        if let Some(source) = &self.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
