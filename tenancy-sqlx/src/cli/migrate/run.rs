//! `migrate run`: applies what is pending and reports it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use tenancy_core::Slug;

use super::super::output::{Exit, Output};
use super::progress::{Progress, line};
use super::words::{Speed, Who};
use super::{lint, outcome, plan};
use crate::{Error, ErrorKind, Fleet, Outcome, Pace, RunReport, Selection};

pub(super) const EXAMPLES: &str = "\
Examples:
  run --tenant acme --tenant globex
  run --all --exclude big --status active
  run --canary 5 --wave 20% --report migrated.json
  run --mark-applied --to 7 --tenant old    tables that are there already

Exit codes: 0 everything is at head, 1 nobody came to head, 3 some did not. Running it again does
what is left, also after a crash.";

/// The words of `migrate run`.
#[derive(Debug, Clone, Args)]
pub(super) struct Run {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    speed: Speed,
    /// Say what would be applied, and do nothing.
    #[arg(long = "dry-run")]
    only_plan: bool,
    /// Write the report as JSON into this file, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Enter what is pending as applied, and run nothing; needs --tenant, --all or --shared.
    #[arg(long)]
    mark_applied: bool,
    /// With --mark-applied: no version above this one.
    #[arg(long, value_name = "VERSION", requires = "mark_applied")]
    to: Option<i64>,
}

impl Run {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        if self.only_plan {
            return plan::show(fleet, self.who.selection(), Exit::Done, output).await;
        }
        if self.mark_applied {
            if !(self.who.shared || self.who.all || !self.who.tenant.is_empty()) {
                output.refuse("say for whom to mark: give --tenant SLUG, --all or --shared");
                return Ok(Exit::Usage);
            }
            let report = fleet.mark_applied(self.who.selection(), self.to).await?;
            return finish(&report, self.report.as_deref(), output);
        }
        let report = migrate(fleet, self.who.selection(), self.speed.pace(), output).await?;
        finish(&report, self.report.as_deref(), output)
    }
}

/// What to migrate, for other spellings of the command.
pub(in super::super) enum Scope {
    Everything,
    Shared,
    AllTenants,
    Tenants(Vec<Slug>),
}

/// Four at a time keep two cores and the server's disk busy; more wait for each other.
pub(in super::super) fn default_jobs() -> NonZeroUsize {
    NonZeroUsize::new(4).expect("four is not zero")
}

/// Applies what is pending and reports it.
pub(in super::super) async fn run(
    fleet: &Fleet,
    scope: Scope,
    pace: impl Into<Pace>,
    output: &Output,
) -> Result<Exit, Error> {
    let report = migrate(fleet, scope.into(), pace.into(), output).await?;
    finish(&report, None, output)
}

/// Enters what is pending as applied, and runs nothing.
pub(in super::super) async fn mark(
    fleet: &Fleet,
    scope: Scope,
    output: &Output,
) -> Result<Exit, Error> {
    let report = fleet.mark_applied(scope.into(), None).await?;
    finish(&report, None, output)
}

impl From<Scope> for Selection {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Everything => Self::all(),
            Scope::Shared => Self::shared(),
            Scope::AllTenants => Self::tenants(),
            Scope::Tenants(slugs) => Self::only(slugs),
        }
    }
}

async fn migrate(
    fleet: &Fleet,
    selection: Selection,
    pace: Pace,
    output: &Output,
) -> Result<RunReport, Error> {
    let prepared = fleet.prepare().await?;
    if lint::has_errors(fleet) {
        // Only what is about to run is of interest; without an error no question is asked for it.
        lint::notes(fleet, &fleet.plan(selection.clone()).await?, output);
    }
    let progress = Progress::new(output);
    let report = fleet
        .migrate(selection, pace, |event| progress.show(&event))
        .await;
    progress.finish();
    let mut report = report?;
    // What preparing the database applied is part of what this command did.
    report.framework = prepared.framework;
    if prepared
        .shared
        .as_ref()
        .is_some_and(|shared| !shared.applied().is_empty())
    {
        report.shared = prepared.shared;
    }
    Ok(report)
}

/// Prints the report and keeps it, and says how it ended.
pub(super) fn finish(
    report: &RunReport,
    file: Option<&Path>,
    output: &Output,
) -> Result<Exit, Error> {
    output.result("report", report, || summary(report));
    if let Some(file) = file {
        keep(report, file)?;
    }
    let some = report.at_head > 0
        || report.not_reached() > 0
        || report.tenants.iter().any(|t| t.outcome.is_complete());
    Ok(match (report.is_complete(), some) {
        (true, _) => Exit::Done,
        (false, true) => Exit::SomeFailed,
        (false, false) => Exit::Failed,
    })
}

fn keep(report: &RunReport, file: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(
            ErrorKind::Internal,
            format!(
                "the run is done, but its report cannot be written to {}: {error}",
                file.display()
            ),
        )
        .with_source(error)
    };
    let text = serde_json::to_vec_pretty(report).map_err(|error| failed(error.into()))?;
    std::fs::write(file, text).map_err(failed)
}

fn summary(report: &RunReport) -> String {
    let failed: Vec<_> = report
        .tenants
        .iter()
        .filter(|tenant| !tenant.outcome.is_complete())
        .collect();
    let moved = report.tenants.len() - failed.len();
    let mut lines = Vec::new();
    for (what, part) in [("framework", &report.framework), ("shared", &report.shared)] {
        if let Some(part) = part {
            lines.push(format!("{what}: {}", outcome(part)));
        }
    }
    let done = match report.kind {
        crate::RunKind::Undo => "undone",
        crate::RunKind::Mark => "marked",
        _ => "migrated",
    };
    let unreached = match report.not_reached() {
        0 => String::new(),
        count => format!("{count} not reached, "),
    };
    lines.push(format!(
        "tenants: {moved} {done}, {} failed, {unreached}{} at head already ({:.2} s)",
        failed.len() - report.not_reached().min(failed.len()),
        report.at_head,
        report.duration.as_secs_f64(),
    ));
    let reached = failed
        .iter()
        .filter(|tenant| tenant.outcome != Outcome::NotReached);
    lines.extend(reached.map(|tenant| line(tenant)));
    if report.applied() + report.undone() > 0 {
        lines.push(format!("run: {}", report.run));
    }
    if report.failures().next().is_some() {
        lines.push("mend the migration and run the same command again".to_owned());
    }
    lines.join("\n")
}
