//! A database, a folder of migrations, and the program on both.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;
use tenancy_sqlx::testing::TestDatabase;

pub(crate) const BLOGS: &str =
    "CREATE TABLE blogs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL);";

/// The program with nothing of this process's environment but what it needs to run.
pub(crate) fn tenancy() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenancy"));
    command.env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// A fleet that is only reached through the program.
pub(crate) struct Installation {
    database: TestDatabase,
    folder: TempDir,
}

impl Installation {
    pub(crate) async fn new() -> Self {
        let installation = Self {
            database: TestDatabase::new().await,
            folder: tempfile::tempdir().unwrap(),
        };
        installation.add("1_blogs", BLOGS);
        installation
    }

    /// Adds a tenant migration.
    pub(crate) fn add(&self, name: &str, sql: &str) {
        let folder = self.folder.path().join("tenant");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.sql")), sql).unwrap();
    }

    /// The program on this installation.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = tenancy();
        command
            .env(
                "DATABASE_DIRECT_URL",
                self.database.owner_options().to_url_lossy().as_str(),
            )
            .env(
                "DATABASE_URL",
                self.database.app_options().to_url_lossy().as_str(),
            )
            .arg("--migrations")
            .arg(self.folder.path())
            .args(words);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        Ended::of(self.command(words).output().unwrap())
    }

    /// Runs what must succeed.
    #[track_caller]
    pub(crate) fn done(&self, words: &[&str]) -> Ended {
        let ended = self.run(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
        ended
    }

    /// Runs what must succeed with `--json`, and gives its document.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let ended = self.done(&[words, &["--json"]].concat());
        ended.document()
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        self.database.superuser().await
    }

    /// One number from the database.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut self.superuser().await)
            .await
            .unwrap()
    }

    pub(crate) async fn drop_all(self) {
        self.database.drop_database().await;
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one document on standard output; nothing else may be there.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document ({error}): {self:?}"));
        assert!(document["schema_version"].is_u64(), "{self:?}");
        document
    }
}
