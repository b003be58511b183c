//! What Elasticsearch's answers mean when they are no success.

use serde_json::Value;
use tenancy_core::{Error, ErrorKind};

/// Why a request brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine cannot do it now, or nobody knows whether it did.
    Down(Error),
    /// It answered that it will not.
    Refused(Refusal),
}

/// An answer that says no.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The name of Elasticsearch's exception.
    pub(super) kind: String,
    pub(super) reason: String,
    /// Which index it is about.
    pub(super) index: Option<String>,
}

/// What the server says when somebody has to make room or open an index first.
const LATER: [&str; 3] = [
    "cluster_block_exception",
    "index_closed_exception",
    "validation_exception",
];

/// What the server says to whoever lost a race for a name.
const RACES: [&str; 7] = [
    "aliases_not_found_exception",
    "illegal_argument_exception",
    "illegal_state_exception",
    "index_not_found_exception",
    "invalid_alias_name_exception",
    "invalid_index_name_exception",
    "resource_already_exists_exception",
];

/// The most characters of a reason that are passed on: it may quote what a tenant wrote.
const REASON: usize = 300;

impl Failure {
    /// Reads an answer with another status than 2xx.
    pub(super) fn of_answer(status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Self::of(Refusal::read(status, &body["error"]))
    }

    /// Sorts a refusal: whether it may be otherwise in a while.
    pub(super) fn of(refusal: Refusal) -> Self {
        let later =
            matches!(refusal.status, 408 | 429 | 500..=599) || LATER.contains(&&*refusal.kind);
        // What lost a race for a name is told as a fault of the server.
        if later && refusal.kind != "illegal_state_exception" {
            return Self::Down(unavailable(format!(
                "elasticsearch cannot do it now: {refusal}; try again in a while"
            )));
        }
        Self::Refused(refusal)
    }

    /// Whether somebody else changed the same names meanwhile.
    pub(super) fn is_race(&self) -> bool {
        matches!(self, Self::Refused(refusal) if RACES.contains(&&*refusal.kind))
    }

    /// Whether there is no such index, alias or document.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404)
    }
}

impl Refusal {
    pub(super) fn read(status: u16, error: &Value) -> Self {
        let text = |at: &str| error[at].as_str().unwrap_or_default();
        Self {
            status,
            kind: text("type").to_owned(),
            reason: text("reason").chars().take(REASON).collect(),
            index: error["index"].as_str().map(str::to_owned),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.status, self.kind, self.reason)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let refusal = match failure {
            Failure::Down(error) => return error,
            Failure::Refused(refusal) => refusal,
        };
        match refusal.status {
            401 | 403 => Self::new(
                ErrorKind::Configuration,
                format!(
                    "elasticsearch refuses the user: {refusal}; check the user, the password and \
                     what the user may do"
                ),
            ),
            404 => Self::new(ErrorKind::NotFound, format!("nothing there: {refusal}")),
            500.. => unavailable(format!("elasticsearch failed: {refusal}")),
            _ => Self::new(
                ErrorKind::Internal,
                format!("elasticsearch refuses the request: {refusal}"),
            ),
        }
    }
}

pub(super) fn unavailable(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}
