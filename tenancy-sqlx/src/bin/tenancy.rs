//! `tenancy`: the commands on any database, with migrations read from a folder.

#![allow(
    clippy::print_stderr,
    reason = "the program's last word goes to the terminal"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::cli::{Exit, FleetCommand, Output};
use tenancy_sqlx::{Error, Fleet, Isolation, Migrations};

const EXAMPLES: &str = "\
Examples:
  tenancy tenant create acme --domain acme.example.com
  tenancy migrate status --json
  DATABASE_URL=postgres://app@db/saas DATABASE_DIRECT_URL=postgres://owner@db/saas tenancy migrate

Exit codes: 0 done, 1 failed, 2 wrong words, 3 some tenants failed and others did not, 4 something is
pending (migrate status --check), 5 something is critical (doctor), 6 not confirmed (tenant purge,
migrate undo), 7 a tenant's tables are not what its migrations make (migrate drift).";

/// Tenants of a PostgreSQL database: make them, migrate them, look at them.
#[derive(Debug, Parser)]
#[command(name = "tenancy", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    /// The owner's login on a direct connection; not through a transaction pooler.
    #[arg(
        long,
        global = true,
        display_order = 901,
        env = "DATABASE_DIRECT_URL",
        hide_env_values = true
    )]
    direct_url: Option<PgConnectOptions>,
    /// The application's login; it is granted the rows of what the owner makes.
    #[arg(
        long,
        global = true,
        display_order = 901,
        env = "DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<PgConnectOptions>,
    /// The folder with `shared/` and `tenant/`, whose files are called N_name.sql.
    #[arg(
        long,
        global = true,
        display_order = 901,
        default_value = "migrations",
        value_name = "DIR"
    )]
    migrations: PathBuf,
    /// What the database itself keeps apart: `schema`, or `role` for a role of each tenant's own
    /// as well, which the owner makes (it needs CREATEROLE).
    #[arg(
        long,
        global = true,
        display_order = 901,
        env = "TENANT_ISOLATION",
        default_value_t,
        value_name = "schema|role"
    )]
    isolation: Isolation,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: FleetCommand,
}

fn main() -> ExitCode {
    let mut cli = Cli::parse();
    cli.command = cli.command.migrations_in(&cli.migrations);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads to run on: {error}");
            return Exit::Failed.into();
        }
    };
    let output = cli.output.clone();
    runtime.block_on(run(cli)).map_or_else(
        |error| {
            output.failure(&error);
            Exit::Failed.into()
        },
        Into::into,
    )
}

async fn run(cli: Cli) -> Result<Exit, Error> {
    if let Some(exit) = cli.command.without_database::<Cli>(&cli.output) {
        return Ok(exit);
    }
    let Some(owner) = cli.direct_url.clone().or_else(|| cli.database_url.clone()) else {
        eprintln!(
            "no database: set DATABASE_URL, or give --database-url postgres://LOGIN@HOST/NAME"
        );
        return Ok(Exit::Failed);
    };
    let app = cli
        .database_url
        .as_ref()
        .map(PgConnectOptions::get_username);
    let login = app
        .filter(|login| *login != owner.get_username())
        .map(str::to_owned);
    let migrations = Migrations::read(&cli.migrations)
        .map_err(|error| error.while_doing("reading the folder of --migrations"))?;
    let mut fleet = Fleet::connect(owner, login, migrations)
        .await?
        .isolation(cli.isolation);
    if let Some(application) = cli.database_url {
        fleet = fleet.application(application);
    }
    cli.command.run(&fleet, &cli.output).await
}
