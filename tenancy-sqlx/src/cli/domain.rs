//! `domain add|remove|primary|list`.

use clap::Subcommand;
use tenancy_core::{Domain, Slug};

use super::output::{Exit, Output, table};
use super::tenant::existing;
use crate::{DomainRole, Error, Fleet};

/// What can be done with domains.
#[derive(Debug, Clone, Subcommand)]
pub enum DomainCommand {
    /// Let a tenant answer at one more domain.
    #[command(after_help = "Example:\n  domain add acme shop.acme.example --primary")]
    Add {
        /// The tenant's slug.
        tenant: Slug,
        /// The domain, without a port.
        domain: Domain,
        /// Make it the one that links use.
        #[arg(long)]
        primary: bool,
    },
    /// Take a domain from a tenant; not its primary one.
    #[command(after_help = "Example:\n  domain remove acme old.acme.example")]
    Remove {
        /// The tenant's slug.
        tenant: Slug,
        /// The domain, without a port.
        domain: Domain,
    },
    /// Make one of a tenant's domains the one that links use.
    #[command(after_help = "Example:\n  domain primary acme shop.acme.example")]
    Primary {
        /// The tenant's slug.
        tenant: Slug,
        /// The domain, without a port.
        domain: Domain,
    },
    /// List a tenant's domains.
    #[command(after_help = "Example:\n  domain list acme")]
    List {
        /// The tenant's slug.
        tenant: Slug,
    },
}

impl DomainCommand {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self {
            Self::Add {
                tenant,
                domain,
                primary,
            } => {
                let role = if primary {
                    DomainRole::Primary
                } else {
                    DomainRole::Alias
                };
                fleet.prepare().await?;
                let record = fleet.add_domain(&tenant, &domain, role).await?;
                output.result("domain", &record, || {
                    format!("{tenant} answers at {domain}")
                });
            }
            Self::Remove { tenant, domain } => {
                fleet.prepare().await?;
                let record = fleet.remove_domain(&tenant, &domain).await?;
                output.result("domain", &record, || {
                    format!("{tenant} no longer answers at {domain}")
                });
            }
            Self::Primary { tenant, domain } => {
                fleet.prepare().await?;
                let record = fleet.set_primary_domain(&tenant, &domain).await?;
                output.result("domain", &record, || {
                    format!("links to {tenant} lead to {domain}")
                });
            }
            Self::List { tenant } => {
                let tenant = existing(fleet, &tenant).await?;
                let domains = fleet.domains(tenant.id()).await?;
                output.result("domains", &domains, || {
                    let rows = domains.iter().map(|record| {
                        let primary = if record.is_primary { "yes" } else { "" };
                        [record.domain.to_string(), primary.to_owned()]
                    });
                    table(["DOMAIN", "PRIMARY"], rows)
                });
            }
        }
        Ok(Exit::Done)
    }
}
