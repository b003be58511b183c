//! One error type for the crate: what went wrong, with which input, and what to do next.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::problem::ProblemCode;

/// Everything that can fail in tenancy, as one cheap-to-clone value.
///
/// The message names the offending input and the next action; [`Error::kind`] says what sort of
/// failure it is, and [`Error::code`] gives the stable code that clients see.
///
/// # Example
///
/// ```
/// use tenancy_core::{ErrorKind, ProblemCode, SchemaName};
///
/// let error = SchemaName::parse("Acme-1").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidName);
/// assert_eq!(error.code(), ProblemCode::ValidationFailed);
/// assert!(error.to_string().contains("\"Acme-1\""));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    notice: Option<Notice>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What clients are told although the failure is on our side.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notice {
    pub(crate) detail: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

/// The sort of a failure; new kinds may be added, so match with a wildcard arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A slug, schema name, prefix or other name breaks its grammar or is reserved.
    InvalidName,
    /// A request names no host, several hosts, or something that is not a host.
    InvalidHost,
    /// No tenant answers to the identifier.
    NotFound,
    /// The tenant exists but does not serve now; the status says why.
    NotActive(crate::tenant::Status),
    /// The tenant's tables are older than the program needs.
    Migrating,
    /// A status cannot follow the present one.
    InvalidTransition,
    /// The tenant's terms admit no more of it.
    LimitReached {
        /// The most there may be.
        limit: u64,
        /// How many there are; who counts may stop at the limit.
        used: u64,
    },
    /// The name is taken, or still reserved after it was freed.
    Conflict,
    /// Two sources name different tenants.
    Mismatch,
    /// A value came from somewhere else than it claims.
    Corrupt,
    /// A database, engine or peer did not answer.
    Unavailable,
    /// The setting is missing or cannot be used.
    Configuration,
    /// Something that should not happen did.
    Internal,
}

impl Error {
    /// Makes an error of `kind`; `message` names the input and the next action.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            notice: None,
            source: None,
        }))
    }

    /// Makes an error of `kind` that keeps `source` for the log.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            notice: None,
            source: Some(source.into()),
        }))
    }

    /// Makes an error of `kind` whose `notice` clients are to see.
    pub(crate) fn with_notice(kind: ErrorKind, message: String, notice: Notice) -> Self {
        Self(Arc::new(Inner {
            kind,
            message,
            notice: Some(notice),
            source: None,
        }))
    }

    /// What clients are to see of it.
    pub(crate) fn notice(&self) -> Option<&Notice> {
        self.0.notice.as_ref()
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code a client sees for this failure.
    pub fn code(&self) -> ProblemCode {
        use crate::tenant::Status;
        match self.0.kind {
            ErrorKind::InvalidName => ProblemCode::ValidationFailed,
            ErrorKind::InvalidHost => ProblemCode::InvalidHost,
            ErrorKind::NotActive(Status::Suspended) => ProblemCode::TenantSuspended,
            ErrorKind::NotActive(Status::Provisioning) => ProblemCode::TenantProvisioning,
            ErrorKind::NotActive(Status::Maintenance) => ProblemCode::TenantMaintenance,
            ErrorKind::Migrating => ProblemCode::TenantMigrating,
            // An archived tenant tells nobody that it ever was.
            ErrorKind::NotFound | ErrorKind::NotActive(_) => ProblemCode::TenantNotFound,
            ErrorKind::InvalidTransition | ErrorKind::Conflict => ProblemCode::Conflict,
            ErrorKind::LimitReached { .. } => ProblemCode::LimitReached,
            ErrorKind::Mismatch => ProblemCode::TenantMismatch,
            ErrorKind::Unavailable => ProblemCode::Unavailable,
            ErrorKind::Corrupt | ErrorKind::Configuration | ErrorKind::Internal => {
                ProblemCode::Internal
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
