//! Starts the program on a database of its own and talks to it.

use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use sqlx::ConnectOptions;
use tenancy_sqlx::testing::TestDatabase;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long anything may take before a test gives up; no test is decided by less.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// The program with nothing of this process's environment but what it needs to run.
pub(crate) fn saas() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saas"));
    command.env_clear().kill_on_drop(true);
    let mut names = vec!["PATH", "HOME", "TMPDIR"];
    if cfg!(sabotage) {
        names.push("TENANCY_SABOTAGE");
    }
    for name in names {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LOG_DIR", std::env::temp_dir())
        .env("RUST_LOG", "warn")
        .env("METRICS_LISTEN", "");
    command
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Output {
    let run = command.stdin(Stdio::null()).output();
    tokio::time::timeout(DEADLINE, run)
        .await
        .expect("the command ends")
        .expect("it starts")
}

/// What a process printed on standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a process printed on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running server and a client for it.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) banner: String,
    // Kept so that the program can go on writing.
    _stdout: Lines<BufReader<ChildStdout>>,
    client: reqwest::Client,
}

impl Server {
    /// Starts `command`, which listens on a free port, and waits for the banner that names it.
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        let port = tokio::time::timeout(DEADLINE, async {
            let mut port = None;
            while let Some(line) = lines.next_line().await.unwrap() {
                banner.push_str(&line);
                banner.push('\n');
                port = port.or_else(|| port_in(&line));
                // Both banners end with the line that names the database or the way to stop.
                if port.is_some() && (line.contains(" listens on ") || line.contains("Ctrl-C")) {
                    break;
                }
            }
            port.unwrap_or_else(|| panic!("the program ended before it served:\n{banner}"))
        })
        .await
        .expect("the banner comes");
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(DEADLINE)
            .build()
            .unwrap();
        Self {
            child,
            port,
            banner,
            _stdout: lines,
            client,
        }
    }

    /// A request to `host`, over a connection to this machine.
    pub(crate) fn request(&self, method: Method, host: &str, path: &str) -> RequestBuilder {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        self.client
            .request(method, url)
            .header("host", format!("{host}:{}", self.port))
    }

    /// Asks `host` for `path` and reads the answer as JSON.
    pub(crate) async fn get(&self, host: &str, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, host, path)).await
    }

    /// Sends JSON to `host` and reads the answer as JSON.
    pub(crate) async fn send(
        &self,
        method: Method,
        host: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        answer(self.request(method, host, path).json(body)).await
    }

    /// Sends the process a signal by name, such as `INT`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("the program runs").to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    /// Ends the program as a supervisor does, and waits until it has let go of everything.
    pub(crate) async fn end(&mut self) {
        self.signal("TERM").await;
        self.ended().await;
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(DEADLINE, self.child.wait())
            .await
            .expect("it ends")
            .unwrap()
    }
}

/// Sends a request and reads the answer as JSON; an empty body is null.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    if text.is_empty() {
        return (status, Value::Null);
    }
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (status, json)
}

fn port_in(line: &str) -> Option<u16> {
    // A line of the log may name other servers.
    if !line.contains(" listens on ") && !line.starts_with("  tenant ") {
        return None;
    }
    let rest = line.split("http://").nth(1)?;
    let digits = rest.split(':').nth(1)?;
    digits
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()
}

/// The program with two tenants, `one.localhost` and `two.localhost`, on a database of its own.
pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    pub(crate) server: Server,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts it with changed settings.
    pub(crate) async fn with(change: impl Fn(&mut Command)) -> Self {
        let database = TestDatabase::new().await;
        for tenant in ["one", "two"] {
            add_tenant(&database, tenant).await;
        }
        let mut command = on(&database, saas());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        change(&mut command);
        let server = Server::start(&mut command).await;
        Self { database, server }
    }

    /// Makes a tenant with the domain `NAME.localhost`, from another process.
    pub(crate) async fn add_tenant(&self, name: &str) {
        add_tenant(&self.database, name).await;
    }

    /// Writes a post and gives its id.
    pub(crate) async fn post(&self, host: &str, title: &str) -> String {
        let body = serde_json::json!({ "title": title });
        let (status, blog) = self
            .server
            .send(Method::POST, host, "/api/blogs/", &body)
            .await;
        assert_eq!(status, 201, "{blog}");
        blog["id"].as_str().unwrap().to_owned()
    }
}

async fn add_tenant(database: &TestDatabase, name: &str) {
    let domain = format!("{name}.localhost");
    let made = run(on(database, saas()).args(["create_tenant", name, name, &domain])).await;
    assert!(made.status.success(), "{}", stderr(&made));
}

/// Lets `command` work on `database`, with the application's and the owner's logins.
pub(crate) fn on(database: &TestDatabase, mut command: Command) -> Command {
    command
        .env(
            "DATABASE_URL",
            database.app_options().to_url_lossy().as_str(),
        )
        .env(
            "DATABASE_DIRECT_URL",
            database.owner_options().to_url_lossy().as_str(),
        );
    command
}

/// Waits until `fact` holds, or fails with `what` after the deadline.
pub(crate) async fn until(what: &str, mut fact: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !fact().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "in vain: {what}");
}
