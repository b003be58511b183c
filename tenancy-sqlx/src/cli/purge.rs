//! `tenant purge`: what cannot be taken back, and who says that it is meant.

use std::io::{self, BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::{Value, json};
use tenancy_core::Slug;

use super::lifecycle::moment;
use super::output::{Exit, Output, count, table};
use super::tenant::say;
use crate::{Error, ExpiredPurge, Fleet, PurgePlan};

pub(super) const EXAMPLES: &str = "\
Examples:
  tenant archive acme && tenant purge acme --confirm acme
  tenant purge acme --dry-run    what would be lost
  tenant purge --expired         every archived tenant whose grace has passed

Exit codes:
  3 some of those whose grace has passed could not be purged, 6 not confirmed";

/// The words of `tenant purge`.
#[derive(Debug, Clone, Args)]
pub struct Purge {
    /// The tenant's slug.
    #[arg(required_unless_present = "expired", conflicts_with = "expired")]
    slug: Option<Slug>,
    /// The tenant's slug again: there is no way back. Asked for on a terminal.
    #[arg(long, value_name = "SLUG", conflicts_with = "expired")]
    confirm: Option<Slug>,
    /// Purge every archived tenant whose grace has passed.
    #[arg(long)]
    expired: bool,
    /// Say what would be lost, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Purge {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self.slug {
            Some(slug) if self.dry_run => plan(fleet, &slug, output).await,
            Some(slug) => one(fleet, &slug, self.confirm, output).await,
            None if self.dry_run => {
                let slugs = fleet.expired().await?;
                output.result("expired", &slugs, || match slugs.as_slice() {
                    [] => "no archived tenant waits for its purge".to_owned(),
                    slugs => {
                        let names: Vec<_> = slugs.iter().map(Slug::as_str).collect();
                        format!("would be purged: {}", names.join(", "))
                    }
                });
                Ok(Exit::Done)
            }
            None => expired(fleet, output).await,
        }
    }
}

async fn one(
    fleet: &Fleet,
    slug: &Slug,
    confirm: Option<Slug>,
    output: &Output,
) -> Result<Exit, Error> {
    let confirmed = if let Some(confirm) = confirm {
        if confirm != *slug {
            output.refuse(format!(
                "not confirmed: purging {slug} is confirmed by --confirm {slug}, not by {confirm}"
            ));
            return Ok(Exit::NotConfirmed);
        }
        confirm
    } else if is_attended(output) {
        output.note(loss(&fleet.purge_plan(slug).await?));
        let Some(typed) = asked(slug, output) else {
            output.refuse("not confirmed: nothing was purged");
            return Ok(Exit::NotConfirmed);
        };
        typed
    } else {
        output.refuse(format!(
            "not confirmed: there is no way back from a purge; add --confirm {slug} if it is meant"
        ));
        return Ok(Exit::NotConfirmed);
    };
    fleet.prepare().await?;
    let tenant = fleet.purge(slug, &confirmed).await?;
    Ok(say(&tenant, output, || {
        format!("tenant {slug} is purged; its names stay reserved for a while")
    }))
}

/// Whether somebody is there to ask.
fn is_attended(output: &Output) -> bool {
    !output.is_json() && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The slug as somebody typed it; `None` when it was another.
fn asked(slug: &Slug, output: &Output) -> Option<Slug> {
    output.note(format!("Type {slug} to remove all of it for good:"));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    Slug::parse(line.trim()).ok().filter(|typed| typed == slug)
}

async fn plan(fleet: &Fleet, slug: &Slug, output: &Output) -> Result<Exit, Error> {
    let plan = fleet.purge_plan(slug).await?;
    let totals = json!({ "estimated_rows": plan.estimated_rows(), "bytes": plan.bytes() });
    let value = json!({ "plan": plan, "total": totals });
    output.document(&value, || loss(&plan));
    Ok(Exit::Done)
}

/// What a purge would take away, for people.
fn loss(plan: &PurgePlan) -> String {
    let mut lines = vec![format!(
        "tenant {} has {} with about {}, {} on disk",
        plan.tenant.slug(),
        count(plan.tables.len(), "table"),
        count(plan.estimated_rows(), "row"),
        size(plan.bytes())
    )];
    if !plan.tables.is_empty() {
        lines.push(table(
            ["TABLE", "ROWS", "SIZE"],
            plan.tables.iter().map(|table| {
                let rows = table.estimated_rows.to_string();
                [table.name.clone(), rows, size(table.bytes)]
            }),
        ));
    }
    for store in &plan.resources {
        lines.push(format!("{} has {}", store.store, store.left.join(", ")));
    }
    if let Some(after) = plan.purge_after {
        lines.push(format!("it may be purged from {} on", moment(after)));
    }
    for obstacle in &plan.obstacles {
        lines.push(format!("it would be refused: {obstacle}"));
    }
    lines.join("\n")
}

fn size(bytes: i64) -> String {
    let mut size = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if size < 10_240 {
            return format!("{size} {unit}");
        }
        size /= 1024;
    }
    format!("{size} GiB")
}

async fn expired(fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
    fleet.prepare().await?;
    let ends = fleet
        .purge_expired(|end| {
            output.note(match &end.result {
                Ok(_) => format!("  {}: purged", end.slug),
                Err(error) => format!("  {}: {error}", end.slug),
            });
        })
        .await?;
    let failed = ends.iter().filter(|end| end.result.is_err()).count();
    let values: Vec<Value> = ends.iter().map(value).collect();
    output.result("purged", &values, || match ends.len() {
        0 => "no archived tenant waits for its purge".to_owned(),
        all => format!("purged {} of {}", all - failed, count(all, "tenant")),
    });
    Ok(match failed {
        0 => Exit::Done,
        all if all == ends.len() => Exit::Failed,
        _ => Exit::SomeFailed,
    })
}

fn value(end: &ExpiredPurge) -> Value {
    match &end.result {
        Ok(tenant) => json!({ "slug": end.slug, "tenant": tenant }),
        Err(error) => json!({ "slug": end.slug, "error": Output::failure_value(error) }),
    }
}
