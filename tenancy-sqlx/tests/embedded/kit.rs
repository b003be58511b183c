//! The database of one's own that each test gets.

use std::process::{Command, Output};
use std::time::Instant;

use tenancy_sqlx::testing::TestDatabase;

use super::{Home, ask, run};

/// Tells the tests below that they are a process of another test.
const INNER: &str = "TENANCY_TEST_INNER";

async fn databases(url_or_socket: &sqlx::postgres::PgConnectOptions) -> String {
    ask(
        url_or_socket.clone().database("postgres"),
        "SELECT coalesce(string_agg(datname, ' '), '') FROM pg_database WHERE datname LIKE 'tenancy\\_test\\_%'",
    )
    .await
    .unwrap()
}

/// Runs one of the tests below as a process of its own on the server of `home`.
fn inner(test: &str, socket_dir: &std::path::Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("kit::{test}"), "--nocapture"])
        .env(INNER, "1")
        .env(
            "TEST_DATABASE_URL",
            format!(
                "postgres://postgres@localhost/postgres?host={}",
                socket_dir.display()
            ),
        )
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn two_tests_do_not_see_each_other() {
    let (one, two) = tokio::join!(TestDatabase::new(), TestDatabase::new());
    assert_ne!(one.name(), two.name());
    run(one.owner_options(), "CREATE TABLE public.t (id int)")
        .await
        .unwrap();
    run(two.owner_options(), "SELECT FROM public.t")
        .await
        .unwrap_err();
    one.drop_database().await;
    two.drop_database().await;
}

#[tokio::test]
async fn a_test_has_the_rights_that_the_program_will_have() {
    let database = TestDatabase::new().await;
    assert_eq!(
        ask(database.app_options(), "SHOW search_path")
            .await
            .unwrap(),
        "\"\""
    );
    run(database.app_options(), "CREATE TEMP TABLE t (id int)")
        .await
        .unwrap_err();
    run(database.owner_options(), "CREATE SCHEMA tenant1")
        .await
        .unwrap();
    let mut superuser = database.superuser().await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(name, database.name());
    // Cuts off the superuser's session, which is still open.
    let server = database.superuser_options();
    database.drop_database().await;
    assert!(!databases(&server).await.contains(&name));
}

#[tokio::test]
async fn a_dropped_value_drops_its_database_in_the_background() {
    let database = TestDatabase::new().await;
    let name = database.name().to_owned();
    let server = database.superuser_options();
    drop(database);
    let deadline = Instant::now() + std::time::Duration::from_secs(10);
    while databases(&server).await.contains(&name) {
        assert!(Instant::now() < deadline, "database {name} is left");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Not a test of its own: fails on purpose in a process of another one.
#[tokio::test]
async fn inner_that_fails() {
    if std::env::var_os(INNER).is_some() {
        let database = TestDatabase::new().await;
        panic!("on purpose, in {}", database.name());
    }
}

/// Not a test of its own: several processes of another one run it at the same time.
#[tokio::test]
async fn inner_that_passes() {
    if std::env::var_os(INNER).is_some() {
        let database = TestDatabase::new().await;
        run(database.app_options(), "SELECT 1").await.unwrap();
        database.drop_database().await;
    }
}

#[tokio::test]
async fn a_failed_test_keeps_its_database_and_says_where_it_is() {
    let home = Home::new();
    let server = home.start().await;
    let output = inner("inner_that_fails", server.socket_dir())
        .wait_with_output()
        .unwrap();
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    let kept = databases(&server.superuser_options()).await;
    assert!(kept.starts_with("tenancy_test_"), "{kept}");
    let line = format!(
        "psql -h '{}' -p 5432 -U postgres {kept}",
        server.socket_dir().display()
    );
    assert!(text.contains(&line), "{text}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn test_processes_that_start_at_once_share_a_server() {
    let home = Home::new();
    let server = home.start().await;
    // Logins that are there already would hide that they are made by several at once.
    run(
        server.superuser_options(),
        "REASSIGN OWNED BY tenancy_owner TO postgres; DROP OWNED BY tenancy_owner, tenancy_app;
         ALTER DATABASE app OWNER TO postgres; DROP ROLE tenancy_owner; DROP ROLE tenancy_app",
    )
    .await
    .unwrap();
    let processes: Vec<_> = (0..6)
        .map(|_| inner("inner_that_passes", server.socket_dir()))
        .collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
    assert_eq!(databases(&server.superuser_options()).await, "");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn databases_of_processes_that_are_gone_are_dropped_by_the_next() {
    let home = Home::new();
    let server = home.start().await;
    let gone = i32::MAX;
    run(
        server.superuser_options(),
        &format!("CREATE DATABASE tenancy_test_{gone}_0_1000"),
    )
    .await
    .unwrap();
    let fresh = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let fresh = format!("tenancy_test_{gone}_0_{}", fresh.as_secs());
    run(
        server.superuser_options(),
        &format!("CREATE DATABASE {fresh}"),
    )
    .await
    .unwrap();
    let output = inner("inner_that_passes", server.socket_dir())
        .wait_with_output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(databases(&server.superuser_options()).await, fresh);
    server.stop().await.unwrap();
}

#[test]
fn a_test_without_a_server_fails_and_says_what_to_do() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kit::inner_that_passes", "--nocapture"])
        .env(INNER, "1")
        .env(
            "TEST_DATABASE_URL",
            "postgres://postgres@localhost/postgres?host=/nonexistent",
        )
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        text(&output).contains("does not answer at"),
        "{}",
        text(&output)
    );
}

#[tokio::test]
async fn a_database_is_made_quickly() {
    TestDatabase::new().await.drop_database().await;
    let start = Instant::now();
    for _ in 0..10 {
        drop(TestDatabase::new().await);
    }
    // Only told: a busy machine decides no test.
    println!("a test database takes {:?}", start.elapsed() / 10);
}
