//! Both programs, run as they are against a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, raw_sql};
use tenancy_core::{Domain, Slug};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Fleet, MigrationSet, Migrations, NewTenant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A program that ends with the test.
struct App {
    base: String,
    client: Client,
    _child: Child,
}

impl App {
    /// Starts a program on the owner's login, as somebody with one login does.
    async fn start(program: &str, test: &TestDatabase) -> Self {
        let mut child = Command::new(program)
            .env(
                "DATABASE_URL",
                String::from(test.owner_options().to_url_lossy()),
            )
            .env("LISTEN", "127.0.0.1:0")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        let said = said
            .unwrap()
            .unwrap()
            .expect("the program says where it listens");
        let address = said.strip_prefix("listening on ").unwrap();
        Self {
            base: format!("http://{address}"),
            client: Client::new(),
            _child: child,
        }
    }

    async fn ask(
        &self,
        host: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .header("host", host);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    async fn get(&self, host: &str, path: &str) -> (StatusCode, Value) {
        self.ask(host, Method::GET, path, Value::Null).await
    }

    async fn create(&self, host: &str, title: &str) -> (StatusCode, Value) {
        let note = json!({ "title": title, "body": "…" });
        self.ask(host, Method::POST, "/notes", note).await
    }

    async fn titles(&self, host: &str) -> Vec<String> {
        let (status, notes) = self.get(host, "/notes").await;
        assert_eq!(status, 200, "{notes}");
        let notes = notes.as_array().unwrap().iter();
        notes
            .map(|note| note["title"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What a user of the notes of `host` does and sees.
    async fn works_on(&self, host: &str) {
        let (status, note) = self.create(host, "first").await;
        assert_eq!(status, 201, "{note}");
        let path = format!("/notes/{}", note["id"]);
        assert_eq!(self.get(host, &path).await, (StatusCode::OK, note));
        assert_eq!(self.create(host, "first").await.0, 409);
        assert_eq!(self.create(host, "second").await.0, 201);
        assert_eq!(self.titles(host).await, ["second", "first"]);
        let delete = || self.ask(host, Method::DELETE, &path, Value::Null);
        assert_eq!(delete().await.0, 204);
        assert_eq!(delete().await.0, 404);
        assert_eq!(self.get(host, &path).await.0, 404);
        assert_eq!(self.titles(host).await, ["second"]);
    }

    async fn answers_untenanted(&self, host: &str) {
        assert_eq!(
            self.get(host, "/healthz").await,
            (StatusCode::OK, json!("ok"))
        );
        let about = json!("notes, 50 to a page");
        assert_eq!(self.get(host, "/about").await, (StatusCode::OK, about));
    }
}

async fn fleet(test: &TestDatabase) -> Fleet {
    let migrations = Migrations {
        tenant: MigrationSet::embedded(&sqlx::migrate!("migrations/tenant")).unwrap(),
        ..Migrations::default()
    };
    let fleet = Fleet::connect(test.owner_options(), None, migrations)
        .await
        .unwrap();
    fleet.prepare().await.unwrap();
    fleet
}

async fn tenant(fleet: &Fleet, name: &str) {
    let new = NewTenant::new(Slug::parse(name).unwrap())
        .domain(Domain::parse(&format!("{name}.example")).unwrap());
    fleet.create(new, |_| {}).await.unwrap();
}

/// The login of an app that knows no tenants looks in `public`.
async fn plain_login(test: &TestDatabase) {
    let login = test.owner_options().get_username().to_owned();
    let reset = format!(
        "ALTER ROLE {login} IN DATABASE {} RESET search_path",
        test.name()
    );
    let mut superuser = test.superuser().await;
    raw_sql(AssertSqlSafe(reset))
        .execute(&mut superuser)
        .await
        .unwrap();
}

#[tokio::test]
async fn before_serves_one_customer_on_whatever_host() {
    let test = TestDatabase::new().await;
    plain_login(&test).await;
    let app = App::start(env!("CARGO_BIN_EXE_before"), &test).await;
    app.works_on("acme.example").await;
    assert_eq!(app.titles("globex.example").await, ["second"]);
    app.answers_untenanted("10.0.0.1").await;
}

#[tokio::test]
async fn after_serves_two_tenants_whose_notes_are_apart() {
    let test = TestDatabase::new().await;
    plain_login(&test).await;
    let fleet = fleet(&test).await;
    for name in ["acme", "globex"] {
        tenant(&fleet, name).await;
    }
    let app = App::start(env!("CARGO_BIN_EXE_after"), &test).await;
    // The same titles and the same numbers, twice.
    app.works_on("acme.example").await;
    assert_eq!(app.titles("globex.example").await, [""; 0]);
    app.works_on("globex.example").await;
    app.create("globex.example", "third").await;
    assert_eq!(app.titles("acme.example").await, ["second"]);
    assert_eq!(app.titles("globex.example").await, ["third", "second"]);

    for host in [
        "acme.example",
        "globex.example",
        "unknown.example",
        "10.0.0.1",
    ] {
        app.answers_untenanted(host).await;
    }
    let (status, problem) = app.get("unknown.example", "/notes").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("tenant_not_found"))
    );
}

#[tokio::test]
async fn the_notes_of_before_become_those_of_the_first_tenant() {
    let test = TestDatabase::new().await;
    plain_login(&test).await;
    let before = App::start(env!("CARGO_BIN_EXE_before"), &test).await;
    before.create("acme.example", "from before").await;
    drop(before);
    let fleet = fleet(&test).await;
    tenant(&fleet, "acme").await;
    tenant(&fleet, "globex").await;
    let mut owner = test.owner_options().connect().await.unwrap();
    raw_sql(AssertSqlSafe(
        include_str!("../migrations/move_to_first_tenant.sql").to_owned(),
    ))
    .execute(&mut owner)
    .await
    .unwrap();
    let after = App::start(env!("CARGO_BIN_EXE_after"), &test).await;
    assert_eq!(after.titles("acme.example").await, ["from before"]);
    assert_eq!(after.titles("globex.example").await, [""; 0]);
    after.create("acme.example", "from after").await;
    assert_eq!(
        after.titles("acme.example").await,
        ["from after", "from before"]
    );
}
