//! `tenant history`: what happens to a tenant between its creation and its end.

use clap::Args;
use tenancy_core::{Identifier, Slug};

use super::output::{Exit, Output, table};
use crate::{Error, Fleet, JournalEntry};

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
    let at = entry.at.replace_nanosecond(0).unwrap_or(entry.at);
    [
        at.format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_else(|_| at.to_string()),
        entry.kind.clone(),
        entry.step.clone(),
        entry.detail.to_string(),
    ]
}
