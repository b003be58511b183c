//! A host name in the one form in which it is stored and compared.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// A host name in canonical form: lower case, no port, no trailing dot, IDNs as A-labels.
///
/// IP addresses, wildcards, user info, underscores and empty labels are not domains. A single
/// label such as `localhost` is one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(Box<str>);

impl Domain {
    /// Parses a host name without a port and brings it into canonical form.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHost`] when it has a port, is an IP address, is longer than 253 bytes,
    /// or has a label that is empty, longer than 63 bytes, or not made of letters, digits and
    /// inner hyphens.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{Domain, ErrorKind};
    ///
    /// assert_eq!(Domain::parse("Bücher.Example.")?.as_str(), "xn--bcher-kva.example");
    /// assert_eq!(Domain::parse("127.0.0.1").unwrap_err().kind(), ErrorKind::InvalidHost);
    /// assert_eq!(Domain::parse("a.example:80").unwrap_err().kind(), ErrorKind::InvalidHost);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| {
            Err(Error::new(
                ErrorKind::InvalidHost,
                format!("domain {text:?} is invalid: {reason}"),
            ))
        };
        if text.contains(':') {
            return invalid("give the name without a port");
        }
        // A raw length bound first: canonicalising is not free and the input is a stranger's.
        if text.len() > 1024 {
            return invalid("it is longer than 253 bytes");
        }
        if crate::sabotaged!("tenant.host-only-lowered") {
            return Ok(Self(text.to_lowercase().into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let ascii = if is_plain(name) {
            Cow::Borrowed(name)
        } else if let Ok(ascii) = idna::domain_to_ascii_strict(name) {
            Cow::Owned(ascii)
        } else {
            return invalid("use letters, digits and inner hyphens between the dots");
        };
        if ascii.is_empty() || ascii.len() > 253 {
            return invalid("it must have 1 to 253 bytes");
        }
        if !ascii.split('.').all(is_label) {
            return invalid("use letters, digits and inner hyphens between the dots");
        }
        // A last label of digits is read as an IPv4 address by URL parsers, whatever stands
        // before it (WHATWG URL, "ends in a number").
        let last = ascii.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
            return invalid("an IP address is not a domain");
        }
        Ok(Self(ascii.into_owned().into()))
    }

    /// The canonical name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one label in front of `base`, if this is exactly one label below it.
    pub fn label_below(&self, base: &Self) -> Option<&str> {
        let label = self.0.strip_suffix(&*base.0)?.strip_suffix('.')?;
        (!label.contains('.') || crate::sabotaged!("tenant.deeper-label")).then_some(label)
    }
}

/// Whether IDNA has nothing to do: the case of nearly every request. Encoded labels must be decoded
/// to be checked, and what else has hyphens in places three and four is refused there.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        && !name
            .split('.')
            .any(|label| label.as_bytes().get(2..4) == Some(b"--"))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.0)
    }
}

impl FromStr for Domain {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Domain {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0.into()
    }
}
