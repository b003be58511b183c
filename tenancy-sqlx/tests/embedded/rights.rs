//! What the two logins may do, and what they may not.

use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::Isolation;
use tenancy_sqlx::embedded::EmbeddedPg;

use super::{Home, ask, run};

async fn refused(options: PgConnectOptions, sql: &str) {
    let error = run(options, sql).await.expect_err(sql);
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .unwrap_or_default();
    assert_eq!(code, "42501", "{sql}: {error}");
}

#[tokio::test]
async fn the_application_can_create_nothing_anywhere() {
    let home = Home::new();
    let server = home.start().await;
    for sql in [
        "CREATE TABLE public.t (id int)",
        "CREATE TABLE extensions.t (id int)",
        "CREATE TEMP TABLE t (id int)",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE ROLE r",
        "CREATE EXTENSION pg_trgm SCHEMA extensions",
        "SET ROLE tenancy_owner",
        "ALTER ROLE tenancy_owner SUPERUSER",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ] {
        refused(server.app_options(), sql).await;
    }
    for database in ["postgres", "template1"] {
        refused(server.app_options().database(database), "SELECT 1").await;
        refused(server.owner_options().database(database), "SELECT 1").await;
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn both_logins_have_an_empty_path_and_the_application_has_limits() {
    let home = Home::new();
    let server = home.start().await;
    for options in [server.app_options(), server.owner_options()] {
        let path = ask(options, "SHOW search_path").await.unwrap();
        assert_eq!(path, "\"\"");
    }
    for (setting, value) in [
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("lock_timeout", "10s"),
    ] {
        let limit = ask(server.app_options(), &format!("SHOW {setting}"))
            .await
            .unwrap();
        assert_eq!(limit, value, "{setting}");
        let limit = ask(server.owner_options(), &format!("SHOW {setting}"))
            .await
            .unwrap();
        assert_eq!(limit, "0", "{setting}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_owner_migrates_and_installs_extensions_for_both() {
    let home = Home::new();
    let server = home.start().await;
    run(
        server.owner_options(),
        "CREATE TABLE public.plans (id int);
         CREATE SCHEMA tenant1;
         CREATE TABLE tenant1.blogs (id int);
         CREATE FUNCTION extensions.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    .await
    .unwrap();
    run(server.app_options(), "SELECT extensions.one()")
        .await
        .unwrap();
    refused(server.app_options(), "SELECT id FROM public.plans").await;
    refused(server.app_options(), "SELECT id FROM tenant1.blogs").await;
    refused(server.owner_options(), "CREATE ROLE r").await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn rights_that_somebody_added_are_taken_back_at_the_next_start() {
    let home = Home::new();
    let server = home.start().await;
    run(
        server.superuser_options(),
        "ALTER ROLE tenancy_app SUPERUSER CREATEDB;
         GRANT CREATE, TEMP ON DATABASE app TO tenancy_app;
         GRANT CREATE ON SCHEMA public TO PUBLIC;
         ALTER ROLE tenancy_app IN DATABASE app SET search_path = public",
    )
    .await
    .unwrap();
    server.stop().await.unwrap();

    let server = home.start().await;
    refused(server.app_options(), "CREATE TABLE public.t (id int)").await;
    refused(server.app_options(), "CREATE TEMP TABLE t (id int)").await;
    refused(server.app_options(), "CREATE SCHEMA s").await;
    assert_eq!(
        ask(server.app_options(), "SHOW search_path").await.unwrap(),
        "\"\""
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_owner_makes_roles_exactly_where_tenants_have_their_own() {
    let home = Home::new();
    for isolation in [Isolation::Schema, Isolation::Role, Isolation::Schema] {
        let server = EmbeddedPg::start(home.options().isolation(isolation)).await;
        let server = server.unwrap();
        let make = "CREATE ROLE made; DROP ROLE made";
        match isolation {
            Isolation::Role => run(server.owner_options(), make).await.unwrap(),
            _ => refused(server.owner_options(), make).await,
        }
        refused(server.app_options(), make).await;
        server.stop().await.unwrap();
    }
}
