//! `migrate plan`: what would be applied to whom.

use std::collections::BTreeMap;

use clap::Args;

use super::super::output::{Exit, Output};
use super::words::Who;
use super::{differences, lint};
use crate::{Error, Fleet, FleetPlan, PendingMigration, Selection};

/// How many slugs a line names.
const NAMED: usize = 10;

/// The words of `migrate plan`.
#[derive(Debug, Clone, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    who: Who,
    /// End with exit code 4 when something is pending.
    #[arg(long)]
    check: bool,
}

impl Plan {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let pending = if self.check {
            Exit::Pending
        } else {
            Exit::Done
        };
        show(fleet, self.who.selection(), pending, output).await
    }
}

/// Prints what a run would do, and ends with `pending` when that is anything.
pub(in super::super) async fn show(
    fleet: &Fleet,
    selection: Selection,
    pending: Exit,
    output: &Output,
) -> Result<Exit, Error> {
    let plan = fleet.plan(selection).await?;
    lint::notes(fleet, &plan, output);
    output.result("plan", &plan, || describe(&plan));
    Ok(if plan.is_empty() { Exit::Done } else { pending })
}

fn describe(plan: &FleetPlan) -> String {
    let mut lines = Vec::new();
    for (what, pending) in [("framework", &plan.framework), ("shared", &plan.shared)] {
        if !pending.is_empty() {
            lines.push(format!("{what}: {}", files(pending)));
        }
    }
    let shared = &plan.shared_mismatch;
    if !shared.is_empty() {
        let why = differences(&shared.unknown, &shared.changed);
        lines.push(format!("shared: would not be touched: {why}"));
    }
    // Most tenants have the same to do: they are named together.
    let mut alike: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for tenant in plan.pending() {
        let slugs = alike.entry(&tenant.pending).or_default();
        slugs.push(tenant.slug.as_str());
    }
    for (pending, slugs) in alike {
        let more = match slugs.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        lines.push(format!("{} of tenants: {}", slugs.len(), files(pending)));
        let named = &slugs[..slugs.len().min(NAMED)];
        lines.push(format!("  {}{more}", named.join(", ")));
    }
    for tenant in plan.blocked() {
        let why = differences(&tenant.mismatch.unknown, &tenant.mismatch.changed);
        lines.push(format!("{}: would not be touched: {why}", tenant.slug));
    }
    lines.push(format!(
        "tenants: {} would be migrated, {} not touched, {} at head",
        plan.pending().count(),
        plan.blocked().count(),
        plan.at_head
    ));
    lines.join("\n")
}

fn files(pending: &[PendingMigration]) -> String {
    let name = |migration: &PendingMigration| {
        if migration.transactional {
            migration.file.clone()
        } else {
            format!("{} (without a transaction)", migration.file)
        }
    };
    pending.iter().map(name).collect::<Vec<_>>().join(", ")
}
