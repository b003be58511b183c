//! What separates installations that share a server.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// Separates installations that share a server: `[a-z][a-z0-9-]{0,30}`, with single inner hyphens.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// Parses an installation prefix.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when it is empty, longer than 31 bytes, does not start with a
    /// lower-case letter, has other characters than `a-z`, `0-9` and `-`, has two hyphens in a
    /// row, or ends in one.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, Prefix};
    ///
    /// assert_eq!(Prefix::parse("shop-eu")?.as_str(), "shop-eu");
    /// assert_eq!(Prefix::parse("shop_eu").unwrap_err().kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fits = text.len() <= 31
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && !text.contains("--")
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorKind::InvalidName,
            format!(
                "prefix {text:?} is invalid: use at most 31 of a-z, 0-9 and single inner hyphens, \
                 starting with a letter"
            ),
        ))
    }

    /// The bare prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    /// The prefix `tenancy`.
    fn default() -> Self {
        Self("tenancy".into())
    }
}

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({})", self.0)
    }
}
