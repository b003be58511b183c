//! How far an import is, and which lines did not fit.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// As many errors as are kept; those behind them are only counted, by line.
const KEPT: usize = 100;

/// What is kept with the job, together with the rows that it tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Lines that were looked at; the import goes on behind them.
    pub(super) done: usize,
    /// Lines in all.
    pub(super) of: usize,
    pub(super) created: usize,
    pub(super) updated: usize,
    /// Lines that did not fit.
    pub(super) failed: usize,
    pub(super) errors: Vec<LineError>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LineError {
    /// The line of the file, the header being the first.
    pub(super) line: usize,
    pub(super) field: Option<String>,
    pub(super) code: String,
    pub(super) detail: String,
}

impl LineError {
    pub(super) fn new(line: usize, field: Option<&str>, code: &str, detail: String) -> Self {
        Self {
            line,
            field: field.map(str::to_owned),
            code: code.to_owned(),
            detail,
        }
    }
}

impl Progress {
    /// What was kept when the job was given to somebody the last time.
    pub(super) fn of(kept: &Value, lines: usize) -> Result<Self, serde_json::Error> {
        let kept: Option<Self> = Deserialize::deserialize(kept)?;
        let mut progress = kept.unwrap_or_default();
        progress.of = lines;
        Ok(progress)
    }

    /// Notes a line that did not fit.
    pub(super) fn failed(&mut self, errors: impl IntoIterator<Item = LineError>) {
        self.failed += 1;
        let room = KEPT.saturating_sub(self.errors.len());
        self.errors.extend(errors.into_iter().take(room));
    }
}
