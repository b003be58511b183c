//! `migrate run|plan|status|drift|undo|runs|lint|new`.

mod progress;
mod words;

mod lint;
mod plan;
mod run;
mod runs;
mod status;
mod undo;

use std::path::Path;

use clap::{Args, Subcommand};

use super::new_migration::NewMigration;
use super::output::{Exit, Output};
use crate::{Error, Fleet, Outcome};

pub(super) use plan::show as plan;
pub(super) use run::{Scope, default_jobs, mark, run};
pub(super) use status::show as status;

const EXAMPLES: &str = "\
Examples:
  migrate                            shared tables, then every tenant's
  migrate plan --check               what would run; exit code 4 when something would
  migrate run --tenant acme
  migrate run --canary 5 --wave 20%  five tenants first, then the rest in fifths
  migrate status --check             exit code 4 when something is pending
  migrate undo --run last            what the last run applied, with its down files
  migrate new --tenant tags          writes the next file to fill in";

/// The words of `migrate`; without a verb it runs.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Migrate {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Apply what is pending.
    #[command(after_help = run::EXAMPLES)]
    Run(Box<run::Run>),
    /// Say what would be applied to whom.
    #[command(
        after_help = "Examples:\n  plan --tenant acme\n  plan --check    exit code 4 when something would run"
    )]
    Plan(plan::Plan),
    /// Say where every tenant stands.
    #[command(after_help = "Example:\n  status --check    exit code 4 when something is pending")]
    Status(status::Status),
    /// Compare every tenant's tables with what its migrations make.
    #[command(after_help = super::drift::EXAMPLES)]
    Drift(super::drift::Drift),
    /// Take back what one run applied.
    #[command(after_help = undo::EXAMPLES)]
    Undo(undo::UndoRun),
    /// List the last runs.
    #[command(after_help = "Example:\n  runs --json")]
    Runs(runs::Runs),
    /// Look for what works today and hurts later.
    #[command(after_help = lint::EXAMPLES)]
    Lint(lint::LintFiles),
    /// Write the next numbered migration file.
    New(NewMigration),
}

impl Migrate {
    /// Runs the words that need no database.
    pub(super) fn without_database(&self, output: &Output) -> Option<Exit> {
        match &self.verb {
            Some(Verb::New(words)) => Some(words.run(output)),
            Some(Verb::Lint(words)) => words.of_folder(output),
            _ => None,
        }
    }

    /// Says where the files are when nothing else is said.
    pub(super) fn default_dir(&mut self, dir: &Path) {
        match &mut self.verb {
            Some(Verb::New(words)) => words.default_dir(dir),
            Some(Verb::Lint(words)) => words.default_dir(dir),
            _ => {}
        }
    }

    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self.verb {
            Some(Verb::New(words)) => Ok(words.run(output)),
            Some(Verb::Lint(words)) => Ok(words.of_program(fleet, output)),
            Some(Verb::Plan(words)) => words.run(fleet, output).await,
            Some(Verb::Status(words)) => words.run(fleet, output).await,
            Some(Verb::Drift(words)) => words.run(fleet, output).await,
            Some(Verb::Undo(words)) => words.run(fleet, output).await,
            Some(Verb::Runs(words)) => words.run(fleet, output).await,
            Some(Verb::Run(words)) => words.run(fleet, output).await,
            None => self.run.run(fleet, output).await,
        }
    }
}

/// What came of one target, in a few words.
fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied { versions } if versions.is_empty() => "at head".to_owned(),
        Outcome::Applied { versions } => format!("applied {}", list(versions)),
        Outcome::Blocked(mismatch) => format!(
            "not touched: {}",
            differences(&mismatch.unknown, &mismatch.changed)
        ),
        Outcome::Failed(failure) => format!("failed: {failure}"),
        Outcome::NotReached => "not reached".to_owned(),
        Outcome::Superseded { versions } => {
            format!("not touched: {} came later", list(versions))
        }
        Outcome::Undone { versions } if versions.is_empty() => "undone already".to_owned(),
        Outcome::Undone { versions } => format!("undone {}", list(versions)),
    }
}

fn list(versions: &[i64]) -> String {
    let versions: Vec<_> = versions.iter().map(i64::to_string).collect();
    versions.join(", ")
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
