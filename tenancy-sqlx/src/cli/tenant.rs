//! The `tenant` commands; those of a longer life are in `lifecycle`, `purge` and `moves`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tenancy_core::{Domain, SchemaName, Slug, Tenant};

use super::output::{Exit, Output, table};
use super::{lifecycle, moves, new_tenant, psql, purge};
use crate::{Error, ErrorKind, Fleet, NewTenant, ProvisionEvent, Rename};

const CREATE_EXAMPLES: &str = "\
Examples:
  tenant create acme --name \"Acme\" --domain acme.example.com
  tenant create my-shop --schema shop_7 --json";

const RENAME_EXAMPLES: &str = "\
Examples:
  tenant rename acme acme-books
  tenant rename acme acme-books --schema acme    the schema stays";

/// What can be done with tenants.
#[derive(Debug, Clone, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant: its schema with all tables, its domain, ready to use.
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Make a tenant like another, with its rows or without.
    #[command(after_help = super::clone::EXAMPLES)]
    Clone(super::clone::CloneWords),
    /// List the tenants.
    #[command(after_help = "Example:\n  tenant list --json")]
    List,
    /// Show one tenant with its domains.
    #[command(after_help = "Example:\n  tenant show acme")]
    Show {
        /// The tenant's slug.
        slug: Slug,
    },
    /// Stop a tenant and keep everything: its hosts answer that it is suspended.
    #[command(after_help = "Example:\n  tenant suspend acme")]
    Suspend {
        /// The tenant's slug.
        slug: Slug,
    },
    /// Let a suspended tenant serve again.
    #[command(after_help = "Example:\n  tenant resume acme")]
    Resume {
        /// The tenant's slug.
        slug: Slug,
    },
    /// Keep a tenant's users out for a while, and tell them why.
    #[command(after_help = lifecycle::MAINTENANCE_EXAMPLES)]
    Maintenance(lifecycle::MaintenanceWords),
    /// Take a tenant out of use and keep everything: its hosts answer as if it had never been.
    #[command(after_help = lifecycle::ARCHIVE_EXAMPLES)]
    Archive(lifecycle::Archive),
    /// Bring an archived tenant back, suspended.
    #[command(after_help = "Example:\n  tenant undelete acme && tenant resume acme")]
    Undelete {
        /// The tenant's slug.
        slug: Slug,
    },
    /// Remove everything of an archived tenant for good.
    #[command(after_help = purge::EXAMPLES)]
    Purge(purge::Purge),
    /// Say what is left of a tenant, in every store; of a purged one that is nothing.
    #[command(after_help = lifecycle::RESIDUE_EXAMPLES)]
    Residue(lifecycle::Which),
    /// Complete what a crash cut off, and leave alone what somebody is at work on.
    #[command(after_help = lifecycle::REPAIR_EXAMPLES)]
    Repair(lifecycle::RepairWords),
    /// Give a tenant another name; its schema follows, its domains stay.
    #[command(after_help = RENAME_EXAMPLES)]
    Rename {
        /// The tenant's slug.
        slug: Slug,
        /// Its new slug.
        new: Slug,
        /// Its new PostgreSQL schema [default: the new slug with _ for -].
        #[arg(long)]
        schema: Option<SchemaName>,
    },
    /// Write one tenant into one file, as it is in one moment.
    #[command(after_help = moves::EXPORT_EXAMPLES)]
    Export(moves::Export),
    /// Make a tenant of an archive: all of it or nothing.
    #[command(visible_alias = "restore", after_help = moves::IMPORT_EXAMPLES)]
    Import(moves::Import),
    /// Say what is in an archive, and that every byte of it is right.
    #[command(after_help = "Example:\n  tenant inspect acme.tar --json")]
    Inspect {
        /// The archive.
        file: PathBuf,
    },
    /// Make a tenant of a schema that is there already; no row is copied.
    #[command(after_help = moves::ADOPT_EXAMPLES)]
    Adopt(moves::Adopt),
    /// List what was done to a tenant, step by step; a purged one by its slug or id.
    #[command(after_help = "Example:\n  tenant history acme --json")]
    History(lifecycle::Which),
    /// Open psql on a tenant's tables, as their owner.
    #[command(after_help = "Examples:\n  tenant psql acme\n  tenant psql acme -- -c '\\d'")]
    Psql {
        /// The tenant's slug.
        slug: Slug,
        /// What psql is told.
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },
}

/// The words of `tenant create`.
#[derive(Debug, Clone, Args)]
pub struct Create {
    /// The tenant's name in URLs and commands, such as my-shop.
    slug: Slug,
    /// Its PostgreSQL schema [default: the slug with _ for -].
    #[arg(long)]
    schema: Option<SchemaName>,
    /// Its name for people [default: the slug].
    #[arg(long)]
    name: Option<String>,
    /// What it is, in a sentence.
    #[arg(long)]
    description: Option<String>,
    /// Its primary domain, without a port.
    #[arg(long)]
    domain: Option<Domain>,
}

