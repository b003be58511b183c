//! Everything that was found, and whether to start with it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use tenancy_core::sabotaged;

use super::{Code, Finding, Severity};
use crate::error::{Error, ErrorKind};

/// Everything that was found, worst first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is not as it should be: by severity, code and subject.
    pub findings: Vec<Finding>,
    /// How many more there are of codes that were found too often to list.
    pub omitted: BTreeMap<Code, u64>,
}

impl Diagnosis {
    pub(super) fn new(mut findings: Vec<Finding>, omitted: BTreeMap<Code, u64>) -> Self {
        if sabotaged!("doctor.blind") {
            findings.retain(|finding| finding.severity != Severity::Critical);
        }
        findings.sort_by(|a, b| {
            (a.severity, a.code, &a.subject).cmp(&(b.severity, b.code, &b.subject))
        });
        Self { findings, omitted }
    }

    /// The findings of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        let of_severity = move |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(of_severity)
    }

    /// The critical findings whose code is not among `accepted`.
    pub fn refused<'a>(&'a self, accepted: &'a [Code]) -> impl Iterator<Item = &'a Finding> {
        self.of(Severity::Critical)
            .filter(|finding| !accepted.contains(&finding.code))
    }

    /// Refuses to go on with a critical finding, unless its code is among `accepted`.
    ///
    /// An application calls this before it serves.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] with every finding that is in the way, and what mends it.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use tenancy_sqlx::{Fleet, doctor::Code};
    ///
    /// # async fn example(fleet: Fleet) -> Result<(), tenancy_sqlx::Error> {
    /// let diagnosis = fleet.doctor().examine().await?;
    /// // Of one's own machine, where the only login is a superuser.
    /// diagnosis.refuse_critical(&[Code::LoginSuperuser])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn refuse_critical(&self, accepted: &[Code]) -> Result<(), Error> {
        let refused: Vec<&Finding> = self.refused(accepted).collect();
        if refused.is_empty() || sabotaged!("doctor.not-refusing") {
            return Ok(());
        }
        let mut message = String::from("the database is not safe to serve:");
        for finding in &refused {
            message.push('\n');
            message.push_str(&finding.to_string());
        }
        let mut codes: Vec<&str> = refused.iter().map(|f| f.code.as_str()).collect();
        codes.dedup();
        message.push_str("\nmend it, or accept it knowingly by its code: ");
        message.push_str(&codes.join(","));
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// How many there are of a severity, with those that are not listed.
    pub fn count(&self, severity: Severity) -> u64 {
        let more = self
            .omitted
            .iter()
            .filter(|(code, _)| code.severity() == severity)
            .map(|(_, more)| more);
        self.of(severity).map(|_| 1).sum::<u64>() + more.sum::<u64>()
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for (code, more) in &self.omitted {
            writeln!(f, "{} {code}: {more} more like these", code.severity())?;
        }
        let [critical, warnings, notes] =
            [Severity::Critical, Severity::Warning, Severity::Note].map(|s| self.count(s));
        write!(
            f,
            "{critical} critical, {warnings} {}, {notes} {}",
            if warnings == 1 { "warning" } else { "warnings" },
            if notes == 1 { "note" } else { "notes" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(codes: &[Code]) -> Diagnosis {
        let findings = codes
            .iter()
            .map(|code| Finding::new(*code, "x", "is wrong"));
        Diagnosis::new(
            findings.collect(),
            BTreeMap::from([(Code::GrantsMissing, 7)]),
        )
    }

    #[test]
    fn only_critical_findings_are_refused_and_only_until_they_are_accepted() {
        let found = diagnosis(&[Code::GrantsMissing, Code::ClockWrong, Code::LoginSuperuser]);
        assert_eq!(found.findings[0].code, Code::ClockWrong);
        let error = found.refuse_critical(&[Code::ClockWrong]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let said = error.to_string();
        assert!(said.ends_with("by its code: login_superuser"), "{said}");
        assert!(!said.contains("grants_missing"), "{said}");
        let both = [Code::ClockWrong, Code::LoginSuperuser];
        found.refuse_critical(&both).unwrap();
        diagnosis(&[Code::GrantsMissing])
            .refuse_critical(&[])
            .unwrap();
    }

    #[test]
    fn people_read_the_worst_first_and_the_sum_last() {
        let said = diagnosis(&[Code::GrantsMissing, Code::ClockWrong]).to_string();
        assert_eq!(
            said,
            "critical clock_wrong: is wrong\nwarning grants_missing: is wrong\n\
             warning grants_missing: 7 more like these\n1 critical, 8 warnings, 0 notes"
        );
    }
}
