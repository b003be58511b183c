//! `doctor`: what would make isolation fail, and what mends it.

use clap::Args;
use serde_json::json;

use super::output::{Exit, Output, table};
use crate::doctor::{Code, Diagnosis, Severity};
use crate::{Error, Fleet};

pub(super) const EXAMPLES: &str = "\
Examples:
  doctor
  doctor --json
  doctor --accept login_superuser      on a machine of one's own

Looks at the database, the owner's login and the application's, through its pooler where there is
one, and changes nothing. Exit codes: 0 nothing critical, 1 it could not look, 5 something critical
that is not accepted.

With --json: {findings: [{code, severity, subject, message, fix: {sql} or {command}}], omitted,
critical, warnings, notes, refused}. The book lists the codes.";

/// The words of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Do not mind a critical finding of this code; may be given more than once.
    #[arg(long, value_name = "CODE")]
    accept: Vec<Code>,
}

impl Doctor {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let diagnosis = fleet.doctor().examine().await?;
        let refused = diagnosis.refused(&self.accept).count();
        let value = json!({
            "findings": diagnosis.findings,
            "omitted": diagnosis.omitted,
            "critical": diagnosis.count(Severity::Critical),
            "warnings": diagnosis.count(Severity::Warning),
            "notes": diagnosis.count(Severity::Note),
            "refused": refused,
        });
        output.document(&value, || self.describe(&diagnosis));
        Ok(if refused == 0 {
            Exit::Done
        } else {
            Exit::Critical
        })
    }

    fn describe(&self, diagnosis: &Diagnosis) -> String {
        if diagnosis.findings.is_empty() {
            return "nothing was found: the database and its logins are as they should be".into();
        }
        let rows = diagnosis.findings.iter().map(|finding| {
            let accepted = self.accept.contains(&finding.code);
            let accepted = accepted && finding.severity == Severity::Critical;
            [
                finding.severity.to_string(),
                finding.code.to_string(),
                finding.subject.clone(),
                if accepted { "accepted" } else { "" }.to_owned(),
            ]
        });
        let overview = table(["SEVERITY", "CODE", "SUBJECT", ""], rows);
        format!("{overview}\n\n{diagnosis}")
    }
}
