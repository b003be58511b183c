//! `shell`, `tenant_command`, `all_tenants_command`.

use clap::Args;
use tenancy_core::SchemaName;

use super::by_schema;
use crate::cli::each::{self, Tenants};
use crate::cli::output::{Exit, Output};
use crate::cli::psql;
use crate::{Error, Fleet};

pub(in crate::cli) const SHELL_EXAMPLES: &str = "\
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
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
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
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
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
    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        each::run(fleet, &self.command, Tenants::All, output).await
    }
}
