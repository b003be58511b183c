//! A strategy that looks at the path: `/t/acme/posts` is `/posts` of `acme`.

use http::Uri;
use http::uri::PathAndQuery;

use super::strategy::{Identification, RequestHead, Strategy};
use crate::error::{Error, ErrorKind};
use crate::name::Slug;
use crate::store::Identifier;

/// Takes the slug from the path segment behind a prefix, and takes both off the path.
///
/// The slug must stand there as it is: percent-encoding, dots and upper case are invalid, so that
/// no two spellings of a path mean the same tenant.
#[derive(Debug, Clone)]
pub struct PathPrefix(Box<str>);

impl PathPrefix {
    /// Looks behind `prefix`, which starts and ends with a slash.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it does not, or has an empty segment or other characters
    /// than letters, digits, `-` and `_` in one.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, PathPrefix};
    ///
    /// assert!(PathPrefix::new("/t/").is_ok());
    /// assert_eq!(PathPrefix::new("t").unwrap_err().kind(), ErrorKind::Configuration);
    /// ```
    pub fn new(prefix: &str) -> Result<Self, Error> {
        let segment = |segment: &str| {
            !segment.is_empty()
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        let inner = prefix
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'));
        if prefix == "/" || inner.is_some_and(|inner| inner.split('/').all(segment)) {
            return Ok(Self(prefix.into()));
        }
        Err(Error::new(
            ErrorKind::Configuration,
            format!("path prefix {prefix:?} is invalid: write it like /t/"),
        ))
    }

    /// Splits the path into the slug's segment and what follows it, slash included.
    fn split<'a>(&self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let behind = path.strip_prefix(&*self.0)?;
        if behind.is_empty() {
            return None;
        }
        Some(behind.split_at(behind.find('/').unwrap_or(behind.len())))
    }
}

impl Strategy for PathPrefix {
    fn name(&self) -> &'static str {
        "path"
    }

    fn identify(&self, head: &RequestHead<'_>) -> Identification {
        let Some((segment, rest)) = self.split(head.uri.path()) else {
            return Identification::Absent;
        };
        // Two slashes at the start of a path read as the start of another host.
        if rest.starts_with("//") {
            return Identification::Invalid(Error::new(
                ErrorKind::InvalidName,
                "the path has two slashes behind the tenant: leave one away",
            ));
        }
        match Slug::parse(segment) {
            Ok(slug) => Identification::Found(Identifier::Slug(slug)),
            Err(error) => Identification::Invalid(error),
        }
    }

    fn rewrite(&self, uri: &Uri) -> Option<Uri> {
        let (_, rest) = self.split(uri.path())?;
        let path = if rest.is_empty() { "/" } else { rest };
        let text = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
        Uri::from_parts(parts).ok()
    }
}
