//! Strategies that look at the host: a subdomain, a pattern, a domain of the tenant's own.

use super::strategy::{Identification, RequestHead, Strategy};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::name::Slug;
use crate::store::Identifier;

/// Takes the slug from the one label below a base domain: `acme.example.com`.
///
/// The base itself, deeper names, other domains and labels that no slug can have, such as `www`,
/// say nothing about a tenant.
#[derive(Debug, Clone)]
pub struct Subdomain(Domain);

impl Subdomain {
    /// Looks below `base`.
    pub fn of(base: Domain) -> Self {
        Self(base)
    }
}

impl Strategy for Subdomain {
    fn name(&self) -> &'static str {
        "subdomain"
    }

    fn identify(&self, head: &RequestHead<'_>) -> Identification {
        found_slug(name_of(head).and_then(|name| name.label_below(&self.0)))
    }
}

/// Takes the slug from a place inside the host: `app-{slug}.example.com`.
///
/// Hosts that do not fit, and places that hold no slug, say nothing about a tenant.
#[derive(Debug, Clone)]
pub struct Pattern {
    before: Box<str>,
    after: Box<str>,
}

impl Pattern {
    /// Parses a host with one `{slug}` in it, in front of at least one further label.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when `{slug}` is not there exactly once, no label follows its
    /// own, or the rest is no host name; international labels are written as `xn--`.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, Pattern};
    ///
    /// assert!(Pattern::parse("app-{slug}.example.com").is_ok());
    /// assert_eq!(Pattern::parse("{slug}").unwrap_err().kind(), ErrorKind::Configuration);
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| {
            Error::new(
                ErrorKind::Configuration,
                format!("host pattern {text:?} is invalid: {reason}"),
            )
        };
        let lower = text.to_ascii_lowercase();
        let Some((before, after)) = lower.split_once("{slug}") else {
            return Err(invalid("write {slug} where the slug stands"));
        };
        let after = after.strip_suffix('.').unwrap_or(after);
        // Without a label of its own behind the slug, every host of the world would fit.
        if !after.contains('.') {
            return Err(invalid("name the domain behind {slug}"));
        }
        let sample = format!("{before}a{after}");
        let canonical = Domain::parse(&sample)
            .map_err(|_| invalid("around {slug} stand the parts of a host name"))?;
        if canonical.as_str() != sample {
            return Err(invalid("write international labels in their xn-- form"));
        }
        Ok(Self {
            before: before.into(),
            after: after.into(),
        })
    }
}

impl Strategy for Pattern {
    fn name(&self) -> &'static str {
        "pattern"
    }

    fn identify(&self, head: &RequestHead<'_>) -> Identification {
        found_slug(name_of(head).and_then(|name| {
            name.as_str()
                .strip_prefix(&*self.before)?
                .strip_suffix(&*self.after)
        }))
    }
}

/// Takes the whole host as a domain of the tenant's own; IP addresses say nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExactDomain;

impl Strategy for ExactDomain {
    fn name(&self) -> &'static str {
        "domain"
    }

    fn identify(&self, head: &RequestHead<'_>) -> Identification {
        match name_of(head) {
            Some(name) => Identification::Found(Identifier::Domain(name.clone())),
            None => Identification::Absent,
        }
    }
}

fn name_of<'a>(head: &RequestHead<'a>) -> Option<&'a Domain> {
    head.host.and_then(Host::domain)
}

fn found_slug(text: Option<&str>) -> Identification {
    match text.map(Slug::parse) {
        Some(Ok(slug)) => Identification::Found(Identifier::Slug(slug)),
        Some(Err(_)) | None => Identification::Absent,
    }
}
