//! `migrate run|status|new`.

use std::io::IsTerminal;
use std::num::NonZeroUsize;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use tenancy_core::Slug;

use super::new_migration::NewMigration;
use super::output::{Exit, Output, table};
use crate::{
    Error, Fleet, FleetStatus, MigrateEvent, Outcome, RunReport, ScopeStatus, Selection,
    TenantReport,
};

const EXAMPLES: &str = "\
Examples:
  migrate                      shared tables, then every tenant's
  migrate run --tenant acme
  migrate status --check       exit code 4 when something is pending
  migrate new --tenant tags    writes the next file to fill in";

/// The words of `migrate`; without a verb it runs.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Migrate {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Apply what is pending.
    Run(Run),
    /// Say where every tenant stands.
    Status {
        /// End with exit code 4 when something is pending.
        #[arg(long)]
        check: bool,
    },
    /// Compare every tenant's tables with what its migrations make.
    #[command(after_help = super::drift::EXAMPLES)]
    Drift(super::drift::Drift),
    /// Write the next numbered migration file.
    New(NewMigration),
}

#[derive(Debug, Clone, Args)]
struct Run {
    /// Only the shared tables.
    #[arg(long, conflicts_with = "tenant")]
    shared: bool,
    /// Only this tenant; may be given more than once.
    #[arg(long, value_name = "SLUG")]
    tenant: Vec<Slug>,
    /// Every tenant, and nothing shared.
    #[arg(long, conflicts_with_all = ["shared", "tenant"])]
    all: bool,
    /// Tenants to migrate at a time.
    #[arg(long, default_value_t = default_jobs(), value_name = "N")]
    jobs: NonZeroUsize,
}

/// What to migrate.
pub(super) enum Scope {
    Everything,
    Shared,
    AllTenants,
    Tenants(Vec<Slug>),
}

/// Four at a time keep two cores and the server's disk busy; more wait for each other.
pub(super) fn default_jobs() -> NonZeroUsize {
    NonZeroUsize::new(4).expect("four is not zero")
}

impl Migrate {
    /// The words of `migrate new`, if these are they.
    pub(super) fn as_new(&self) -> Option<&NewMigration> {
        match &self.verb {
            Some(Verb::New(words)) => Some(words),
            _ => None,
        }
    }

    /// The same, to fill in where the files are.
    pub(super) fn as_new_mut(&mut self) -> Option<&mut NewMigration> {
        match &mut self.verb {
            Some(Verb::New(words)) => Some(words),
            _ => None,
        }
    }

    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let words = match self.verb {
            Some(Verb::New(words)) => return Ok(words.run(output)),
            Some(Verb::Status { check }) => return status(fleet, check, output).await,
            Some(Verb::Drift(words)) => return words.run(fleet, output).await,
            Some(Verb::Run(words)) => words,
            None => self.run,
        };
        let scope = match (words.shared, words.all, words.tenant) {
            (true, ..) => Scope::Shared,
            (_, true, _) => Scope::AllTenants,
            (_, _, slugs) if !slugs.is_empty() => Scope::Tenants(slugs),
            _ => Scope::Everything,
        };
        run(fleet, scope, words.jobs, output).await
    }
}

/// Applies what is pending and reports it.
pub(super) async fn run(
    fleet: &Fleet,
    scope: Scope,
    jobs: NonZeroUsize,
    output: &Output,
) -> Result<Exit, Error> {
    let selection = match scope {
        Scope::Everything => Selection::all(),
        Scope::Shared => Selection::shared(),
        Scope::AllTenants => Selection::tenants(),
        Scope::Tenants(slugs) => Selection::only(slugs),
    };
    let prepared = fleet.prepare().await?;
    let progress = Progress::new(output);
    let mut report = fleet
        .migrate(selection, jobs, |event| progress.show(&event, output))
        .await?;
    progress.bar.finish_and_clear();
    // What preparing the database applied is part of what this command did.
    report.framework = prepared.framework;
    if prepared
        .shared
        .as_ref()
        .is_some_and(|shared| !shared.applied().is_empty())
    {
        report.shared = prepared.shared;
    }
    output.result("report", &report, || summary(&report));
    Ok(
        match (
            report.is_complete(),
            report.tenants.iter().any(|t| t.outcome.is_complete()),
        ) {
            (true, _) => Exit::Done,
            (false, true) => Exit::SomeFailed,
            // Nobody else was touched, but others may have been at head all along.
            (false, false) if report.at_head > 0 => Exit::SomeFailed,
            (false, false) => Exit::Failed,
        },
    )
}

