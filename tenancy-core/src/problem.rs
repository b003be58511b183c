//! What a client is told when something fails: RFC 9457 problem details with stable codes.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// A stable, machine-readable reason; a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemCode {
    /// 400: the request cannot be understood.
    BadRequest,
    /// 400: the body is not the JSON it claims to be.
    InvalidJson,
    /// 400: the request names no host, several, or something that is not a host.
    InvalidHost,
    /// 400: two sources name different tenants.
    TenantMismatch,
    /// 401: no valid identity was presented.
    Unauthorized,
    /// 401: the identity belongs to another tenant.
    WrongTenant,
    /// 403: the identity may not do this.
    Forbidden,
    /// 403: the plan's limit is used up.
    LimitReached,
    /// 403: the tenant is suspended.
    TenantSuspended,
    /// 404: nothing is here, or nothing the caller may see.
    NotFound,
    /// 404: no tenant answers to this host.
    TenantNotFound,
    /// 405: the route exists, the method does not.
    MethodNotAllowed,
    /// 408: the request took too long to arrive.
    RequestTimeout,
    /// 409: the name is taken or the state does not allow it.
    Conflict,
    /// 413: the body is larger than this route takes.
    PayloadTooLarge,
    /// 415: the body has a content type this route does not read.
    UnsupportedMediaType,
    /// 422: the values do not fit; `errors` says which.
    ValidationFailed,
    /// 429: too many requests; `Retry-After` says when to come back.
    RateLimited,
    /// 500: our fault; the log has the reason under the request id.
    Internal,
    /// 503: a part this request needs does not answer.
    Unavailable,
    /// 503: the tenant is in maintenance.
    TenantMaintenance,
    /// 503: the tenant is still being made.
    TenantProvisioning,
    /// 503: the tenant's tables are not yet what the program needs.
    TenantMigrating,
}

impl ProblemCode {
    /// The code as clients see it, `snake_case`.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    /// A short title that does not depend on the occurrence.
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST, "Bad request"),
            Self::InvalidJson => ("invalid_json", StatusCode::BAD_REQUEST, "Invalid JSON"),
            Self::InvalidHost => ("invalid_host", StatusCode::BAD_REQUEST, "Invalid host"),
            Self::TenantMismatch => (
                "tenant_mismatch",
                StatusCode::BAD_REQUEST,
                "Tenants disagree",
            ),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "Not signed in"),
            Self::WrongTenant => ("wrong_tenant", StatusCode::UNAUTHORIZED, "Wrong tenant"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Forbidden"),
            Self::LimitReached => ("limit_reached", StatusCode::FORBIDDEN, "Limit reached"),
            Self::TenantSuspended => (
                "tenant_suspended",
                StatusCode::FORBIDDEN,
                "Tenant suspended",
            ),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "Not found"),
            Self::TenantNotFound => (
                "tenant_not_found",
                StatusCode::NOT_FOUND,
                "Tenant not found",
            ),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
            ),
            Self::RequestTimeout => (
                "request_timeout",
                StatusCode::REQUEST_TIMEOUT,
                "Request timeout",
            ),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict"),
            Self::PayloadTooLarge => (
                "payload_too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload too large",
            ),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type",
            ),
            Self::ValidationFailed => (
                "validation_failed",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Validation failed",
            ),
            Self::RateLimited => (
                "rate_limited",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests",
            ),
            Self::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal error",
            ),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Unavailable",
            ),
            Self::TenantMaintenance => (
                "tenant_maintenance",
                StatusCode::SERVICE_UNAVAILABLE,
                "Tenant in maintenance",
            ),
            Self::TenantProvisioning => (
                "tenant_provisioning",
                StatusCode::SERVICE_UNAVAILABLE,
                "Tenant not ready yet",
            ),
            Self::TenantMigrating => (
                "tenant_migrating",
                StatusCode::SERVICE_UNAVAILABLE,
                "Tenant being upgraded",
            ),
        }
    }
}

/// One field that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where: a JSON pointer as a URI fragment, such as `#/title`.
    pub pointer: String,
    /// Which rule, `snake_case`.
    pub code: String,
    /// What to do about it.
    pub detail: String,
}

/// An error as a client sees it: `application/problem+json` (RFC 9457).
///
/// # Example
///
/// ```
/// use tenancy_core::{Problem, ProblemCode};
///
/// let problem = Problem::new(ProblemCode::TenantNotFound).detail("no tenant answers to this host");
/// let response: http::Response<String> = problem.into_response();
/// assert_eq!(response.status(), 404);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// assert!(response.body().contains(r#""code":"tenant_not_found""#));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: ProblemCode,
    detail: Option<String>,
    instance: Option<String>,
    request_id: Option<String>,
    more: More,
    retry_after: Option<Duration>,
}

