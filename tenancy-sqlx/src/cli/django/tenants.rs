//! `rename_schema`, `delete_tenant`, `create_missing_schemas`.

use clap::Args;
use tenancy_core::{SchemaName, Slug};

use super::{Questions, tenant_of};
use crate::cli::output::{Exit, Output};
use crate::cli::tenant::TenantCommand;
use crate::{Error, Fleet};

/// The words of `rename_schema`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  rename_schema --rename_from=tenant1 --rename_to=acme")]
pub struct RenameSchema {
    /// The tenant's schema.
    #[arg(long = "rename_from", visible_alias = "rename-from", value_name = "SCHEMA")]
    from: SchemaName,
    /// Its new schema; the slug follows, its domains stay.
    #[arg(long = "rename_to", visible_alias = "rename-to", value_name = "SCHEMA")]
    to: SchemaName,
    /// Its new name in URLs and commands [default: the new schema with - for _].
    #[arg(long)]
    slug: Option<Slug>,
}

impl RenameSchema {
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let tenant = tenant_of(fleet, &self.from).await?;
        let new = match self.slug {
            Some(slug) => slug,
            None => Slug::from_schema(&self.to)?,
        };
        let command = TenantCommand::Rename {
            slug: tenant.slug().clone(),
            new,
            schema: Some(self.to),
        };
        command.run(fleet, output).await
    }
}

/// The words of `delete_tenant`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  delete_tenant --schema=tenant1                              stops it, and keeps everything
  delete_tenant --schema=tenant1 --purge --confirm tenant1    removes it for good")]
pub struct DeleteTenant {
    /// The tenant's schema.
    #[arg(value_name = "SCHEMA", required_unless_present = "schema")]
    positional: Option<SchemaName>,
    /// The same as a flag.
    #[arg(
        short = 's',
        long,
        visible_alias = "schema_name",
        value_name = "SCHEMA",
        conflicts_with = "positional"
    )]
    schema: Option<SchemaName>,
    /// Remove everything of it for good.
    #[arg(long, requires = "confirm")]
    purge: bool,
    /// The tenant's schema or slug again: there is no way back.
    #[arg(long, value_name = "NAME", requires = "purge")]
    confirm: Option<String>,
    #[command(flatten)]
    _questions: Questions,
}

impl DeleteTenant {
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        // Its words demand one of the two.
        let Some(schema) = self.schema.or(self.positional) else {
            return Ok(Exit::Usage);
        };
        let slug = tenant_of(fleet, &schema).await?.slug().clone();
        let Some(confirm) = self.confirm.filter(|_| self.purge) else {
            return TenantCommand::Suspend { slug }.run(fleet, output).await;
        };
        if confirm != schema.as_str() && confirm != slug.as_str() {
            output.refuse(format!(
                "purging {schema} is confirmed by --confirm {schema}, not by {confirm}"
            ));
            return Ok(Exit::Usage);
        }
        fleet.suspend(&slug).await?;
        let confirm = slug.clone();
        TenantCommand::Purge { slug, confirm }.run(fleet, output).await
    }
}
