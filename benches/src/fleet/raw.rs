//! The floor: what a person would send by hand who knows everything beforehand.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;

use super::ground::{Ground, JOBS, schema};
use super::tables::Files;
use crate::plan::Failure;

/// How somebody by hand would say where the tables go. Only the framework's own file may say so in
/// Rust.
const PATH: &str = include_str!("../../fleet/floor-path.txt");

/// Tenants that share one transaction and one message.
const BATCH: usize = 10;

/// Which rights the floor's schemas give away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// Those that an application's login needs, as tenants have them.
    Application,
    /// None: the bare tables.
    Nobody,
}

/// Makes tables like the framework's own, for the floor's rows.
pub(super) async fn prepare(ground: &Ground) -> Result<(), Failure> {
    let mut connection = ground.connect().await?;
    send(
        &mut connection,
        "CREATE SCHEMA bench;
         CREATE TABLE bench.tenants (LIKE tenancy.tenants INCLUDING ALL);
         CREATE TABLE bench.domains (LIKE tenancy.domains INCLUDING ALL);
         CREATE TABLE bench.ledger (LIKE tenancy.migrations INCLUDING ALL)",
    )
    .await
}

/// Makes one schema with everything, in one message and one transaction.
pub(super) async fn create(
    connection: &mut PgConnection,
    files: &Files,
    number: usize,
    rights: Rights,
    login: &str,
) -> Result<(), Failure> {
    let (name, id) = (schema("raw_", number), id(number));
    let mut sql = format!(
        "BEGIN; INSERT INTO bench.tenants (id, slug, schema_name, name, status)
         VALUES ('{id}', '{name}', '{name}', '{name}', 'active');
         INSERT INTO bench.domains (id, tenant_id, domain, is_primary)
         VALUES ('{id}', '{id}', '{name}.localhost', true);
         CREATE SCHEMA {name};"
    );
    if rights == Rights::Application {
        let alter = format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT");
        write!(
            sql,
            "GRANT USAGE ON SCHEMA {name} TO {login};
             {alter} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {login};
             {alter} USAGE ON SEQUENCES TO {login};
             {alter} EXECUTE ON ROUTINES TO {login};"
        )?;
    }
    sql.push_str(&PATH.replace("{schema}", &name));
    for (version, _, file) in files.list() {
        sql.push_str(&file);
        sql.push_str(&entry(number, version));
    }
    sql.push_str("COMMIT");
    send(connection, &sql).await
}

/// Drops the schemas with these numbers and forgets them.
pub(super) async fn forget(
    connection: &mut PgConnection,
    numbers: std::ops::Range<usize>,
) -> Result<(), Failure> {
    for number in numbers {
        let name = schema("raw_", number);
        send(connection, &format!("DROP SCHEMA {name} CASCADE")).await?;
    }
    let rows = "TRUNCATE bench.tenants, bench.domains, bench.ledger";
    send(connection, rows).await
}

/// How many tenants the floor gives one transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// Ten.
    Batches,
    /// One.
    OneByOne,
}

/// Adds a column to a table of every tenant, with a ledger entry each, on open connections.
pub(super) async fn add_column(
    connections: Vec<PgConnection>,
    tenants: usize,
    column: &str,
    pace: Pace,
) -> Result<Vec<PgConnection>, Failure> {
    let size = match pace {
        Pace::Batches => BATCH,
        Pace::OneByOne => 1,
    };
    let mut tasks = JoinSet::new();
    for (turn, mut connection) in connections.into_iter().enumerate() {
        let column = column.to_owned();
        tasks.spawn(async move {
            let all: Vec<usize> = (0..tenants).collect();
            for batch in all.chunks(size).skip(turn).step_by(JOBS) {
                let mut sql = "BEGIN; SET LOCAL lock_timeout = '5s';".to_owned();
                for number in batch {
                    let name = schema("t_", *number);
                    write!(sql, "ALTER TABLE {name}.products ADD COLUMN {column} text;")?;
                    sql.push_str(&entry(*number, 100));
                }
                sql.push_str("COMMIT");
                send(&mut connection, &sql).await?;
            }
            Ok::<_, Failure>(connection)
        });
    }
    let mut back = Vec::new();
    while let Some(connection) = tasks.join_next().await {
        back.push(connection??);
    }
    Ok(back)
}

/// Takes a column of the floor's away again, so that the tenants are what their ledger says.
pub(super) async fn drop_column(
    connection: &mut PgConnection,
    tenants: usize,
    column: &str,
) -> Result<(), Failure> {
    let all: Vec<usize> = (0..tenants).collect();
    for batch in all.chunks(50) {
        let mut sql = String::new();
        for number in batch {
            let name = schema("t_", *number);
            write!(sql, "ALTER TABLE {name}.products DROP COLUMN {column};")?;
        }
        send(connection, &sql).await?;
    }
    send(connection, "TRUNCATE bench.ledger").await
}

/// One query that lists every column of every schema, and how many it found.
pub(super) async fn columns(connection: &mut PgConnection) -> Result<usize, Failure> {
    let rows = sqlx::query(
        "SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                a.attnotnull
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname LIKE 't\\_%' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.len())
}

/// In how many tenants a column is.
pub(super) async fn count_column(
    connection: &mut PgConnection,
    column: &str,
) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname LIKE 't\\_%' AND a.attname = $1 AND NOT a.attisdropped",
    )
    .bind(column)
    .fetch_one(connection)
    .await?)
}

/// How many entries the floor's ledger has.
pub(super) async fn count_entries(connection: &mut PgConnection) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM bench.ledger")
        .fetch_one(connection)
        .await?)
}

/// Sends SQL that needs no answer.
pub(super) async fn send(connection: &mut PgConnection, sql: &str) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await?;
    Ok(())
}

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

/// The statement that enters a migration into the floor's ledger.
fn entry(number: usize, version: i64) -> String {
    let id = id(number);
    format!(
        "INSERT INTO bench.ledger
         (scope, tenant_id, version, name, checksum, run_id, applied_at, duration_us)
         VALUES ('tenant', '{id}', {version}, 'bench', '\\x00', '{id}', now(), 0);"
    )
}
