//! `rename_schema`, `delete_tenant`, `clone_tenant`, `create_missing_schemas`.

use clap::Args;
use tenancy_core::{SchemaName, Slug};

use super::{Questions, tenant_of, without_port, yes};
use crate::cli::clone::{self, CloneWords};
use crate::cli::lifecycle::RepairWords;
use crate::cli::output::{Exit, Output};
use crate::cli::tenant::{self, TenantCommand};
use crate::{Error, Fleet};

/// The words of `rename_schema`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  rename_schema --rename_from=tenant1 --rename_to=acme")]
pub struct RenameSchema {
    /// The tenant's schema.
    #[arg(
        long = "rename_from",
        visible_alias = "rename-from",
        value_name = "SCHEMA"
    )]
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
  delete_tenant --schema=tenant1                              archives it and keeps everything
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
    #[arg(long)]
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
        if self.purge && self.confirm.is_none() {
            output.refuse(format!(
                "not confirmed: there is no way back from a purge; add --confirm {schema} if it is \
                 meant"
            ));
            return Ok(Exit::NotConfirmed);
        }
        let Some(confirm) = self.confirm else {
            fleet.prepare().await?;
            let tenant = fleet.archive(&slug, None).await?;
            return Ok(tenant::say(&tenant, output, || {
                format!(
                    "tenant {slug} is archived and everything kept; `tenant undelete {slug}` brings \
                     it back"
                )
            }));
        };
        if confirm != schema.as_str() && confirm != slug.as_str() {
            output.refuse(format!(
                "not confirmed: purging {schema} is confirmed by --confirm {schema}, not by {confirm}"
            ));
            return Ok(Exit::NotConfirmed);
        }
        fleet.prepare().await?;
        fleet.archive(&slug, None).await?;
        let tenant = fleet.purge(&slug, &slug).await?;
        Ok(tenant::say(&tenant, output, || {
            format!("tenant {slug} is purged; its names stay reserved for a while")
        }))
    }
}

/// The words of `clone_tenant`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  clone_tenant --clone_from=tenant1 --schema_name=tenant2 --name=\"Tenant 2\" --domain=tenant2.localhost"
)]
pub struct CloneTenant {
    /// The schema of the tenant that is cloned; it stays in use.
    #[arg(
        long = "clone_from",
        visible_alias = "clone-from",
        value_name = "SCHEMA"
    )]
    from: SchemaName,
    /// The new tenant's schema.
    #[arg(
        long = "schema_name",
        visible_alias = "schema-name",
        value_name = "SCHEMA"
    )]
    schema: SchemaName,
    /// Its name for people.
    #[arg(long)]
    name: Option<String>,
    /// Its domain; a port is ignored with a note.
    #[arg(long, visible_alias = "domain-domain", value_name = "DOMAIN")]
    domain: Option<String>,
    /// Its name in URLs and commands [default: the schema with - for _].
    #[arg(long)]
    slug: Option<Slug>,
    /// Take over the name for people, where none is given.
    #[arg(long = "clone_tenant_fields", value_name = "True|False", value_parser = yes, default_value = "False", action = clap::ArgAction::Set)]
    fields: bool,
    #[command(flatten)]
    _questions: Questions,
}

impl CloneTenant {
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let source = tenant_of(fleet, &self.from).await?;
        let name = self.name.or_else(|| {
            let taken = source.name().to_owned();
            self.fields.then_some(taken)
        });
        let words = CloneWords {
            source: source.slug().clone(),
            new: match self.slug {
                Some(slug) => slug,
                None => Slug::from_schema(&self.schema)?,
            },
            schema: Some(self.schema),
            name,
            domain: self
                .domain
                .map(|domain| without_port(&domain, output))
                .transpose()?,
            without_data: false,
        };
        clone::clone(fleet, words, output).await
    }
}

/// The words of `create_missing_schemas`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  create_missing_schemas\n  create_missing_schemas --dry-run --json"
)]
pub struct CreateMissingSchemas {
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    _questions: Questions,
}

impl CreateMissingSchemas {
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let words = RepairWords::of_missing_schemas(self.dry_run);
        TenantCommand::Repair(words).run(fleet, output).await
    }
}
