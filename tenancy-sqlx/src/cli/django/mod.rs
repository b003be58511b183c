//! The spellings of django-tenants, so that its users' fingers and scripts keep working.

mod create;
mod tenants;

mod domains;

mod migrate;

mod inside;

use clap::Args;
use tenancy_core::{Domain, SchemaName, Slug, Tenant};

use super::output::Output;
use crate::{Error, ErrorKind, Fleet};

pub(super) use create::CreateTenant;
pub(super) use domains::{CreateDomain, DeleteDomain};
pub(super) use inside::{AllTenantsCommand, Shell, TenantCommandWords};
pub(super) use migrate::MigrateSchemas;
pub(super) use tenants::{CloneTenant, CreateMissingSchemas, DeleteTenant, RenameSchema};

pub(super) use create::CREATE_EXAMPLES;
pub(super) use inside::SHELL_EXAMPLES;
pub(super) use migrate::MIGRATE_EXAMPLES;

/// A tenant by its schema, and flags that ask for no questions: there are none.
#[derive(Debug, Clone, Args)]
struct BySchema {
    /// The tenant's schema.
    #[arg(
        short = 's',
        long = "schema",
        visible_alias = "schema_name",
        value_name = "SCHEMA"
    )]
    schema: SchemaName,
    #[command(flatten)]
    _questions: Questions,
}

impl BySchema {
    async fn tenant(&self, fleet: &Fleet) -> Result<Tenant, Error> {
        tenant_of(fleet, &self.schema).await
    }
}

/// Flags that scripts give so that nothing is asked.
#[derive(Debug, Clone, Args)]
struct Questions {
    /// Accepted: nothing is ever asked.
    #[arg(long = "noinput", visible_alias = "no-input")]
    _noinput: bool,
    /// Accepted as well.
    #[arg(long = "interactive", conflicts_with = "_noinput")]
    _interactive: bool,
}

async fn by_schema(fleet: &Fleet, schema: &SchemaName) -> Result<Slug, Error> {
    Ok(tenant_of(fleet, schema).await?.slug().clone())
}

async fn tenant_of(fleet: &Fleet, schema: &SchemaName) -> Result<Tenant, Error> {
    let found = fleet.tenant_of_schema(schema).await?;
    found.ok_or_else(|| {
        Error::new(
            ErrorKind::Core(tenancy_core::ErrorKind::NotFound),
            format!("no tenant has the schema {schema}: `tenant list` shows those there are"),
        )
    })
}

/// The host of `domain`: django-tenants stores ports with some spellings, a host has none.
fn without_port(domain: &str, output: &Output) -> Result<Domain, Error> {
    let (host, port) = tenancy_core::Host::parse_authority(domain)?;
    if let Some(port) = port {
        output.note(format!(
            "the port {port} is ignored: a domain answers on every port"
        ));
    }
    host.domain().cloned().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("domain {domain:?} is an IP address: give a name such as acme.localhost"),
        )
    })
}

/// Python's words for yes and no, in any case.
fn yes(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err("use True or False".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_said_as_python_says_it() {
        assert_eq!(yes("True"), Ok(true));
        assert_eq!(yes("false"), Ok(false));
        yes("maybe").unwrap_err();
    }
}
