//! One thing that is not as it should be.

use std::fmt;

use serde::Serialize;

use super::Code;

/// How bad a finding is; the worst is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// One tenant may meet another's rows, or the program cannot work: do not serve.
    Critical,
    /// Something fails, or a second line of defence is missing.
    Warning,
    /// Worth knowing, and nothing to do.
    Note,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong, as programs name it.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: a login, schema, routine, table or tenant, quoted as in SQL.
    pub subject: String,
    /// What is wrong and why it matters.
    pub message: String,
    /// What mends it, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Fix {
    /// Statements for the owner, or for a superuser where roles are changed; read what drops
    /// something before running it.
    Sql(String),
    /// A command of this program or of the system.
    Command(String),
}

impl Finding {
    pub(super) fn new(code: Code, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            subject: subject.into(),
            message: message.into(),
            fix: None,
        }
    }

    pub(super) fn sql(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(Fix::Sql(fix.into()));
        self
    }

    pub(super) fn command(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(Fix::Command(fix.into()));
        self
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(sql) => write!(f, "{sql};"),
            Self::Command(command) => f.write_str(command),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            severity,
            message,
            ..
        } = self;
        write!(f, "{severity} {code}: {message}")?;
        match &self.fix {
            Some(fix) => write!(f, "\n  to fix, run: {fix}"),
            None => Ok(()),
        }
    }
}
