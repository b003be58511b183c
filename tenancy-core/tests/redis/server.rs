//! A Redis for one test: that at `TEST_REDIS_URL`, or one that the test starts and may kill.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{FromRedisValue, RedisResult};
use tempfile::TempDir;
use tenancy_core::{Prefix, RedisCache};
use uuid::Uuid;

/// A server, and a prefix that nobody else uses there.
pub(crate) struct Server {
    url: String,
    own: Option<Own>,
    pub(crate) prefix: Prefix,
}

struct Own {
    dir: TempDir,
    child: Option<Child>,
    arguments: Vec<String>,
}

impl Server {
    /// The server for the tests, or one of its own.
    pub(crate) fn shared() -> Self {
        sabotage();
        match std::env::var("TEST_REDIS_URL") {
            Ok(url) if !url.is_empty() => Self {
                url,
                own: None,
                prefix: prefix(),
            },
            _ => Self::own(&[]),
        }
    }

    /// A server that nobody else uses.
    pub(crate) fn own(arguments: &[&str]) -> Self {
        sabotage();
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("redis.sock");
        let mut server = Self {
            url: format!("redis+unix://{}", socket.display()),
            own: Some(Own {
                dir,
                child: None,
                arguments: arguments.iter().map(ToString::to_string).collect(),
            }),
            prefix: prefix(),
        };
        server.start();
        server
    }

    /// A server that refuses whatever a node of a cluster refuses, and has all slots.
    pub(crate) fn one_node_of_a_cluster() -> Self {
        // A node takes no clients at a socket alone, and talks to others at a second port.
        let free = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = free
            .each_ref()
            .map(|port| port.local_addr().unwrap().port().to_string());
        drop(free);
        let [port, bus] = ports.each_ref().map(String::as_str);
        let loopback = ["--bind", "127.0.0.1", "--port", port, "--cluster-port", bus];
        let server = Self::own(&[&loopback[..], &["--cluster-enabled", "yes"]].concat());
        server.do_raw::<String>("CLUSTER", &[b"ADDSLOTSRANGE", b"0", b"16383"]);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !server
            .do_raw::<String>("CLUSTER", &[b"INFO"])
            .contains("cluster_state:ok")
        {
            assert!(Instant::now() < deadline, "the node does not serve");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    pub(crate) fn cache(&self) -> RedisCache {
        RedisCache::new(&self.url).unwrap()
    }

    /// What somebody with another client does.
    pub(crate) fn do_raw<T: FromRedisValue>(&self, command: &str, arguments: &[&[u8]]) -> T {
        self.try_raw(command, arguments).unwrap()
    }

    /// Kills the server, so that nothing of it is left.
    pub(crate) fn kill(&mut self) {
        let own = self.own.as_mut().expect("a server of its own");
        if let Some(mut child) = own.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&mut self) {
        let own = self.own.as_mut().expect("a server of its own");
        let log = std::fs::File::create(own.dir.path().join("log")).unwrap();
        let child = Command::new(binary())
            .arg0("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--unixsocket",
            ])
            .arg(own.dir.path().join("redis.sock"))
            .arg("--dir")
            .arg(own.dir.path())
            .args(&own.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        own.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.try_raw::<String>("PING", &[]).is_err() {
            assert!(
                Instant::now() < deadline,
                "the Redis of the test does not start"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets the server answer nothing, or again.
    pub(crate) fn signal(&self, signal: &str) {
        let own = self.own.as_ref().expect("a server of its own");
        let pid = own
            .child
            .as_ref()
            .expect("a server that runs")
            .id()
            .to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn try_raw<T: FromRedisValue>(
        &self,
        command: &str,
        arguments: &[&[u8]],
    ) -> RedisResult<T> {
        let client = redis::Client::open(&*self.url)?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(5))?;
        redis::cmd(command).arg(arguments).query(&mut connection)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.own.is_some() {
            self.kill();
        }
    }
}

/// Debian's redis-tools brings the server under the name of a checking tool.
fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ["redis-server", "redis-check-rdb"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(name)))
        .find(|file| file.is_file());
    found.expect("there is no Redis for the tests: set TEST_REDIS_URL, or install redis-tools")
}

fn prefix() -> Prefix {
    let unique = Uuid::new_v4().simple().to_string();
    Prefix::parse(&format!("t{}", &unique[..20])).unwrap()
}

/// Lets `scripts/sabotage` break what it chose, before the test touches that.
pub(crate) fn sabotage() {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
}
