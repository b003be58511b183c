//! `migrate drift`.

use clap::Args;
use tenancy_core::Slug;

use super::output::{Exit, Output, count};
use crate::{Difference, DriftReport, Error, Fleet, Selection};

pub(super) const EXAMPLES: &str = "\
Examples:
  migrate drift                 exit code 7 when a tenant differs
  migrate drift --tenant acme --json";

/// The words of `migrate drift`.
#[derive(Debug, Clone, Args)]
pub(super) struct Drift {
    /// Only this tenant; may be given more than once.
    #[arg(long, value_name = "SLUG")]
    tenant: Vec<Slug>,
}

impl Drift {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let selection = if self.tenant.is_empty() {
            Selection::tenants()
        } else {
            Selection::only(self.tenant)
        };
        let report = fleet.drift(selection).await?;
        output.result("drift", &report, || describe(&report));
        Ok(if report.has_drift() {
            Exit::Drifted
        } else {
            Exit::Done
        })
    }
}

fn describe(report: &DriftReport) -> String {
    let (checked, drifted) = (report.checked, report.tenants.len());
    let mut lines = Vec::new();
    for tenant in &report.tenants {
        lines.push(format!("{}:", tenant.slug));
        for difference in &tenant.differences {
            lines.push(format!("  {difference}"));
            lines.extend(sides(difference));
        }
    }
    let seconds = report.duration.as_secs_f64();
    lines.push(format!(
        "{} looked at, {drifted} with drift ({seconds:.2} s)",
        count(checked, "tenant")
    ));
    if report.has_drift() {
        lines.push(
            "make each as expected by hand (`tenant psql SLUG`), or write what was found into a \
             new migration if every tenant is to have it; then look again"
                .to_owned(),
        );
    }
    lines.join("\n")
}

/// Both definitions, where they help: what is missing or too much is named already.
fn sides(difference: &Difference) -> Vec<String> {
    let side = |what: &str, text: &Option<String>| {
        text.as_ref()
            .map(|text| format!("    {what:8}  {}", text.replace('\n', "\n              ")))
    };
    [
        side("expected", &difference.expected),
        side("found", &difference.found),
    ]
    .into_iter()
    .flatten()
    .collect()
}
