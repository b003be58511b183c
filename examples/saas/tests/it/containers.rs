//! What the containers' PostgreSQL is prepared with, on a server without a container.

use std::path::Path;

use reqwest::Method;
use sqlx::{ConnectOptions as _, Executor as _};
use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};
use tokio::process::Command;

use crate::program::{Server, run, saas, stderr, until};

#[tokio::test]
async fn the_logins_that_the_containers_make_are_enough_and_no_more() {
    let server = EmbeddedPg::start(EmbeddedOptions::temporary())
        .await
        .unwrap();
    let superuser = server.superuser_options();
    let mut connection = superuser.connect().await.unwrap();
    connection.execute("CREATE DATABASE saas").await.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres-init.sh");
    let made = run(Command::new(script)
        .env("PGHOST", server.socket_dir())
        .env("PGPORT", superuser.get_port().to_string())
        .env("POSTGRES_USER", superuser.get_username())
        .env("POSTGRES_DB", "saas")
        .env("POSTGRES_PASSWORD", "it's"))
    .await;
    assert!(made.status.success(), "{}", stderr(&made));

    let login = |name: &str| superuser.clone().database("saas").username(name);
    let url = |name: &str| login(name).to_url_lossy().to_string();
    let with_both = |mut command: Command| {
        command
            .env("DATABASE_URL", url("saas_app"))
            .env("DATABASE_DIRECT_URL", url("saas_owner"));
        command
    };
    let mut command = with_both(saas());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let app = Server::start(&mut command).await;
    let words = ["create_tenant", "one", "One", "one.localhost:8000"];
    let made = run(with_both(saas()).args(words)).await;
    assert!(made.status.success(), "{}", stderr(&made));
    let post = serde_json::json!({ "title": "Written by the app's login" });
    let (status, post) = app
        .send(Method::POST, "one.localhost", "/api/blogs/", &post)
        .await;
    assert_eq!(status, 201, "{post}");

    assert!(is_healthy(app.port).await, "the health check fails");

    let examined = run(with_both(saas()).args(["doctor", "--json"])).await;
    let found: serde_json::Value = serde_json::from_slice(&examined.stdout).unwrap();
    assert_eq!(found["findings"], serde_json::json!([]), "{found}");

    // What the login of requests could do without a path, and what it may not do at all.
    let mut connection = login("saas_app").connect().await.unwrap();
    let path: String = sqlx::query_scalar("SELECT current_setting('search_path')")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(matches!(&*path, "" | "\"\""), "{path}");
    for refused in [
        "CREATE TABLE public.planted (n int)",
        "CREATE SCHEMA planted",
        "CREATE TEMPORARY TABLE planted (n int)",
        "CREATE TABLE one.planted (n int)",
        "DROP TABLE one.blogs",
        "UPDATE tenancy.tenants SET status = 'active'",
        "CREATE ROLE planted",
    ] {
        let error = connection.execute(refused).await.unwrap_err();
        let error = error.into_database_error().expect(refused);
        assert_eq!(error.code().as_deref(), Some("42501"), "{refused}: {error}");
    }
    let port = app.port;
    drop(app);
    until("the app is gone", async || !is_healthy(port).await).await;
    server.stop().await.unwrap();
}

/// Runs the app's health check as the containers' file has it, for another port.
async fn is_healthy(port: u16) -> bool {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compose.yaml");
    let file = std::fs::read_to_string(file).unwrap();
    let check = file.split(">-\n").nth(1).unwrap();
    let lines: Vec<&str> = check.lines().take(3).map(str::trim).collect();
    let check = lines.join(" ").replace("8000", &port.to_string());
    assert!(
        check.starts_with("exec ") && check.ends_with("' 200 '"),
        "{check}"
    );
    let checked = run(Command::new("bash").args(["-c", &check])).await;
    checked.status.success()
}
