//! Settings as the program finds them: in its environment and in `.env` of its folder.

use reqwest::Method;
use sqlx::ConnectOptions as _;
use tenancy_sqlx::testing::TestDatabase;
use tokio::process::Command;

use crate::program::{Server, on, run, saas, stderr, stdout};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// Says `words` where `.env` has `lines`.
fn in_folder(folder: &tempfile::TempDir, lines: &str, mut command: Command) -> Command {
    std::fs::write(folder.path().join(".env"), lines).unwrap();
    command.current_dir(folder.path());
    command
}

async fn make_tenant(database: &TestDatabase, words: &[&str]) {
    let made = run(on(database, saas()).arg("create_tenant").args(words)).await;
    assert!(made.status.success(), "{}", stderr(&made));
}

#[tokio::test]
async fn misspelt_names_are_refused_wherever_they_stand_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = "DATABASE_ULR=postgres://app:s3cret@db.example/app\nMAIL_HOST=mail.example\n";
    let mut command = in_folder(&folder, file, saas());
    let refused = run(command.args(SERVE).env("TENANCY_PREFX", "shop")).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(
        said.contains("TENANCY_PREFX is not a setting: write TENANCY_PREFIX"),
        "{said}"
    );
    assert!(
        said.contains("DATABASE_ULR is not a setting (in .env): write DATABASE_URL"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    assert_eq!(stdout(&refused), "");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "a refused start left something: {left:?}");
}

#[tokio::test]
async fn the_database_of_a_django_projects_file_is_served() {
    let database = TestDatabase::new().await;
    make_tenant(&database, &["one", "One", "one.localhost"]).await;
    let folder = tempfile::tempdir().unwrap();
    let app = database.app_options();
    let host = app.get_socket().map_or_else(
        || app.get_host().to_owned(),
        |socket| socket.display().to_string(),
    );
    // What this server takes as a password is part of its address.
    let url = app.to_url_lossy();
    let file = format!(
        "DEBUG=False\nDB_NAME={}\nDB_USER={}\nDB_PASSWORD='{}'\nDB_HOST={host}\nDB_PORT={}\n\
         REDIS_HOST=redis\nELASTIC_SEARCH_HOST=elasticsearch\n\
         ENABLE_MULTI_TENANCY=true  # Feature flag\nDEFAULT_TENANT_SCHEMA=public\n",
        database.name(),
        app.get_username(),
        url.password().unwrap_or("none"),
        app.get_port(),
    );
    let mut command = in_folder(&folder, &file, saas());
    let owner = database.owner_options().to_url_lossy();
    command
        .args(SERVE)
        .env("DATABASE_DIRECT_URL", owner.as_str());
    let server = Server::start(&mut command).await;
    let (status, _) = server.get("one.localhost", "/api/blogs/").await;
    assert_eq!(status, 200);
    let (status, _) = server.get("unknown.localhost", "/api/blogs/").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn one_tenant_answers_on_every_host_and_health_as_ever() {
    let database = TestDatabase::new().await;
    let single = |schema: &str| {
        let mut command = on(&database, saas());
        command
            .args(SERVE)
            .env("ENABLE_MULTI_TENANCY", "false")
            .env("DEFAULT_TENANT_SCHEMA", schema);
        command
    };
    let refused = run(&mut single("my_shop")).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(
        said.contains("saas create_tenant --schema_name=my_shop"),
        "{said}"
    );

    // What the message says makes the tenant, also where one tenant is to be served.
    let words = ["create_tenant", "--schema_name=my_shop"];
    let made = run(on(&database, saas())
        .args(words)
        .env("ENABLE_MULTI_TENANCY", "false")
        .env("DEFAULT_TENANT_SCHEMA", "my_shop"))
    .await;
    assert!(made.status.success(), "{}", stderr(&made));
    make_tenant(&database, &["other", "Other", "other.localhost"]).await;

    let mut server = Server::start(&mut single("my_shop")).await;
    assert!(server.banner.contains("my_shop"), "{}", server.banner);
    let post = serde_json::json!({ "title": "Of my shop", "published": true });
    let (status, made) = server
        .send(Method::POST, "any.example", "/api/blogs/", &post)
        .await;
    assert_eq!(status, 201, "{made}");
    for host in [
        "localhost",
        "other.localhost",
        "127.0.0.1",
        "my-shop.localhost",
    ] {
        let (status, list) = server.get(host, "/api/blogs/").await;
        assert_eq!(status, 200, "{host}: {list}");
        assert_eq!(list["items"][0]["title"], "Of my shop", "{host}");
        let (status, _) = server.get(host, "/health/ready").await;
        assert_eq!(status, 200, "{host}");
    }
    server.end().await;
    let many = Server::start(on(&database, saas()).args(SERVE)).await;
    let (status, list) = many.get("other.localhost", "/api/blogs/").await;
    assert_eq!((status, list["items"].as_array().unwrap().len()), (200, 0));
}

#[tokio::test]
async fn the_public_host_is_the_setting_and_never_a_tenants() {
    let database = TestDatabase::new().await;
    make_tenant(&database, &["one", "One", "one.example"]).await;
    let with_base = |domain: &str| {
        let mut command = on(&database, saas());
        command.args(SERVE).env("BASE_DOMAIN", domain);
        command
    };
    let server = Server::start(&mut with_base("saas.example")).await;
    let front = server.request(Method::GET, "saas.example", "/").send();
    assert_eq!(front.await.unwrap().status(), 200);
    let (status, _) = server.get("localhost", "/api/blogs/").await;
    assert_eq!(status, 404);
    let refused = run(&mut with_base("one.example")).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(
        said.contains("BASE_DOMAIN=one.example is a domain of the tenant one"),
        "{said}"
    );
}

#[tokio::test]
async fn settings_for_later_versions_are_taken_and_said_to_be_unused() {
    let database = TestDatabase::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = on(&database, saas());
    command
        .args(SERVE)
        .env("REDIS_URL", "redis://:s3cret@cache.example:6380/1")
        .env("ELASTICSEARCH_URL", "http://search.example:9200")
        .env("SECRET_KEY", "s3cret".repeat(6))
        .env("TENANCY_PREFIX", "shop-eu")
        .env("RUST_LOG", "info")
        .env("LOG_DIR", folder.path());
    let server = Server::start(&mut command).await;
    for said in [
        "cache in memory over Redis at cache.example:6380",
        "search in Elasticsearch at search.example:9200",
        "SECRET_KEY is set",
    ] {
        assert!(server.banner.contains(said), "{}", server.banner);
    }
    assert!(!server.banner.contains("s3cret"), "{}", server.banner);
}
