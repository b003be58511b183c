//! What the server's processes keep for a pool.

use std::fs;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_sqlx::testing::TestDatabase;

use crate::plan::Failure;

/// The server's processes that serve one pool, told by the name that its connections give.
#[derive(Debug)]
pub struct Backends(String);

impl Backends {
    /// Those whose connections are called `name`, and `options` with that name.
    pub fn named(name: &str, options: PgConnectOptions) -> (Self, PgConnectOptions) {
        (Self(name.to_owned()), options.application_name(name))
    }

    /// The private memory of the largest one, in MB; none where it cannot be seen.
    ///
    /// # Errors
    ///
    /// What the database answers.
    pub async fn largest(&self, test: &TestDatabase) -> Result<Option<f64>, Failure> {
        let mut superuser: PgConnection = test.superuser().await;
        let sql = format!(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = '{}'",
            self.0
        );
        let pids: Vec<i32> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut superuser)
            .await?;
        let sizes = pids.into_iter().filter_map(private);
        Ok(sizes.max().map(|kilobytes| f64::from(kilobytes) / 1024.0))
    }
}

/// The private memory in kB of a process on this machine.
fn private(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