/// A bar on a terminal, a line per tenant elsewhere.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(output: &Output) -> Self {
        if output.is_json() || !std::io::stderr().is_terminal() {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} tenants, {elapsed}, {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self { bar }
    }

    fn show(&self, event: &MigrateEvent, output: &Output) {
        match event {
            MigrateEvent::Planned { pending, .. } => self.bar.set_length(*pending as u64),
            MigrateEvent::Tenant(report) => {
                self.bar.inc(1);
                self.bar.set_message(report.slug.to_string());
                if self.bar.is_hidden() {
                    output.note(line(report));
                } else if !report.outcome.is_complete() {
                    // Failures stay on the screen above the bar.
                    self.bar.println(line(report));
                }
            }
            MigrateEvent::Shared(_) => {}
        }
    }
}

fn line(report: &TenantReport) -> String {
    format!("  {}: {}", report.slug, outcome(&report.outcome))
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied { versions } if versions.is_empty() => "at head".to_owned(),
        Outcome::Applied { versions } => format!("applied {}", list(versions)),
        Outcome::Blocked(mismatch) => format!(
            "not touched: {}",
            differences(&mismatch.unknown, &mismatch.changed)
        ),
        Outcome::Failed(failure) => format!("failed: {failure}"),
    }
}

fn list(versions: &[i64]) -> String {
    versions
        .iter()
        .map(i64::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn differences(unknown: &[i64], changed: &[i64]) -> String {
    let mut parts = Vec::new();
    if !unknown.is_empty() {
        parts.push(format!("{} applied by a newer program", list(unknown)));
    }
    if !changed.is_empty() {
        parts.push(format!("{} changed after it was applied", list(changed)));
    }
    parts.join("; ")
}

fn summary(report: &RunReport) -> String {
    let failed = report
        .tenants
        .iter()
        .filter(|tenant| !tenant.outcome.is_complete())
        .count();
    let moved = report.tenants.len() - failed;
    let mut lines = Vec::new();
    for (what, part) in [("framework", &report.framework), ("shared", &report.shared)] {
        if let Some(part) = part {
            lines.push(format!("{what}: {}", outcome(part)));
        }
    }
    lines.push(format!(
        "tenants: {moved} migrated, {failed} failed, {} at head already ({:.2} s)",
        report.at_head,
        report.duration.as_secs_f64(),
    ));
    if failed > 0 {
        lines.extend(
            report
                .tenants
                .iter()
                .filter(|t| !t.outcome.is_complete())
                .map(line),
        );
        if report.failures().next().is_some() {
            lines.push("mend the migration and run the same command again".to_owned());
        }
    }
    lines.join("\n")
}

async fn status(fleet: &Fleet, check: bool, output: &Output) -> Result<Exit, Error> {
    let status = fleet.status().await?;
    output.result("status", &status, || describe(&status));
    Ok(if check && !status.is_at_head() {
        Exit::Pending
    } else {
        Exit::Done
    })
}

fn describe(status: &FleetStatus) -> String {
    let mut rows = vec![
        row("(framework)", "", &status.framework),
        row("(shared)", "", &status.shared),
    ];
    rows.extend(
        status
            .tenants
            .iter()
            .map(|tenant| row(tenant.slug.as_str(), tenant.status.as_str(), &tenant.ledger)),
    );
    table(["TENANT", "STATUS", "AT", "PENDING", "NOTE"], rows)
}

fn row(name: &str, status: &str, ledger: &ScopeStatus) -> [String; 5] {
    [
        name.to_owned(),
        status.to_owned(),
        ledger
            .applied
            .last()
            .map_or_else(|| "-".to_owned(), i64::to_string),
        if ledger.pending.is_empty() {
            "-".to_owned()
        } else {
            list(&ledger.pending)
        },
        differences(&ledger.mismatch.unknown, &ledger.mismatch.changed),
    ]
}
