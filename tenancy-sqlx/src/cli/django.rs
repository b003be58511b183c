//! The spellings of django-tenants, so that its users' fingers and scripts keep working.

use clap::Args;
use tenancy_core::{Domain, SchemaName, Slug};

use super::each::{self, Tenants};
use super::migrate::{self, Scope};
use super::output::{Exit, Output};
use super::{psql, tenant};
use crate::{Error, ErrorKind, Fleet, NewTenant};

pub(super) const CREATE_EXAMPLES: &str = "\
Examples:
  create_tenant --schema_name=tenant1 --name=\"Tenant 1\" --domain=tenant1.localhost
  create_tenant tenant1 \"Tenant 1\" tenant1.localhost";

pub(super) const MIGRATE_EXAMPLES: &str = "\
Examples:
  migrate_schemas              shared tables, then every tenant's
  migrate_schemas --shared
  migrate_schemas --tenant --schema=tenant1";

/// The words of `create_tenant`: flags, or schema, name and domain in that order.
#[derive(Debug, Clone, Args)]
pub struct CreateTenant {
    /// Schema, name and domain, in that order.
    #[arg(value_name = "SCHEMA NAME DOMAIN", num_args = 0..=3)]
    positional: Vec<String>,
    /// The tenant's PostgreSQL schema.
    #[arg(
        long = "schema_name",
        visible_alias = "schema-name",
        value_name = "SCHEMA"
    )]
    schema: Option<String>,
    /// Its name for people.
    #[arg(long)]
    name: Option<String>,
    /// Its domain; a port is ignored with a note.
    #[arg(long, visible_alias = "domain-domain", value_name = "DOMAIN")]
    domain: Option<String>,
    /// Its name in URLs and commands [default: the schema with - for _].
    #[arg(long)]
    slug: Option<Slug>,
    /// What it is, in a sentence.
    #[arg(long)]
    description: Option<String>,
}

impl CreateTenant {
    fn word(&self, flag: Option<&String>, place: usize) -> Option<String> {
        flag.or_else(|| self.positional.get(place)).cloned()
    }

    /// Whether this is the `public` tenant that django-tenants needs and this framework does not.
    pub(super) fn is_public(&self) -> bool {
        self.word(self.schema.as_ref(), 0).as_deref() == Some("public")
    }

    /// Says why making `public` does nothing.
    pub(super) fn explain_public(output: &Output) -> Exit {
        let done = serde_json::json!({ "schema_name": "public", "done": "nothing" });
        output.result("tenant", &done, || {
            "the public side needs no tenant here: it is served at the base domain already"
                .to_owned()
        });
        Exit::Done
    }

    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let Some(schema) = self.word(self.schema.as_ref(), 0) else {
            output.note("create_tenant needs a schema: give --schema_name=acme");
            return Ok(Exit::Usage);
        };
        let mut new = NewTenant::from_schema(SchemaName::parse(&schema)?);
        if let Some(slug) = self.slug.clone() {
            new = new.slug(slug);
        }
        if let Some(name) = self.word(self.name.as_ref(), 1) {
            new = new.name(name);
        }
        if let Some(description) = self.description.clone() {
            new = new.description(description);
        }
        if let Some(domain) = self.word(self.domain.as_ref(), 2) {
            new = new.domain(without_port(&domain, output)?);
        }
        tenant::create(fleet, new, output).await
    }
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

pub(super) const SHELL_EXAMPLES: &str = "\
Examples:
  shell --schema=tenant1
  shell --schema=tenant1 -- -c 'SELECT count(*) FROM blogs'
  shell                        what all tenants share";

/// The words of `shell`.
#[derive(Debug, Clone, Args)]
pub struct Shell {
    /// The tenant's schema; without it, what all tenants share.
    #[arg(long, visible_alias = "schema_name", value_name = "SCHEMA")]
    schema: Option<String>,
    /// What psql is told.
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

impl Shell {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let schema = match self.schema.as_deref() {
            None | Some("public") => None,
            Some(schema) => {
                let schema = SchemaName::parse(schema)?;
                by_schema(fleet, &schema).await?;
                Some(schema)
            }
        };
        psql::run(fleet, schema.as_ref(), self.arguments, output).await
    }
}

/// The words of `tenant_command`.
#[derive(Debug, Clone, Args)]
pub struct TenantCommandWords {
    /// The command without its tenant; its own flags follow after --.
    #[arg(required = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// The tenant's schema.
    #[arg(long, visible_alias = "schema_name", value_name = "SCHEMA")]
    schema: Option<SchemaName>,
}

impl TenantCommandWords {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let Some(schema) = self.schema else {
            output.refuse("tenant_command needs a tenant: give --schema=tenant1");
            return Ok(Exit::Usage);
        };
        let slug = by_schema(fleet, &schema).await?;
        each::run(fleet, &self.command, Tenants::One(slug), output).await
    }
}

/// The words of `all_tenants_command`.
#[derive(Debug, Clone, Args)]
pub struct AllTenantsCommand {
    /// The command without its tenant; its own flags follow after --.
    #[arg(required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl AllTenantsCommand {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        each::run(fleet, &self.command, Tenants::All, output).await
    }
}

/// The words of `migrate_schemas`.
#[derive(Debug, Clone, Args)]
pub struct MigrateSchemas {
    /// Only the shared tables.
    #[arg(long)]
    shared: bool,
    /// Only the tenants' tables.
    #[arg(long, conflicts_with = "shared")]
    tenant: bool,
    /// Only this tenant's schema.
    #[arg(
        long,
        visible_alias = "schema_name",
        value_name = "SCHEMA",
        conflicts_with = "shared"
    )]
    schema: Option<String>,
}

impl MigrateSchemas {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let scope = match (self.schema.as_deref(), self.shared, self.tenant) {
            // django-tenants calls the shared side a schema, too.
            (Some("public"), _, _) | (None, true, _) => Scope::Shared,
            (Some(schema), _, _) => {
                Scope::Tenants(vec![by_schema(fleet, &SchemaName::parse(schema)?).await?])
            }
            (None, false, true) => Scope::AllTenants,
            (None, false, false) => Scope::Everything,
        };
        migrate::run(fleet, scope, migrate::default_jobs(), output).await
    }
}

async fn by_schema(fleet: &Fleet, schema: &SchemaName) -> Result<Slug, Error> {
    let found = fleet.tenant_of_schema(schema).await?;
    found.map(|tenant| tenant.slug().clone()).ok_or_else(|| {
        Error::new(
            ErrorKind::Core(tenancy_core::ErrorKind::NotFound),
            format!("no tenant has the schema {schema}: `tenant list` shows those there are"),
        )
    })
}
