//! What a strategy is, and the ones that do not look at the host or the path.

use std::fmt;

use http::{HeaderMap, HeaderName, Method, Uri};

use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::name::Slug;
use crate::store::Identifier;

/// The part of a request that a strategy may look at.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI as it was received.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The one host the request names, if it was established.
    pub host: Option<&'a Host>,
}

impl<'a> RequestHead<'a> {
    /// Puts a head together, as the resolver does.
    pub fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        host: Option<&'a Host>,
    ) -> Self {
        Self {
            method,
            uri,
            headers,
            host,
        }
    }
}

/// What a strategy sees in a request.
#[derive(Debug, Clone)]
pub enum Identification {
    /// It names a tenant, which may or may not exist.
    Found(Identifier),
    /// It says nothing about a tenant; the next strategy is asked.
    Absent,
    /// It tries to name a tenant in a way that no tenant can be named; the search ends here.
    Invalid(Error),
}

/// One way to see in a request whose it is.
///
/// A strategy only reads what the request says; whether the tenant exists and may serve is
/// decided by the [`Resolver`](crate::Resolver).
pub trait Strategy: Send + Sync + 'static {
    /// A short name for logs, such as `subdomain`; it becomes [`TenantContext::origin`].
    ///
    /// [`TenantContext::origin`]: crate::TenantContext::origin
    fn name(&self) -> &'static str;

    /// Looks for an identifier in `head`.
    fn identify(&self, head: &RequestHead<'_>) -> Identification;

    /// Gives the URI as the tenant's routes see it, if the strategy takes something off it.
    fn rewrite(&self, uri: &Uri) -> Option<Uri> {
        let _ = uri;
        None
    }
}

/// Takes the tenant from a header, as a slug or an id.
///
/// A client can write any header, so this is for services behind a gateway that sets it, and for
/// confirming what another strategy found.
#[derive(Debug, Clone)]
pub struct Header(HeaderName);

impl Header {
    /// Opts in to believe header `name`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when `name` is not a header name.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, Header};
    ///
    /// assert!(Header::opt_in("x-tenant").is_ok());
    /// assert_eq!(Header::opt_in("x tenant").unwrap_err().kind(), ErrorKind::Configuration);
    /// ```
    pub fn opt_in(name: &str) -> Result<Self, Error> {
        HeaderName::try_from(name).map(Self).map_err(|error| {
            Error::with_source(
                ErrorKind::Configuration,
                format!("header name {name:?} is invalid: use letters, digits and hyphens"),
                error,
            )
        })
    }
}

impl Strategy for Header {
    fn name(&self) -> &'static str {
        "header"
    }

    fn identify(&self, head: &RequestHead<'_>) -> Identification {
        let mut values = head.headers.get_all(&self.0).iter();
        let Some(value) = values.next() else {
            return Identification::Absent;
        };
        if values.next().is_some() {
            return Identification::Invalid(Error::new(
                ErrorKind::InvalidName,
                format!("the request has several {} headers: send one", self.0),
            ));
        }
        let Ok(text) = value.to_str() else {
            return Identification::Invalid(Error::new(
                ErrorKind::InvalidName,
                format!("header {} is not ASCII: send a slug or an id", self.0),
            ));
        };
        match read_name(text) {
            Ok(identifier) => Identification::Found(identifier),
            Err(error) => Identification::Invalid(error),
        }
    }
}

/// Takes a UUID in its usual form as an id and everything else as a slug.
fn read_name(text: &str) -> Result<Identifier, Error> {
    let uuid_shaped = text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    if uuid_shaped {
        return text.parse().map(Identifier::Id);
    }
    Slug::parse(text).map(Identifier::Slug)
}

/// Takes every request for one tenant: a service that has a single one.
#[derive(Debug, Clone)]
pub struct Fixed(Identifier);

impl Fixed {
    /// Names the tenant of every request.
    pub fn new(identifier: Identifier) -> Self {
        Self(identifier)
    }
}

impl Strategy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn identify(&self, _: &RequestHead<'_>) -> Identification {
        Identification::Found(self.0.clone())
    }
}

/// A strategy made of a closure; see [`from_fn`].
#[derive(Clone)]
pub struct FromFn<F> {
    name: &'static str,
    identify: F,
}

/// Makes a strategy called `name` of a closure.
///
/// # Example
///
/// ```
/// use tenancy_core::{Identification, Identifier, Slug, from_fn};
///
/// let by_query = from_fn("query", |head| {
///     match head.uri.query().and_then(|query| query.strip_prefix("tenant=")) {
///         None => Identification::Absent,
///         Some(text) => match Slug::parse(text) {
///             Ok(slug) => Identification::Found(Identifier::Slug(slug)),
///             Err(error) => Identification::Invalid(error),
///         },
///     }
/// });
/// # let _ = by_query;
/// ```
pub fn from_fn<F>(name: &'static str, identify: F) -> FromFn<F>
where
    F: Fn(&RequestHead<'_>) -> Identification + Send + Sync + 'static,
{
    FromFn { name, identify }
}

impl<F> Strategy for FromFn<F>
where
    F: Fn(&RequestHead<'_>) -> Identification + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn identify(&self, head: &RequestHead<'_>) -> Identification {
        (self.identify)(head)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FromFn").field(&self.name).finish()
    }
}