/// What some codes say besides; every handler's result has room for it, so it is one or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
enum More {
    Nothing,
    Errors(Vec<FieldError>),
    Usage(Usage),
}

/// How much of what is limited is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Usage {
    limit: u64,
    used: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    usage: Option<Usage>,
}

impl Problem {
    /// Makes a problem of `code` with that code's title as its detail.
    pub fn new(code: ProblemCode) -> Self {
        let retry_after = match code {
            ProblemCode::TenantProvisioning | ProblemCode::Unavailable => {
                Some(Duration::from_secs(2))
            }
            ProblemCode::TenantMaintenance => Some(Duration::from_secs(30)),
            ProblemCode::TenantMigrating => Some(Duration::from_secs(5)),
            ProblemCode::RateLimited => Some(Duration::from_secs(1)),
            _ => None,
        };
        Self {
            code,
            detail: None,
            instance: None,
            request_id: None,
            more: More::Nothing,
            retry_after,
        }
    }

    /// Says what happened this time, for a person.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the occurrence: the path that was asked for.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Carries the id under which the log has the whole story.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Adds fields that do not fit.
    #[must_use]
    pub fn errors(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        let mut all = match self.more {
            More::Errors(errors) => errors,
            _ => Vec::new(),
        };
        all.extend(errors);
        self.more = More::Errors(all);
        self
    }

    /// Says in `limit` and `used` how much there may be, and how much there is, in the place of
    /// fields that do not fit.
    #[must_use]
    pub fn usage(mut self, limit: u64, used: u64) -> Self {
        self.more = More::Usage(Usage { limit, used });
        self
    }

    /// Says when coming back makes sense; sent as `Retry-After` in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The stable code.
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// The problem as its JSON document.
    #[expect(
        clippy::missing_panics_doc,
        reason = "a struct of strings always serializes"
    )]
    pub fn to_json(&self) -> String {
        let status = self.code.status();
        let (errors, usage) = match &self.more {
            More::Nothing => (&[][..], None),
            More::Errors(errors) => (&errors[..], None),
            More::Usage(usage) => (&[][..], Some(*usage)),
        };
        let body = Body {
            r#type: format!("urn:tenancy:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: self.detail.as_deref().unwrap_or(self.code.title()),
            instance: self.instance.as_deref(),
            code: self.code.as_str(),
            request_id: self.request_id.as_deref(),
            errors,
            usage,
        };
        serde_json::to_string(&body).expect("a struct of strings always serializes")
    }

    /// The problem as a response of any body that a string can become.
    pub fn into_response<B: From<String>>(self) -> Response<B> {
        let mut response = Response::new(B::from(self.to_json()));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

impl IntoProblem for &Error {
    fn into_problem(self) -> (Problem, Option<Box<dyn std::error::Error + Send + Sync>>) {
        self.clone().into_problem()
    }
}

/// A failure that knows what a client may be told of it.
///
/// Implement it for an error type of your own, and handlers can use `?` on it.
pub trait IntoProblem {
    /// What the client is told, and what the log is told besides.
    fn into_problem(self) -> (Problem, Option<Box<dyn std::error::Error + Send + Sync>>);
}

impl IntoProblem for Problem {
    fn into_problem(self) -> (Problem, Option<Box<dyn std::error::Error + Send + Sync>>) {
        (self, None)
    }
}

impl IntoProblem for ProblemCode {
    fn into_problem(self) -> (Problem, Option<Box<dyn std::error::Error + Send + Sync>>) {
        (Problem::new(self), None)
    }
}

impl IntoProblem for Error {
    fn into_problem(self) -> (Problem, Option<Box<dyn std::error::Error + Send + Sync>>) {
        (Problem::from(&self), Some(Box::new(self)))
    }
}

impl From<&Error> for Problem {
    /// Keeps the message where the client caused the failure; our own failures stay in the log.
    fn from(error: &Error) -> Self {
        let code = error.code();
        if code == ProblemCode::TenantNotFound {
            // The same words for a tenant that never was and for one that was.
            return Self::new(code).detail("no tenant answers here: check the address");
        }
        if code.status().is_server_error() {
            let mut problem = Self::new(code);
            if let Some(notice) = error.notice() {
                problem.detail.clone_from(&notice.detail);
                problem.retry_after = notice.retry_after.or(problem.retry_after);
            }
            return problem;
        }
        let problem = Self::new(code).detail(error.to_string());
        match error.kind() {
            ErrorKind::LimitReached { limit, used } => problem.usage(limit, used),
            _ => problem,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}
