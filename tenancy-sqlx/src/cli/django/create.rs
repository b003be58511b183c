//! `create_tenant`.

use clap::Args;
use tenancy_core::{SchemaName, Slug};

use super::without_port;
use crate::cli::output::{Exit, Output};
use crate::cli::tenant;
use crate::{Error, Fleet, NewTenant};

pub(in crate::cli) const CREATE_EXAMPLES: &str = "\
Examples:
  create_tenant --schema_name=tenant1 --name=\"Tenant 1\" --domain=tenant1.localhost
  create_tenant tenant1 \"Tenant 1\" tenant1.localhost";

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
    pub(in crate::cli) fn is_public(&self) -> bool {
        self.word(self.schema.as_ref(), 0).as_deref() == Some("public")
    }

    /// Says why making `public` does nothing.
    pub(in crate::cli) fn explain_public(output: &Output) -> Exit {
        let done = serde_json::json!({ "schema_name": "public", "done": "nothing" });
        output.result("tenant", &done, || {
            "the public side needs no tenant here: it is served at the base domain already"
                .to_owned()
        });
        Exit::Done
    }

    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let Some(schema) = self.word(self.schema.as_ref(), 0) else {
            output.refuse("create_tenant needs a schema: give --schema_name=acme");
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
