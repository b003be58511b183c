//! psql on one tenant's tables, with everything it has to know in its environment.

use std::io;
use std::process::{Command, ExitStatus};

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tenancy_core::SchemaName;

use super::output::{Exit, Output};
use crate::search_path;
use crate::{Error, ErrorKind, Fleet};

/// Runs psql to its end; it talks to the terminal itself.
pub(super) async fn run(
    fleet: &Fleet,
    schema: Option<&SchemaName>,
    arguments: Vec<String>,
    output: &Output,
) -> Result<Exit, Error> {
    if output.is_json() {
        output.refuse("psql prints for itself: leave --json out");
        return Ok(Exit::Usage);
    }
    let mut command = Command::new("psql");
    command.args(arguments);
    let path = schema.map(search_path::startup_options);
    let path = path
        .as_deref()
        .unwrap_or(search_path::startup_options_shared());
    command.env("PGOPTIONS", path);
    tell(&mut command, fleet.owner());
    let ended = tokio::task::spawn_blocking(move || command.status());
    match without_interrupts(ended).await {
        Ok(status) if status.success() => Ok(Exit::Done),
        Ok(_) => Ok(Exit::Failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::new(
            ErrorKind::Configuration,
            "psql was not found: install PostgreSQL's client programs, or put their folder on PATH",
        )
        .with_source(error)),
        Err(error) => Err(
            Error::new(ErrorKind::Internal, format!("psql cannot be run: {error}"))
                .with_source(error),
        ),
    }
}

/// Leaves Ctrl-C to psql, which takes it as the end of a statement.
async fn without_interrupts(
    ended: tokio::task::JoinHandle<io::Result<ExitStatus>>,
) -> io::Result<ExitStatus> {
    let interrupts = async {
        while tokio::signal::ctrl_c().await.is_ok() {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = ended => ended.map_err(io::Error::other)?,
        () = interrupts => Err(io::Error::other("interrupted")),
    }
}

/// Says where the server is and who connects. Nothing of it is on the command line, where every
/// user of the machine could read it.
fn tell(command: &mut Command, options: &PgConnectOptions) {
    match options.get_socket() {
        Some(socket) => command.env("PGHOST", socket),
        None => command.env("PGHOST", options.get_host()),
    };
    command
        .env("PGPORT", options.get_port().to_string())
        .env("PGUSER", options.get_username())
        .env(
            "PGDATABASE",
            options.get_database().unwrap_or(options.get_username()),
        )
        .env("PGSSLMODE", ssl_mode(options.get_ssl_mode()))
        .env_remove("PGHOSTADDR")
        .env_remove("PGSERVICE");
    // The driver gives the password away in no other form. Only that is read of the URL; the
    // rest of it might hold what cannot be written in one.
    let url = options
        .clone()
        .username("owner")
        .host("localhost")
        .to_url_lossy();
    match url.password() {
        Some(password) => command.env("PGPASSWORD", decoded(password)),
        None => command.env_remove("PGPASSWORD"),
    };
    for (key, value) in url.query_pairs() {
        if key == "sslrootcert" {
            command.env("PGSSLROOTCERT", &*value);
        }
    }
}

fn ssl_mode(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// Takes back the percent signs of a URL.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let hex = others
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &others[2..];
            }
            _ => {
                bytes.push(first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_environment_and_nothing_on_the_command_line() {
        let options = PgConnectOptions::new_without_pgpass()
            .host("db.example")
            .port(6000)
            .username("o'wner @x")
            .password("p%41ss:/@ ü'")
            .database("saas/1");
        let mut command = Command::new("psql");
        tell(&mut command, &options);
        assert_eq!(command.get_args().count(), 0);
        let told = |name: &str| {
            let mut all = command.get_envs();
            let (_, value) = all.find(|(key, _)| *key == name).unwrap();
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        for (name, value) in [
            ("PGHOST", "db.example"),
            ("PGPORT", "6000"),
            ("PGUSER", "o'wner @x"),
            ("PGDATABASE", "saas/1"),
            ("PGPASSWORD", "p%41ss:/@ ü'"),
        ] {
            assert_eq!(told(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(told("PGSERVICE"), None);
    }
}
