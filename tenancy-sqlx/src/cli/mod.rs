//! The commands, as clap types that an app flattens into its own command line.
//!
//! ```no_run
//! use clap::Parser;
//! use tenancy_sqlx::cli::{Exit, FleetCommand, Output};
//!
//! #[derive(clap::Parser)]
//! struct Cli {
//!     #[command(flatten)]
//!     output: Output,
//!     #[command(subcommand)]
//!     command: FleetCommand,
//! }
//!
//! async fn run(fleet: &tenancy_sqlx::Fleet) -> Result<Exit, tenancy_sqlx::Error> {
//!     let cli = Cli::parse();
//!     cli.command.run(fleet, &cli.output).await
//! }
//! ```
//!
//! Standard output has the result and nothing else (with `--json`, one JSON document); what goes
//! on meanwhile is on standard error. Commands that change something prepare the database first;
//! those that only look leave it as it is.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "commands talk to a terminal"
)]

mod new_tenant;
mod output;

mod clone;
mod domain;
mod drift;
mod jobs;
mod lifecycle;
mod migrate;
mod moves;
mod new_migration;
mod plan;
mod psql;
mod purge;
mod span;
mod tenant;

mod dev_schema;
mod doctor;
mod sql;

mod each;

mod django;

use std::path::Path;

use clap::{CommandFactory, Subcommand};

pub use output::{Exit, Output};

use crate::{Error, Fleet};

/// Commands on the tenants of one installation.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum FleetCommand {
    /// Make, list, show, stop, archive, rename, repair and purge tenants.
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Give tenants domains.
    #[command(subcommand)]
    Domain(domain::DomainCommand),
    /// Say what tenants may use: plans, limits and features.
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// Bring tables up to date, or say what is pending.
    Migrate(Box<migrate::Migrate>),
    /// List, retry, cancel and remove background jobs.
    #[command(subcommand)]
    Jobs(jobs::JobsCommand),
    /// Make a schema with a tenant's tables for sqlx's `query!`, and print its DATABASE_URL.
    #[command(after_help = dev_schema::EXAMPLES)]
    DevSchema(dev_schema::DevSchema),
    /// Look for what would make isolation fail, and say what mends it.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Doctor),
    /// Run one of these commands for one tenant or for each.
    #[command(after_help = each::EXAMPLES)]
    Run(each::Run),
    /// Make a tenant, as django-tenants spells it.
    #[command(name = "create_tenant", after_help = django::CREATE_EXAMPLES)]
    CreateTenant(django::CreateTenant),
    /// Migrate shared and tenant tables, as django-tenants spells it.
    #[command(name = "migrate_schemas", after_help = django::MIGRATE_EXAMPLES)]
    MigrateSchemas(django::MigrateSchemas),
    /// Give a tenant another schema and slug, as django-tenants spells it.
    #[command(name = "rename_schema")]
    RenameSchema(django::RenameSchema),
    /// Make a tenant like another, as django-tenants spells it.
    #[command(name = "clone_tenant")]
    CloneTenant(django::CloneTenant),
    /// Make the schemas that are gone anew, as django-tenants spells it.
    #[command(name = "create_missing_schemas")]
    CreateMissingSchemas(django::CreateMissingSchemas),
    /// Archive a tenant, or purge it, as django-tenants spells it.
    #[command(name = "delete_tenant")]
    DeleteTenant(django::DeleteTenant),
    /// Give a tenant a domain, as django-tenants spells it.
    #[command(name = "create_domain")]
    CreateDomain(django::CreateDomain),
    /// Take a domain from a tenant, as django-tenants spells it.
    #[command(name = "delete_domain")]
    DeleteDomain(django::DeleteDomain),
    /// See what a statement becomes for a tenant, or why it is refused.
    #[command(subcommand)]
    Sql(sql::SqlCommand),
    /// Write the next numbered migration file, as Django spells it.
    #[command(name = "makemigrations")]
    MakeMigrations(new_migration::NewMigration),
    /// Open psql on a tenant's tables, as Django spells it.
    #[command(after_help = django::SHELL_EXAMPLES)]
    Shell(django::Shell),
    /// Run a command for one tenant, as django-tenants spells it.
    #[command(
        name = "tenant_command",
        after_help = "Example:\n  tenant_command migrate --schema=tenant1"
    )]
    TenantCommand(django::TenantCommandWords),
    /// Run a command for each tenant, as django-tenants spells it.
    #[command(
        name = "all_tenants_command",
        after_help = "Example:\n  all_tenants_command domain list"
    )]
    AllTenantsCommand(django::AllTenantsCommand),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  completions bash > ~/.local/share/bash-completion/completions/tenancy"
    )]
    Completions {
        /// The shell to complete in.
        shell: clap_complete::Shell,
    },
}

impl FleetCommand {
    /// Runs the command if it needs no database; `C` is the whole command line it is part of.
    pub fn without_database<C: CommandFactory>(&self, output: &Output) -> Option<Exit> {
        match self {
            Self::Completions { shell } => {
                let mut command = C::command();
                let name = command.get_name().to_owned();
                // Into memory first: the generator does not bear a reader that left.
                let mut script = Vec::new();
                clap_complete::generate(*shell, &mut command, name, &mut script);
                output::print(&script);
                Some(Exit::Done)
            }
            Self::Sql(command) => Some(command.run(output)),
            Self::MakeMigrations(words) => Some(words.run(output)),
            Self::Migrate(words) => words.without_database(output),
            Self::CreateTenant(create) => create
                .is_public()
                .then(|| django::CreateTenant::explain_public(output)),
            _ => None,
        }
    }

    /// Says where the program's migration files are, for the commands that write one.
    #[must_use]
    pub fn migrations_in(mut self, folder: &Path) -> Self {
        match &mut self {
            Self::MakeMigrations(words) => words.default_dir(folder),
            Self::Migrate(words) => words.default_dir(folder),
            _ => {}
        }
        self
    }

    /// Runs the command on `fleet`.
    ///
    /// # Errors
    ///
    /// Whatever the operation fails with; what is printed says which input and what to do.
    pub async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self {
            Self::Tenant(command) => command.run(fleet, output).await,
            Self::Domain(command) => command.run(fleet, output).await,
            Self::Plan(command) => command.run(fleet, output).await,
            Self::Migrate(command) => command.run(fleet, output).await,
            Self::Jobs(command) => command.run(fleet, output).await,
            Self::DevSchema(command) => command.run(fleet, output).await,
            Self::Doctor(command) => command.run(fleet, output).await,
            Self::Run(command) => command.run(fleet, output).await,
            Self::CreateTenant(command) => command.run(fleet, output).await,
            Self::MigrateSchemas(command) => command.run(fleet, output).await,
            Self::RenameSchema(command) => command.run(fleet, output).await,
            Self::CloneTenant(command) => command.run(fleet, output).await,
            Self::CreateMissingSchemas(command) => command.run(fleet, output).await,
            Self::DeleteTenant(command) => command.run(fleet, output).await,
            Self::CreateDomain(command) => command.run(fleet, output).await,
            Self::DeleteDomain(command) => command.run(fleet, output).await,
            Self::MakeMigrations(words) => Ok(words.run(output)),
            Self::Shell(command) => command.run(fleet, output).await,
            Self::TenantCommand(command) => command.run(fleet, output).await,
            Self::AllTenantsCommand(command) => command.run(fleet, output).await,
            // These were answered before a database was looked for.
            Self::Completions { .. } | Self::Sql(_) => Ok(Exit::Done),
        }
    }
}
