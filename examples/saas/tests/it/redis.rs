//! A Redis that a test may stop and start.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use tempfile::TempDir;

/// A server of the test's own, always on the same port.
pub(crate) struct Redis {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port,
            child: None,
        };
        server.start_again();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Stops it; nothing of what it held comes back.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it, empty, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let port = self.port.to_string();
        let child = Command::new(binary())
            .arg0("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.ask::<String>("PING", &[]).is_none() {
            assert!(
                Instant::now() < deadline,
                "the Redis of the test does not start"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What somebody with another client does.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &str, words: &[&[u8]]) -> Option<T> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client
            .get_connection_with_timeout(Duration::from_secs(5))
            .ok()?;
        redis::cmd(command).arg(words).query(&mut connection).ok()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Debian's redis-tools brings the server under the name of a checking tool.
fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ["redis-server", "redis-check-rdb"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(name)))
        .find(|file| file.is_file());
    found.expect("there is no Redis for the tests: install redis-tools")
}
