//! `tenant archive|maintenance|repair|history|residue`: what happens to a tenant between its
//! creation and its end.

use clap::{ArgGroup, Args};
use tenancy_core::{Identifier, Maintenance, Slug};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::{Exit, Output, count, table};
use super::span::{Span, Until};
use super::tenant::say;
use crate::{Error, Fleet, JournalEntry, Repair, RepairOutcome, Repaired};

pub(super) const ARCHIVE_EXAMPLES: &str = "\
Examples:
  tenant archive acme --grace 30d    purged by `tenant purge --expired` in 30 days
  tenant archive acme                purged when somebody confirms it";

pub(super) const MAINTENANCE_EXAMPLES: &str = "\
Examples:
  tenant maintenance acme --on --message \"we are moving, back at noon\" --until 2h
  tenant maintenance acme --off";

pub(super) const REPAIR_EXAMPLES: &str = "\
Examples:
  tenant repair --dry-run
  tenant repair --missing-schemas --json";

pub(super) const RESIDUE_EXAMPLES: &str = "\
Examples:
  tenant residue acme
  tenant residue 0198c0de-0000-7000-8000-000000000001 --json    also after a purge";

/// The words of `tenant archive`.
#[derive(Debug, Clone, Args)]
pub struct Archive {
    /// The tenant's slug.
    slug: Slug,
    /// How long it can be had back before it may be purged, such as 30d, 12h or 15m; 0s ends a
    /// grace that it has.
    #[arg(long, value_name = "SPAN")]
    grace: Option<Span>,
}

impl Archive {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        fleet.prepare().await?;
        let slug = self.slug;
        let tenant = fleet.archive(&slug, self.grace.map(Span::into)).await?;
        let after = fleet.purge_after(&slug).await?;
        Ok(say(&tenant, output, || {
            let end = after.map_or_else(
                || "it may be purged when somebody confirms it".to_owned(),
                |after| format!("it may be purged from {} on", moment(after)),
            );
            format!("tenant {slug} is archived; `tenant undelete {slug}` brings it back; {end}")
        }))
    }
}

/// The words of `tenant maintenance`.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("turn").args(["on", "off"]).required(true)))]
pub struct MaintenanceWords {
    /// The tenant's slug.
    slug: Slug,
    /// Keep users out: every request is answered 503.
    #[arg(long)]
    on: bool,
    /// Give the tenant back the status that it had before.
    #[arg(long)]
    off: bool,
    /// What users are told, in one line.
    #[arg(long, conflicts_with = "off")]
    message: Option<String>,
    /// When it is expected to end: a time such as 2026-05-01T12:00:00Z, or a span such as 2h.
    #[arg(long, conflicts_with = "off", value_name = "TIME|SPAN")]
    until: Option<Until>,
}

impl MaintenanceWords {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        fleet.prepare().await?;
        let slug = self.slug;
        if self.off {
            let tenant = fleet.end_maintenance(&slug).await?;
            let status = tenant.status();
            return Ok(say(&tenant, output, || {
                format!("tenant {slug} is {status}")
            }));
        }
        let mut maintenance = Maintenance::new();
        if let Some(message) = self.message {
            maintenance = maintenance.message(message);
        }
        if let Some(until) = self.until {
            maintenance = maintenance.until(until.from(OffsetDateTime::now_utc()));
        }
        let tenant = fleet.begin_maintenance(&slug, maintenance).await?;
        Ok(say(&tenant, output, || {
            format!("tenant {slug} is in maintenance; `tenant maintenance {slug} --off` ends it")
        }))
    }
}

/// The words of `tenant repair`.
#[derive(Debug, Clone, Args)]
pub struct RepairWords {
    /// Give tenants whose schema is gone an empty one with every table.
    #[arg(long)]
    missing_schemas: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

impl RepairWords {
    /// Those that `create_missing_schemas` stands for.
    pub(super) fn of_missing_schemas(dry_run: bool) -> Self {
        Self {
            missing_schemas: true,
            dry_run,
        }
    }

    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let mut repair = Repair::new();
        if self.missing_schemas {
            repair = repair.missing_schemas();
        }
        if self.dry_run {
            repair = repair.dry_run();
        } else {
            fleet.prepare().await?;
        }
        let report = fleet
            .repair(repair, |tenant| output.note(format!("  {}", ended(tenant))))
            .await?;
        let failed = |tenant: &&Repaired| matches!(tenant.outcome, RepairOutcome::Failed { .. });
        let failures = report.tenants.iter().filter(failed).count();
        output.result("repair", &report, || match report.tenants.len() {
            0 => "nothing was cut off".to_owned(),
            found if self.dry_run => format!("{} to repair", count(found, "tenant")),
            found => {
                let mended = |tenant: &&Repaired| tenant.outcome == RepairOutcome::Mended;
                let mended = report.tenants.iter().filter(mended).count();
                format!("repaired {mended} of {}", count(found, "tenant"))
            }
        });
        Ok(match failures {
            0 => Exit::Done,
            all if all == report.tenants.len() => Exit::Failed,
            _ => Exit::SomeFailed,
        })
    }
}

fn ended(tenant: &Repaired) -> String {
    let outcome = match &tenant.outcome {
        RepairOutcome::Mended => "repaired".to_owned(),
        RepairOutcome::InUse => "left alone: another program is at work on it".to_owned(),
        RepairOutcome::Reported => "left as it is".to_owned(),
        RepairOutcome::Failed { message } => format!("failed: {message}"),
    };
    format!("{}: {}; {outcome}", tenant.slug, tenant.fault)
}

/// Lists what is left of a tenant.
pub(super) async fn residue(which: &Which, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
    let residue = fleet.residue(&which.tenant).await?;
    output.result("residue", &residue, || {
        if residue.is_empty() {
            return "nothing is left".to_owned();
        }
        let rows = residue
            .iter()
            .map(|store| [store.store.clone(), store.left.join(", ")]);
        table(["STORE", "LEFT"], rows)
    });
    Ok(Exit::Done)
}

/// A tenant by its slug or its id; an id is known also after a purge.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The tenant's slug, or its id.
    #[arg(value_name = "SLUG|ID", value_parser = identifier)]
    tenant: Identifier,
}

/// An id is also a valid slug where it begins with a letter, and meant as an id.
fn identifier(text: &str) -> Result<Identifier, tenancy_core::Error> {
    match text.parse() {
        Ok(id) => Ok(Identifier::Id(id)),
        Err(_) => Slug::parse(text).map(Identifier::Slug),
    }
}

/// Lists what was done to a tenant.
pub(super) async fn history(which: &Which, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
    let entries = fleet.journal(&which.tenant).await?;
    output.result("history", &entries, || {
        if entries.is_empty() {
            return "nothing was written down: it was made before there was a journal".to_owned();
        }
        table(
            ["AT", "OPERATION", "STEP", "DETAIL"],
            entries.iter().map(row),
        )
    });
    Ok(Exit::Done)
}

fn row(entry: &JournalEntry) -> [String; 4] {
    [
        moment(entry.at),
        entry.kind.clone(),
        entry.step.clone(),
        entry.detail.to_string(),
    ]
}

/// A time as people read it, to the second.
pub(super) fn moment(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(0).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
