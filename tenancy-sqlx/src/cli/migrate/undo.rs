//! `migrate undo`: takes back what one run applied.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use uuid::Uuid;

use super::super::output::{Exit, Output};
use super::progress::Progress;
use super::words::Speed;
use super::{list, run};
use crate::{Error, ErrorKind, Fleet, RunKind, RunRecord, Undo, UndoPlan};

pub(super) const EXAMPLES: &str = "\
Examples:
  undo --run last --dry-run
  undo --run 0198c5b0-… --confirm
  undo --run last --confirm --skip-superseded

Runs the down files of exactly what that run applied, newest first, the shared part last. The rows
that those migrations brought go with them. `runs` lists the ids.

Exit codes: 3 some tenants failed or were left out, 6 not confirmed.";

/// How many runs are looked through for the last one.
const LOOKED_THROUGH: u32 = 100;

/// The words of `migrate undo`.
#[derive(Debug, Clone, Args)]
pub(super) struct UndoRun {
    /// The run's id, or `last` for the last one that can be taken back.
    #[arg(long, value_name = "ID|last", value_parser = which)]
    run: Which,
    /// Say what would be taken back, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    confirm: bool,
    /// Leave tenants out to which a later run applied something, instead of refusing.
    #[arg(long)]
    skip_superseded: bool,
    #[command(flatten)]
    speed: Speed,
}

impl UndoRun {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let mut undo = Undo::run(self.id(fleet).await?);
        if self.skip_superseded {
            undo = undo.skip_superseded();
        }
        let plan = fleet.undo_plan(undo).await?;
        if let Some(by) = plan.run.undone_by
            && plan.tenants.is_empty()
            && plan.shared.is_empty()
        {
            output.result("undo", &plan, || {
                format!(
                    "run {} was taken back by run {by} already: there is nothing to do",
                    plan.run.id
                )
            });
            return Ok(Exit::Done);
        }
        if self.dry_run {
            output.result("undo", &plan, || describe(&plan));
            return Ok(if plan.refusals.is_empty() {
                Exit::Done
            } else {
                Exit::Failed
            });
        }
        if plan.refusals.is_empty() && !self.confirm && !asked(&plan, output) {
            output.refuse(
                "not confirmed: nothing was taken back; give --confirm, or --dry-run to see what \
                 would be",
            );
            return Ok(Exit::NotConfirmed);
        }
        let progress = Progress::new(output);
        let report = fleet
            .undo(undo, self.speed.pace(), |event| progress.show(&event))
            .await;
        progress.finish();
        run::finish(&report?, None, output)
    }

    async fn id(&self, fleet: &Fleet) -> Result<Uuid, Error> {
        if let Which::Id(id) = self.run {
            return Ok(id);
        }
        let undoable = |run: &RunRecord| {
            let kinds = [RunKind::Migrate, RunKind::Prepare, RunKind::Mark];
            run.applied > 0
                && run.undone_by.is_none()
                && kinds.iter().any(|kind| kind.as_str() == run.kind)
        };
        let runs = fleet.runs(LOOKED_THROUGH).await?;
        for run in runs.iter().filter(|run| undoable(run)) {
            // What prepared the database for the framework is never taken back.
            let prepared = run.kind == RunKind::Prepare.as_str()
                && !fleet.undo_plan(run.id).await?.framework.is_empty();
            if !prepared {
                return Ok(run.id);
            }
        }
        Err(Error::new(
            ErrorKind::RowNotFound,
            "no run can be taken back: `migrate runs` lists those there were",
        ))
    }
}

/// Which run is meant.
#[derive(Debug, Clone, Copy)]
enum Which {
    Last,
    Id(Uuid),
}

fn which(text: &str) -> Result<Which, String> {
    if text == "last" {
        return Ok(Which::Last);
    }
    let id = text.parse().map(Which::Id);
    id.map_err(|_| "give the id of a run, as `migrate runs` lists them, or last".to_owned())
}

fn describe(plan: &UndoPlan) -> String {
    let mut lines = vec![format!(
        "run {} ({}) would be taken back:",
        plan.run.id, plan.run.kind
    )];
    if plan.run.finished_at.is_none() {
        lines.push("  it has no end: if it is still under way, it is ended first".to_owned());
    }
    for tenant in &plan.tenants {
        let later = match &tenant.later[..] {
            [] => String::new(),
            later => format!(", but {} came later", list(later)),
        };
        lines.push(format!(
            "  {}: {}{later}",
            tenant.slug,
            list(&tenant.versions)
        ));
    }
    if !plan.framework.is_empty() {
        lines.push(format!("  framework: {}", list(&plan.framework)));
    }
    if !plan.shared.is_empty() {
        lines.push(format!("  shared: {}", list(&plan.shared)));
    }
    if plan.tenants.is_empty() && plan.shared.is_empty() && plan.framework.is_empty() {
        lines.push("  nothing, for it applied nothing that is still there".to_owned());
    }
    for refusal in &plan.refusals {
        lines.push(format!("refused: {refusal}"));
    }
    lines.join("\n")
}

/// Whether the person at the terminal types yes.
fn asked(plan: &UndoPlan, output: &Output) -> bool {
    if output.is_json() || !std::io::stdin().is_terminal() {
        return false;
    }
    output.note(describe(plan));
    output.note("type `undo` to do it:");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && answer.trim() == "undo"
}
