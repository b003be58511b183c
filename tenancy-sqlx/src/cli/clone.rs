//! `tenant clone`.

use clap::Args;
use tenancy_core::{Domain, SchemaName, Slug};

use super::new_tenant;
use super::output::{Exit, Output};
use crate::{CloneData, Error, Fleet};

pub(super) const EXAMPLES: &str = "\
Examples:
  tenant clone acme acme-test --domain test.acme.example.com
  tenant clone template globex --without-data";

/// The words of `tenant clone`.
#[derive(Debug, Clone, Args)]
pub struct CloneWords {
    /// The slug of the tenant that is cloned; it stays in use.
    pub(super) source: Slug,
    /// The new tenant's name in URLs and commands.
    pub(super) new: Slug,
    /// The new tenant's PostgreSQL schema [default: its slug with _ for -].
    #[arg(long)]
    pub(super) schema: Option<SchemaName>,
    /// The new tenant's name for people [default: its slug].
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The new tenant's primary domain, without a port.
    #[arg(long)]
    pub(super) domain: Option<Domain>,
    /// Only the tables, and nothing in them.
    #[arg(long)]
    pub(super) without_data: bool,
}

/// Makes a tenant like another and says each step.
pub(super) async fn clone(
    fleet: &Fleet,
    words: CloneWords,
    output: &Output,
) -> Result<Exit, Error> {
    let new = new_tenant::of_words(words.new, words.schema, words.name, words.domain);
    let data = if words.without_data {
        CloneData::SchemaOnly
    } else {
        CloneData::Everything
    };
    fleet.prepare().await?;
    let tenant = fleet
        .clone_tenant(&words.source, new, data, |event| {
            output.note(format!("  {event}"));
        })
        .await?;
    output.result("tenant", &tenant, || {
        let address = new_tenant::address(&tenant);
        format!(
            "tenant {} is a clone of {}, in schema {}; {address}",
            tenant.slug(),
            words.source,
            tenant.schema_name()
        )
    });
    Ok(Exit::Done)
}
