//! `dev-schema`.

use clap::Args;
use tenancy_core::SchemaName;

use super::output::{Exit, Output};
use crate::{Error, Fleet};

pub(super) const EXAMPLES: &str = "\
Examples:
  DATABASE_URL=$(tenancy dev-schema) cargo check
  DATABASE_URL=$(tenancy dev-schema) cargo sqlx prepare
  psql \"$(tenancy dev-schema --schema look)\"

The schema is made anew each time, with every tenant migration. It is nobody's, and only one that
this command made is ever dropped. The URL has the owner's login and is for tools: the application
keeps its own, and refuses this one.";

/// The words of `dev-schema`.
#[derive(Debug, Clone, Args)]
pub struct DevSchema {
    /// The schema to make.
    #[arg(long, value_name = "NAME", default_value = "tenancy_dev")]
    schema: SchemaName,
    /// Leave the password out of the URL, for who keeps it in a password file.
    #[arg(long)]
    no_password: bool,
}

impl DevSchema {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let dev = fleet.dev_schema(&self.schema).await?;
        let url = if self.no_password {
            dev.url_without_password()
        } else {
            dev.url()
        };
        let migrations = match dev.versions() {
            [] => "no tenant migration: are they in another folder?".to_owned(),
            [one] => format!("tenant migration {one}"),
            [.., last] => format!("tenant migrations up to {last}"),
        };
        output.note(format_args!("schema {} has {migrations}", dev.schema()));
        let value = serde_json::json!({
            "schema": dev.schema(), "versions": dev.versions(), "database_url": url,
        });
        output.result("dev_schema", &value, || url.clone());
        Ok(Exit::Done)
    }
}
