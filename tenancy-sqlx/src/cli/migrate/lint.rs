//! `migrate lint`: what works today and hurts later.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::output::{Exit, Output};
use crate::{Fleet, FleetPlan, Lint, LintSeverity, Migrations};

pub(super) const EXAMPLES: &str = "\
Examples:
  lint
  lint --json --dir migrations

A line `-- lint: allow CODE` directly above a statement accepts a finding. Exit codes: 0 no error,
1 an error that is not accepted.";

/// The words of `migrate lint`.
#[derive(Debug, Clone, Args)]
pub(super) struct LintFiles {
    /// The folder with `shared/` and `tenant/` [default: the program's own].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl LintFiles {
    pub(super) fn default_dir(&mut self, dir: &Path) {
        self.dir.get_or_insert_with(|| dir.to_owned());
    }

    /// Looks at the files of a folder, if it is there.
    pub(super) fn of_folder(&self, output: &Output) -> Option<Exit> {
        let dir = self.dir.as_deref().filter(|dir| dir.is_dir())?;
        Some(match Migrations::read(dir) {
            Ok(migrations) => print(&migrations, output),
            Err(error) => {
                output.failure(&error);
                Exit::Failed
            }
        })
    }

    /// Looks at what the program was built with.
    pub(super) fn of_program(&self, fleet: &Fleet, output: &Output) -> Exit {
        if let Some(dir) = &self.dir {
            output.note(format!(
                "there is no folder {}: these are the program's own",
                dir.display()
            ));
        }
        print(fleet.migrations(), output)
    }
}

fn print(migrations: &Migrations, output: &Output) -> Exit {
    let lints = migrations.lint();
    output.result("lints", &lints, || match &lints[..] {
        [] => "nothing was found".to_owned(),
        lints => lints
            .iter()
            .map(Lint::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    });
    let fails = |lint: &Lint| lint.severity == LintSeverity::Error;
    if lints.iter().any(fails) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// Whether there is anything to be said before a run.
pub(super) fn has_errors(fleet: &Fleet) -> bool {
    let lints = fleet.migrations().lint();
    lints
        .iter()
        .any(|lint| lint.severity == LintSeverity::Error)
}

/// Says what was found in files that are pending.
pub(super) fn notes(fleet: &Fleet, plan: &FleetPlan, output: &Output) {
    let shared = plan
        .shared
        .iter()
        .map(|pending| ("shared", pending.version));
    let tenants = plan.tenants.iter().flat_map(|tenant| &tenant.pending);
    let pending: std::collections::BTreeSet<_> = shared
        .chain(tenants.map(|pending| ("tenant", pending.version)))
        .collect();
    for lint in fleet.migrations().lint() {
        if pending.contains(&(lint.side.as_str(), lint.version)) {
            output.note(format!("note: {lint}"));
        }
    }
}
