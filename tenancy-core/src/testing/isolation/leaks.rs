//! What was found, as a report that says where to look.

use std::fmt;

/// Where something stands that must not be there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The status of an answer.
    Status,
    /// A header of an answer; its name may be the leak itself.
    Header(String),
    /// The body, from this byte on.
    Body(usize),
    /// A trailer behind the body.
    Trailer(String),
    /// What the application failed with instead of answering.
    Failure,
    /// An entry of a store.
    Store {
        /// The name of its probe.
        probe: String,
        /// Which entry.
        key: String,
    },
    /// Nowhere: the test itself proves nothing.
    Test,
}

/// One thing of a tenant that reached another, or that keeps the test from proving anything.
#[derive(Debug, Clone)]
pub struct Leak {
    pub(super) request: Option<String>,
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) excerpt: Option<String>,
    /// How often it was seen.
    pub(super) times: usize,
}

/// Why an application failed the test: every leak by request and place.
///
/// Its `Debug` is the same text as its `Display`, because that is what a failed test prints.
pub struct Leaks {
    pub(super) seed: u64,
    pub(super) leaks: Vec<Leak>,
}

/// What an application that passed was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isolated {
    pub(super) answers: usize,
    pub(super) dropped: usize,
    pub(super) bytes: usize,
    pub(super) entries: usize,
}

impl Leaks {
    /// The leaks, in the order in which they were found.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }

    /// The seed that gives the same order again.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl Leak {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            request: None,
            place,
            message: message.into(),
            excerpt: None,
            times: 1,
        }
    }

    pub(super) fn request(mut self, request: String) -> Self {
        self.request = Some(request);
        self
    }

    pub(super) fn excerpt(mut self, excerpt: impl Into<String>) -> Self {
        self.excerpt = Some(excerpt.into());
        self
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.request, &self.place, &self.message)
            == (&other.request, &other.place, &other.message)
    }

    /// The request, who sent it and where; what is found in a store has none.
    pub fn asked(&self) -> Option<&str> {
        self.request.as_deref()
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Isolated {
    /// How many requests were answered, to whomever.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// How many were dropped before their answer.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// How many bytes of headers and bodies came back.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries of stores were looked at.
    pub fn entries(&self) -> usize {
        self.entries
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Body(offset) => write!(f, "body at byte {offset}"),
            Self::Trailer(name) => write!(f, "trailer {name}"),
            Self::Failure => f.write_str("failure"),
            Self::Store { probe, key } => write!(f, "{probe}: {key}"),
            Self::Test => f.write_str("the test"),
        }
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = &self.request {
            write!(f, "{request}, ")?;
        }
        write!(f, "{}: {}", self.place, self.message)?;
        if self.times > 1 {
            write!(f, " ({} times)", self.times)?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n  {excerpt}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.leaks.len() {
            1 => "1 leak".to_owned(),
            count => format!("{count} leaks"),
        };
        write!(f, "{count} between tenants, with the seed {}", self.seed)?;
        for leak in &self.leaks {
            write!(f, "\n\n{leak}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Leaks {}

impl fmt::Display for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} answers, {} requests dropped, {} bytes and {} entries without a foreign mark",
            self.answers, self.dropped, self.bytes, self.entries
        )
    }
}
