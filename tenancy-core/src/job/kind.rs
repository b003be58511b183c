//! What sort of work a job is.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Names the sort of work that one handler does, such as `mail.send`:
/// `[a-z][a-z0-9_.-]{0,62}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobKind(Cow<'static, str>);

impl JobKind {
    /// Names a kind in the source; make it a `const`.
    ///
    /// ```
    /// use tenancy_core::job::JobKind;
    ///
    /// const MAIL: JobKind = JobKind::new("mail.send");
    /// ```
    ///
    /// A name that is none does not compile:
    ///
    /// ```compile_fail
    /// use tenancy_core::job::JobKind;
    ///
    /// const MAIL: JobKind = JobKind::new("Send mail");
    /// ```
    ///
    /// # Panics
    ///
    /// When `name` breaks the grammar; in a `const` that is an error of the compiler.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            is_valid(name),
            "a kind has 1 to 63 of a-z, 0-9, _, . and -, and starts with a letter"
        );
        Self(Cow::Borrowed(name))
    }

    /// Parses a kind.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when `name` breaks the grammar.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, job::JobKind};
    ///
    /// assert_eq!(JobKind::parse("mail.send")?, JobKind::new("mail.send"));
    /// assert_eq!(JobKind::parse("Send mail").unwrap_err().kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self, Error> {
        if is_valid(name) {
            return Ok(Self(Cow::Owned(name.to_owned())));
        }
        Err(Error::new(
            ErrorKind::InvalidName,
            format!(
                "job kind {name:?} is invalid: use 1 to 63 of a-z, 0-9, _, . and -, starting with \
                 a letter"
            ),
        ))
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_valid(name: &str) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 63 || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 1;
    while at < bytes.len() {
        if !matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-') {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobKind({self})")
    }
}

impl FromStr for JobKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for JobKind {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<JobKind> for String {
    fn from(kind: JobKind) -> Self {
        kind.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_one_word_of_the_grammar() {
        for kind in ["a", "mail.send", "import_2-b", &"a".repeat(63)] {
            assert_eq!(JobKind::parse(kind).unwrap().as_str(), kind);
        }
        for kind in ["", "1a", ".a", "Mail", "a b", "a'b", "ä", &"a".repeat(64)] {
            assert!(JobKind::parse(kind).is_err(), "{kind}");
        }
    }
}