impl TenantCommand {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self {
            Self::Create(words) => {
                let mut new =
                    new_tenant::of_words(words.slug, words.schema, words.name, words.domain);
                if let Some(description) = words.description {
                    new = new.description(description);
                }
                create(fleet, new, output).await
            }
            Self::Clone(words) => super::clone::clone(fleet, words, output).await,
            Self::List => list(fleet, output).await,
            Self::Show { slug } => show(fleet, &slug, output).await,
            Self::Suspend { slug } => {
                fleet.prepare().await?;
                let tenant = fleet.suspend(&slug).await?;
                Ok(say(&tenant, output, || {
                    format!("tenant {slug} is suspended")
                }))
            }
            Self::Resume { slug } => {
                fleet.prepare().await?;
                let tenant = fleet.resume(&slug).await?;
                Ok(say(&tenant, output, || format!("tenant {slug} is active")))
            }
            Self::Maintenance(words) => words.run(fleet, output).await,
            Self::Archive(words) => words.run(fleet, output).await,
            Self::Undelete { slug } => {
                fleet.prepare().await?;
                let tenant = fleet.undelete(&slug).await?;
                Ok(say(&tenant, output, || {
                    format!(
                        "tenant {slug} is back, suspended; `tenant resume {slug}` lets it serve"
                    )
                }))
            }
            Self::Purge(words) => words.run(fleet, output).await,
            Self::Residue(which) => lifecycle::residue(&which, fleet, output).await,
            Self::Repair(words) => words.run(fleet, output).await,
            Self::Rename { slug, new, schema } => {
                fleet.prepare().await?;
                let mut to = Rename::to(new.clone());
                if let Some(schema) = schema {
                    to = to.schema(schema);
                }
                let tenant = fleet.rename(&slug, to).await?;
                Ok(say(&tenant, output, || {
                    let schema = tenant.schema_name();
                    format!("tenant {slug} is called {new} now, in schema {schema}")
                }))
            }
            Self::Export(words) => words.run(fleet, output).await,
            Self::Import(words) => words.run(fleet, output).await,
            Self::Inspect { file } => moves::inspect(&file, output).await,
            Self::Adopt(words) => words.run(fleet, output).await,
            Self::History(which) => lifecycle::history(&which, fleet, output).await,
            Self::Psql { slug, arguments } => {
                let tenant = existing(fleet, &slug).await?;
                psql::run(fleet, Some(tenant.schema_name()), arguments, output).await
            }
        }
    }
}

/// Makes a tenant and says each step.
pub(super) async fn create(fleet: &Fleet, new: NewTenant, output: &Output) -> Result<Exit, Error> {
    // A first tenant may well be the first thing that happens to a database.
    fleet.prepare().await?;
    let tenant = fleet
        .create(new, |event: ProvisionEvent| {
            output.note(format!("  {event}"));
        })
        .await?;
    output.result("tenant", &tenant, || {
        let address = new_tenant::address(&tenant);
        format!(
            "tenant {} is ready in schema {}; {address}",
            tenant.slug(),
            tenant.schema_name()
        )
    });
    Ok(Exit::Done)
}

pub(super) fn say(tenant: &Tenant, output: &Output, text: impl FnOnce() -> String) -> Exit {
    output.result("tenant", tenant, text);
    Exit::Done
}

async fn list(fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
    let tenants = fleet.tenants().await?;
    output.result("tenants", &tenants, || {
        if tenants.is_empty() {
            return "there are no tenants yet: make one with `tenant create`".to_owned();
        }
        table(
            ["SLUG", "STATUS", "SCHEMA", "DOMAIN", "NAME"],
            tenants.iter().map(row),
        )
    });
    Ok(Exit::Done)
}

fn row(tenant: &Tenant) -> [String; 5] {
    [
        tenant.slug().to_string(),
        tenant.status().to_string(),
        tenant.schema_name().to_string(),
        tenant
            .primary_domain()
            .map_or_else(|| "-".to_owned(), Domain::to_string),
        tenant.name().to_owned(),
    ]
}

async fn show(fleet: &Fleet, slug: &Slug, output: &Output) -> Result<Exit, Error> {
    let tenant = existing(fleet, slug).await?;
    let domains = fleet.domains(tenant.id()).await?;
    let value = serde_json::json!({ "tenant": tenant, "domains": domains });
    output.result("found", &value, || {
        let mut lines = vec![
            format!("slug         {}", tenant.slug()),
            format!("id           {}", tenant.id()),
            format!("name         {}", tenant.name()),
            format!("description  {}", tenant.description()),
            format!("status       {}", tenant.status()),
            format!("schema       {}", tenant.schema_name()),
            format!("created      {}", lifecycle::moment(tenant.created_at())),
        ];
        for record in &domains {
            let mark = if record.is_primary { " (primary)" } else { "" };
            lines.push(format!("domain       {}{mark}", record.domain));
        }
        lines.join("\n")
    });
    Ok(Exit::Done)
}

/// The tenant called `slug`, or an error that says how to find the right name.
pub(super) async fn existing(fleet: &Fleet, slug: &Slug) -> Result<Tenant, Error> {
    fleet.tenant(slug).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::Core(tenancy_core::ErrorKind::NotFound),
            format!("there is no tenant {slug}: `tenant list` shows those there are"),
        )
    })
}
