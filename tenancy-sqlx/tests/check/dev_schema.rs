//! The schema that sqlx's own macros look at while a program is compiled.

use clap::Parser as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Executor as _, SqlSafeStr as _};
use sqlx::{Statement as _, TypeInfo as _};
use tenancy_core::{SchemaName, Slug};
use tenancy_sqlx::cli::{Exit, FleetCommand, Output};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{DevSchema, ErrorKind, Fleet, NewTenant};

use crate::support::{BLOGS, fleet};

const TAGS: &str = "CREATE TABLE tags (blog_id bigint REFERENCES blogs, name text);";

fn name(name: &str) -> SchemaName {
    SchemaName::parse(name).unwrap()
}

/// Connects as a tool does that was given the URL.
async fn tool(dev: &DevSchema) -> PgConnection {
    let options: PgConnectOptions = dev.url().parse().unwrap();
    options.connect().await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn schemas(test: &TestDatabase) -> Vec<String> {
    sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1")
        .fetch_all(&mut test.superuser().await)
        .await
        .unwrap()
}

async fn refusal(fleet: &Fleet, schema: &str) -> String {
    let error = fleet.dev_schema(&name(schema)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    error.to_string()
}

#[tokio::test]
async fn sql_without_schemas_is_described_through_the_url() {
    let test = TestDatabase::new().await;
    // Nothing was prepared: that is part of it.
    let fleet = fleet(&test, &[BLOGS, TAGS]).await;
    let dev = fleet.dev_schema(&name("tenancy_dev")).await.unwrap();
    assert_eq!(dev.versions(), [1, 2]);

    let sql = "SELECT b.id, t.name, p.price_cents FROM blogs b JOIN tags t ON t.blog_id = b.id
               CROSS JOIN shared.plans p WHERE b.title = $1";
    let mut tool = tool(&dev).await;
    let statement = tool
        .prepare(AssertSqlSafe(sql).into_sql_str())
        .await
        .unwrap();
    let columns: Vec<_> = statement
        .columns()
        .iter()
        .map(|column| (column.name(), column.type_info().name().to_owned()))
        .collect();
    let expected = [("id", "INT8"), ("name", "TEXT"), ("price_cents", "INT8")];
    assert_eq!(
        columns,
        expected.map(|(name, kind)| (name, kind.to_owned()))
    );

    let wrong = "SELECT titel FROM blogs";
    let error = tool
        .prepare(AssertSqlSafe(wrong).into_sql_str())
        .await
        .unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42703");
}

#[tokio::test]
async fn a_schema_made_again_has_the_tables_of_now() {
    let test = TestDatabase::new().await;
    let schema = name("tenancy_dev");
    let before = fleet(&test, &["CREATE TABLE old (id bigint);"]).await;
    let dev = before.dev_schema(&schema).await.unwrap();
    run(&mut tool(&dev).await, "INSERT INTO old VALUES (1)").await;

    let after = fleet(&test, &[BLOGS]).await;
    let dev = after.dev_schema(&schema).await.unwrap();
    let mut tool = tool(&dev).await;
    run(&mut tool, "SELECT id FROM blogs").await;
    assert!(tool.execute("SELECT id FROM old").await.is_err());
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_schema_as_it_was() {
    let test = TestDatabase::new().await;
    let schema = name("tenancy_dev");
    let dev = fleet(&test, &[BLOGS])
        .await
        .dev_schema(&schema)
        .await
        .unwrap();
    let broken = fleet(&test, &[BLOGS, "CREATE TABLE tags (\n  name txt);"]).await;
    let error = broken.dev_schema(&schema).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("making schema tenancy_dev: migration 2_step.sql, line 2, column 8"),
        "{error}"
    );
    run(&mut tool(&dev).await, "SELECT id FROM blogs").await;
}

#[tokio::test]
async fn it_is_no_tenant_and_none_can_be_made_in_it() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    fleet.dev_schema(&name("tenancy_dev")).await.unwrap();
    assert!(fleet.tenants().await.unwrap().is_empty());
    let entries: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tenancy.migrations WHERE scope = 'tenant'")
            .fetch_one(&mut test.superuser().await)
            .await
            .unwrap();
    assert_eq!(entries, 0);

    let new = NewTenant::new(Slug::parse("tenancy-dev").unwrap());
    let error = fleet.create(new, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[tokio::test]
async fn only_what_it_made_is_dropped() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    fleet.prepare().await.unwrap();
    let new = NewTenant::new(Slug::parse("acme").unwrap());
    fleet.create(new, |_| {}).await.unwrap();
    let mut superuser = test.superuser().await;
    run(
        &mut superuser,
        "CREATE SCHEMA mine; COMMENT ON SCHEMA mine IS 'by hand'",
    )
    .await;
    run(&mut superuser, "CREATE SCHEMA bare").await;
    // A tenant's stays a tenant's, whatever its comment says.
    let mark: String = {
        fleet.dev_schema(&name("tenancy_dev")).await.unwrap();
        sqlx::query_scalar("SELECT obj_description('tenancy_dev'::regnamespace, 'pg_namespace')")
            .fetch_one(&mut superuser)
            .await
            .unwrap()
    };
    run(
        &mut superuser,
        &format!("COMMENT ON SCHEMA acme IS '{mark}'"),
    )
    .await;
    let before = schemas(&test).await;

    assert_eq!(
        refusal(&fleet, "acme").await,
        "making schema acme: schema acme is a tenant's: choose another name"
    );
    for foreign in ["mine", "bare"] {
        let said = refusal(&fleet, foreign).await;
        assert!(
            said.contains("exists and was not made by dev-schema"),
            "{said}"
        );
    }
    let reserve = "INSERT INTO tenancy.reserved_names VALUES ('schema', 'freed', now() + '1h')";
    run(&mut superuser, reserve).await;
    let said = refusal(&fleet, "freed").await;
    assert!(said.contains("still reserved"), "{said}");
    assert_eq!(schemas(&test).await, before);
}

#[tokio::test]
async fn programs_at_the_same_time_make_it_one_after_the_other() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    fleet.prepare().await.unwrap();
    let schema = name("tenancy_dev");
    let made = futures_util::future::join_all((0..4).map(|_| fleet.dev_schema(&schema))).await;
    for dev in made {
        run(&mut tool(&dev.unwrap()).await, "SELECT id FROM blogs").await;
    }
}

#[tokio::test]
async fn psql_reads_the_url_too() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    let dev = fleet.dev_schema(&name("tenancy_dev")).await.unwrap();
    let asked = tokio::process::Command::new("psql")
        .args([&dev.url(), "-X", "-A", "-t", "-c"])
        .arg("SELECT current_schemas(false), count(id) FROM blogs")
        .output()
        .await;
    let Ok(output) = asked else {
        eprintln!("skipped: there is no psql");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "{tenancy_dev,extensions}|0", "{output:?}");
}

#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: FleetCommand,
}

#[tokio::test]
async fn the_command_makes_the_schema_that_it_was_given() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    let cli = Cli::parse_from(["app", "dev-schema", "--json"]);
    assert_eq!(
        cli.command.run(&fleet, &cli.output).await.unwrap(),
        Exit::Done
    );
    let cli = Cli::parse_from(["app", "dev-schema", "--schema", "look", "--no-password"]);
    assert_eq!(
        cli.command.run(&fleet, &cli.output).await.unwrap(),
        Exit::Done
    );
    let schemas = schemas(&test).await;
    for made in ["tenancy_dev", "look"] {
        assert!(schemas.contains(&made.to_owned()), "{schemas:?}");
    }
    let wrong = Cli::try_parse_from(["app", "dev-schema", "--schema", "public"]);
    assert!(wrong.unwrap_err().to_string().contains("is reserved"));
}
