//! `migrate runs`: which runs there were.

use clap::Args;
use time::format_description::well_known::Rfc3339;

use super::super::output::{Exit, Output, table};
use crate::{Error, Fleet, RunRecord};

/// The words of `migrate runs`.
#[derive(Debug, Clone, Args)]
pub(super) struct Runs {
    /// How many, newest first.
    #[arg(long, default_value = "20", value_name = "N")]
    limit: u32,
}

impl Runs {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let runs = fleet.runs(self.limit).await?;
        output.result("runs", &runs, || {
            table(
                ["RUN", "KIND", "BEGAN", "APPLIED", "FAILED", "NOTE"],
                runs.iter().map(row),
            )
        });
        Ok(Exit::Done)
    }
}

fn row(run: &RunRecord) -> [String; 6] {
    let began = run.started_at.replace_nanosecond(0);
    let began = began.unwrap_or(run.started_at).format(&Rfc3339);
    let note = match (run.undone_by, run.finished_at) {
        (Some(by), _) => format!("undone by {by}"),
        (None, None) => "under way or interrupted".to_owned(),
        _ if run.blocked > 0 => format!("{} not touched", run.blocked),
        _ => String::new(),
    };
    [
        run.id.to_string(),
        run.kind.clone(),
        began.unwrap_or_default(),
        run.applied.to_string(),
        run.failed.to_string(),
        note,
    ]
}
