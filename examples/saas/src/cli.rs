//! The words of the command line, and what each of them calls.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tenancy_sqlx::cli::{Exit, FleetCommand, Output};

use crate::commands::installation::{self, Purpose};
use crate::commands::worker::{self, Inside};
use crate::commands::{demo, search, serve};
use crate::settings::{MetricsListen, Settings};
use crate::telemetry;

const EXAMPLES: &str = "\
Examples:
  saas demo                                two tenants, nothing to set up
  saas create_tenant --schema_name=acme --name=\"Acme\" --domain=acme.localhost
  saas migrate status --json
  DATABASE_URL=postgres://app@db/saas saas serve --listen 0.0.0.0:8000

Exit codes: 0 done, 1 failed, 2 wrong words, 3 some tenants failed and others did not, 4 something is
pending (migrate status --check), 5 something is critical (doctor), 6 not confirmed (tenant purge,
migrate undo), 7 a tenant's tables are not what its migrations make (migrate drift), or its indexes
not what its rows are (search check).

Settings come from the environment and .env; see .env.example.";

const WORKER_HELP: &str = "\
Example:
  saas serve --no-worker & saas worker

There may be any number of workers. Beside another process that serves, all of them need REDIS_URL and
ELASTICSEARCH_URL: what one keeps in its own memory would be old when another one changes something.";

/// A blog-and-product SaaS for many tenants.
#[derive(Debug, Parser)]
#[command(name = "saas", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    /// Where the private PostgreSQL keeps its data, when DATABASE_URL is not set.
    #[arg(
        long,
        global = true,
        default_value = ".saas",
        value_name = "DIR",
        display_order = 901
    )]
    data_dir: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve two tenants with everything embedded, until Ctrl-C.
    #[command(after_help = "Examples:\n  saas demo\n  saas demo --listen 127.0.0.1:9000 --reset")]
    Demo(DemoArgs),
    /// Serve on the database at DATABASE_URL, or on a private one without it.
    #[command(visible_alias = "runserver")]
    Serve(ServeArgs),
    /// Do background jobs and serve nothing, until Ctrl-C.
    #[command(after_help = WORKER_HELP)]
    Worker(WorkerArgs),
    /// What tenants find as they type.
    #[command(subcommand)]
    Search(search::SearchCommand),
    /// Build search indexes anew, as django-elasticsearch-dsl's command: `search reindex`.
    #[command(name = "rebuild_indices", hide = true)]
    RebuildIndices(search::RebuildIndices),
    #[command(flatten)]
    Fleet(FleetCommand),
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Address to listen on [default: 127.0.0.1:8000, or LISTEN].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of /metrics [default: 127.0.0.1:9100, or METRICS_LISTEN]; empty for none.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<MetricsListen>,
    /// Do no background jobs here.
    #[arg(long)]
    no_worker: bool,
    /// Throw the demo's data away and start anew.
    #[arg(long)]
    reset: bool,
    /// Do not ask before throwing data away.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1:8000, or LISTEN]; a bare port will do.
    #[arg(value_name = "ADDRESS", value_parser = address)]
    address: Option<SocketAddr>,
    /// The same as a flag.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "address")]
    listen: Option<SocketAddr>,
    /// Address of /metrics [default: 127.0.0.1:9100, or METRICS_LISTEN]; empty for none.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<MetricsListen>,
    /// Do no background jobs here: `saas worker` does them in another process.
    #[arg(long)]
    no_worker: bool,
}

#[derive(Debug, Args)]
struct WorkerArgs {
    /// Address of /metrics [default: 127.0.0.1:9100, or METRICS_LISTEN]; empty for none.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<MetricsListen>,
}

/// What `--no-worker` says.
fn inside(no_worker: bool) -> Inside {
    if no_worker {
        Inside::Rests
    } else {
        Inside::Works
    }
}

/// An address as `runserver` takes it: `8000`, `0:8000` or `0.0.0.0:8000`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let full = match text.split_once(':') {
        None => format!("127.0.0.1:{text}"),
        Some(("0", port)) => format!("0.0.0.0:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        Some(_) => text.to_owned(),
    };
    full.parse()
        .map_err(|_| "use PORT or ADDRESS:PORT".to_owned())
}

/// Where the migrations are that the next build takes in.
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");

/// Runs the program.
#[expect(
    clippy::print_stderr,
    reason = "the program's last word goes to the terminal"
)]
pub fn main() -> ExitCode {
    // A build that breaks promises breaks those of a started program, too.
    #[cfg(sabotage)]
    if let Ok(name) = std::env::var(crate::settings::SABOTAGE) {
        tenancy_core::sabotage::choose(name);
    }
    let mut cli = Cli::parse();
    if let Command::Fleet(command) = cli.command {
        cli.command = Command::Fleet(command.migrations_in(Path::new(MIGRATIONS)));
    }
    // Completions and help must work where no database does, and with any settings.
    if let Command::Fleet(command) = &cli.command
        && let Some(exit) = command.without_database::<Cli>(&cli.output)
    {
        return exit.into();
    }
    let output = cli.output.clone();
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("{faults}");
            return Exit::Failed.into();
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads to run on: {error}");
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(run(cli, settings)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output.failure(error.as_ref());
            Exit::Failed.into()
        }
    }
}

/// Anything that ends the program; it is shown and not inspected.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn run(cli: Cli, mut settings: Settings) -> Result<Exit, Failure> {
    match cli.command {
        Command::Demo(args) => {
            settings.listen = args.listen.unwrap_or(settings.listen);
            settings.metrics_listen = args.metrics_listen.unwrap_or(settings.metrics_listen);
            let _log = telemetry::start(&settings);
            let reset = match (args.reset, args.yes) {
                (false, _) => demo::Reset::Keep,
                (true, false) => demo::Reset::Ask,
                (true, true) => demo::Reset::Now,
            };
            demo::run(settings, &cli.data_dir, reset, inside(args.no_worker)).await?;
            Ok(Exit::Done)
        }
        Command::Serve(args) => {
            settings.listen = args.listen.or(args.address).unwrap_or(settings.listen);
            settings.metrics_listen = args.metrics_listen.unwrap_or(settings.metrics_listen);
            let _log = telemetry::start(&settings);
            serve::run(settings, &cli.data_dir, inside(args.no_worker)).await?;
            Ok(Exit::Done)
        }
        Command::Worker(args) => {
            settings.metrics_listen = args.metrics_listen.unwrap_or(settings.metrics_listen);
            let _log = telemetry::start(&settings);
            worker::run(settings, &cli.data_dir).await?;
            Ok(Exit::Done)
        }
        Command::Search(command) => {
            search::run(&settings, &cli.data_dir, command, &cli.output).await
        }
        Command::RebuildIndices(which) => {
            search::run(&settings, &cli.data_dir, which.into(), &cli.output).await
        }
        Command::Fleet(command) => {
            let installation =
                installation::open(&settings, &cli.data_dir, Purpose::Command).await?;
            let result = command.run(&installation.fleet, &cli.output).await;
            installation.close().await?;
            Ok(result?)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_words_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn runserver_takes_what_django_users_type() {
        for (typed, address) in [
            ("8000", "127.0.0.1:8000"),
            ("0:8000", "0.0.0.0:8000"),
            ("localhost:8000", "127.0.0.1:8000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            let cli = Cli::try_parse_from(["saas", "runserver", typed]).unwrap();
            let Command::Serve(args) = cli.command else {
                panic!("{typed} is not serve")
            };
            assert_eq!(args.address.unwrap().to_string(), address);
        }
    }
}
