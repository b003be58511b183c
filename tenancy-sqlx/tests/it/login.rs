//! Logins and servers that the door does not trust.

use std::time::Duration;

use tenancy_sqlx::{Database, ErrorKind};

use crate::server::{World, settings};
use crate::statements::*;
use crate::topology;

#[tokio::test]
async fn a_login_with_a_path_is_refused_until_the_named_statement_is_run() {
    if topology::leaves_out("the pooler's sessions are as they were opened") {
        return;
    }
    refused_until_mended("RESET search_path").await;
}

#[tokio::test]
async fn a_login_that_reads_backslashes_as_escapes_is_refused_until_it_does_not() {
    if topology::leaves_out("the pooler's sessions are as they were opened") {
        return;
    }
    refused_until_mended("SET standard_conforming_strings = off").await;
}

async fn refused_until_mended(spoil: &str) {
    let world = World::new().await;
    let spoil = format!(
        "ALTER ROLE {} IN DATABASE {} {spoil}",
        world.login,
        world.admin.get_database().unwrap()
    );
    world.run_as_admin(spoil).await;

    let error = Database::connect(world.app.clone(), settings());
    let error = error.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let message = error.to_string();
    assert!(message.contains(&world.login), "{message}");
    let remedy = message.split('`').nth(1).expect("a statement to run");
    assert!(remedy.starts_with("ALTER ROLE "), "{remedy}");

    // A login may do that for itself.
    let mut own = sqlx::ConnectOptions::connect(&world.app).await.unwrap();
    crate::server::run(&mut own, remedy.to_owned()).await;
    let database = Database::connect(world.app.clone(), settings());
    let db = world.tenant(&database.await.unwrap(), "acme");
    db.query(TITLES).fetch_all().await.unwrap();
}

#[tokio::test]
async fn a_pool_with_a_path_is_refused() {
    if topology::leaves_out("the pooler refuses startup options itself") {
        return;
    }
    let world = World::new().await;
    let options = world.app.clone().options([("search_path", "acme")]);
    let pool = sqlx::PgPool::connect_with(options.clone()).await.unwrap();
    let error = Database::from_pool(pool).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);

    let error = Database::connect(options, settings()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("startup options"), "{error}");
}

#[tokio::test]
async fn a_login_that_gets_a_path_later_is_refused_on_its_next_connection() {
    if topology::leaves_out("the pooler's sessions are as they were opened") {
        return;
    }
    let world = World::new().await;
    let settings = settings()
        .max_connections(1)
        .acquire_timeout(Duration::from_millis(500));
    let database = Database::connect(world.app.clone(), settings);
    let db = world.tenant(&database.await.unwrap(), "acme");
    db.query(TITLES).fetch_all().await.unwrap();
    let spoil = format!(
        "ALTER ROLE {0} IN DATABASE {1} SET search_path = public;
         SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = '{0}'",
        world.login,
        world.admin.get_database().unwrap()
    );
    world.run_as_admin(spoil).await;
    db.query(TITLES).fetch_all().await.unwrap_err();
    let error = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("ALTER ROLE"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_or_an_absent_server_is_told_by_its_kind() {
    if topology::leaves_out("the pooler knows the logins") {
        return;
    }
    let nowhere = "postgres://app@127.0.0.1:1/none?sslmode=disable";
    let error = Database::connect_url(nowhere, settings()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unavailable);

    let world = World::new().await;
    let unknown = world.app.clone().username("door_nobody");
    let error = Database::connect(unknown, settings()).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Forbidden);
}
