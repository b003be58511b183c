//! `migrate status`: where every tenant stands.

use clap::Args;

use super::super::output::{Exit, Output, table};
use super::{differences, list};
use crate::{Error, Fleet, FleetStatus, ScopeStatus};

/// The words of `migrate status`.
#[derive(Debug, Clone, Args)]
pub(super) struct Status {
    /// End with exit code 4 when something is pending.
    #[arg(long)]
    check: bool,
}

impl Status {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let pending = if self.check {
            Exit::Pending
        } else {
            Exit::Done
        };
        show(fleet, pending, output).await
    }
}

/// Prints where everybody stands, and ends with `pending` when somebody is behind.
pub(in super::super) async fn show(
    fleet: &Fleet,
    pending: Exit,
    output: &Output,
) -> Result<Exit, Error> {
    let status = fleet.status().await?;
    output.result("status", &status, || describe(&status));
    Ok(if status.is_at_head() {
        Exit::Done
    } else {
        pending
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
