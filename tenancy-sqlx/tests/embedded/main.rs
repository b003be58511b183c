//! A private PostgreSQL, really started, attached to, killed and stopped.

// What is left of a server is looked up in `/proc`.
#![cfg(all(feature = "embedded", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod data;
#[cfg(feature = "testing")]
mod kit;
mod life;
mod rights;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tenancy_sqlx::embedded::{Durability, EmbeddedOptions, EmbeddedPg};

/// A data folder that the server's account may enter, gone with the value.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tenancy-it-")
            .tempdir_in("/tmp")
            .unwrap();
        // A temporary folder is private by default, and would be a case of its own.
        open_to_all(folder.path());
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pg")
    }

    fn cluster(&self) -> PathBuf {
        self.path().join("cluster")
    }

    fn options(&self) -> EmbeddedOptions {
        EmbeddedOptions::new(self.path()).durability(Durability::Fast)
    }

    async fn start(&self) -> EmbeddedPg {
        EmbeddedPg::start(self.options()).await.unwrap()
    }
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs one statement on a connection of its own.
async fn run(options: PgConnectOptions, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await;
    connection.close().await?;
    outcome.map(drop)
}

/// Asks for one text on a connection of its own.
async fn ask(options: PgConnectOptions, sql: &str) -> Result<String, sqlx::Error> {
    let mut connection: PgConnection = options.connect().await?;
    let answer = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut connection)
        .await;
    connection.close().await?;
    answer
}

/// The living processes that work in `folder` or were told about it; a zombie is not living.
fn processes_of(folder: &Path) -> Vec<(i32, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if stat
            .rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('Z'))
        {
            continue;
        }
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let inside =
            fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        if inside || words.contains(&*folder.to_string_lossy()) {
            found.push((pid, words));
        }
    }
    found
}

/// Waits for a fact; ten seconds without it are a failure.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<(), T>)
where
    T: std::fmt::Debug,
{
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match look() {
            Ok(()) => return,
            Err(seen) if Instant::now() > deadline => panic!("{what}: still {seen:?}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Waits until nothing works in `folder` and the socket's folder is gone.
fn wait_until_gone(folder: &Path, socket_dir: &Path) {
    wait_for("processes are left", || {
        let left = processes_of(folder);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    wait_for("the socket's folder is left", || {
        if socket_dir.exists() {
            Err(socket_dir)
        } else {
            Ok(())
        }
    });
}
