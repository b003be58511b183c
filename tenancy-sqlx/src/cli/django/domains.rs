//! `create_domain`, `delete_domain`.

use clap::{ArgAction, Args};

use super::{BySchema, without_port, yes};
use crate::cli::domain::DomainCommand;
use crate::cli::output::{Exit, Output};
use crate::{Error, Fleet};

/// The words of `create_domain`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  create_domain --schema=tenant1 --domain-domain=shop.example --domain-is_primary=True"
)]
pub struct CreateDomain {
    #[command(flatten)]
    tenant: BySchema,
    /// The domain; a port is ignored with a note.
    #[arg(
        short = 'd',
        long = "domain-domain",
        visible_alias = "domain",
        value_name = "DOMAIN"
    )]
    domain: String,
    /// Whether links use it.
    #[arg(
        long = "domain-is_primary",
        value_name = "True|False",
        value_parser = yes,
        default_value = "False",
        action = ArgAction::Set
    )]
    primary: bool,
}

impl CreateDomain {
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let tenant = self.tenant.tenant(fleet).await?;
        let command = DomainCommand::Add {
            tenant: tenant.slug().clone(),
            domain: without_port(&self.domain, output)?,
            primary: self.primary,
        };
        command.run(fleet, output).await
    }
}

/// The words of `delete_domain`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  delete_domain --schema=tenant1 --domain-domain=old.example --noinput"
)]
pub struct DeleteDomain {
    #[command(flatten)]
    tenant: BySchema,
    /// The domain; not the primary one.
    #[arg(
        short = 'd',
        long = "domain-domain",
        visible_alias = "domain",
        value_name = "DOMAIN"
    )]
    domain: String,
}

impl DeleteDomain {
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let tenant = self.tenant.tenant(fleet).await?;
        let command = DomainCommand::Remove {
            tenant: tenant.slug().clone(),
            domain: without_port(&self.domain, output)?,
        };
        command.run(fleet, output).await
    }
}
