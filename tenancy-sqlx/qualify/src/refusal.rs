//! Why a statement was not accepted, and what to write instead.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Says which bytes of the text were refused, for which reason, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    span: Range<usize>,
    reason: Cow<'static, str>,
    help: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(
        span: Range<usize>,
        reason: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            span,
            reason: reason.into(),
            help: help.into(),
        }
    }

    /// The refused bytes of the text that was given.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What was found.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What to write instead.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason, self.help)
    }
}

impl std::error::Error for Refusal {}
