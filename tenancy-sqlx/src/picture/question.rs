//! The questions to the catalog: every object of a schema, or a digest of them for many schemas.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use tenancy_core::SchemaName;

use super::Object;
use crate::error::{Error, ErrorKind};
use crate::fleet::transaction;
use crate::search_path::{
    OWN_PIN, OWN_PIN_PRINTED, PIN_TO_CURRENT, ROUTINE_PIN, SCOPE_TO_ROW, SET_LOCAL_CATALOG,
};

/// What all objects of one schema come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) schema: String,
    pub(crate) value: String,
}

/// In a question about `pg_sequence s`: its options.
const SEQUENCE_OPTIONS: &str = "concat_ws(' ', 'START WITH ' || s.seqstart,
    'INCREMENT BY ' || s.seqincrement, 'MINVALUE ' || s.seqmin, 'MAXVALUE ' || s.seqmax,
    'CACHE ' || s.seqcache, CASE WHEN s.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)";

/// The objects of the schema `target`, as a common table expression.
static DESCRIBED: LazyLock<String> = LazyLock::new(|| {
    include_str!("objects.sql")
        .replace("{sequence_options}", SEQUENCE_OPTIONS)
        .replace("{routine_pin}", ROUTINE_PIN)
        .replace("{own_path}", OWN_PIN)
        .replace("{own_pin_printed}", OWN_PIN_PRINTED)
        .replace("{pin_from_current}", PIN_TO_CURRENT)
});

/// Asks `answer` about every schema of `$1`: each row scopes the transaction to its schema before
/// its objects are described, and the two proofs say that it did.
fn ask(columns: &str, answer: &str) -> String {
    format!(
        "SELECT target.name, described.*
         FROM (SELECT oid, nspname::text AS name FROM pg_namespace
               WHERE nspname = ANY ($1)) AS target,
         LATERAL (SELECT {SCOPE_TO_ROW} AS value) AS path,
         LATERAL ({objects} SELECT {columns} FROM described
                  WHERE path.value IS NOT NULL {answer}) AS described",
        objects = *DESCRIBED,
    )
}

/// Reads every object of `schema` in the open transaction, which is scoped to it afterwards.
pub(crate) async fn objects(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<Vec<Object>, Error> {
    static QUESTION: LazyLock<String> = LazyLock::new(|| {
        ask(
            "*",
            "ORDER BY kind COLLATE \"C\", name COLLATE \"C\", definition COLLATE \"C\"",
        )
    });
    prepare(connection).await?;
    let objects = sqlx::query_as(AssertSqlSafe(QUESTION.as_str()))
        .bind(vec![schema.as_str()])
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?;
    let row = sqlx::query(
        "SELECT pg_catalog.current_schema()::text AS current,
            EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1) AS exists",
    )
    .bind(schema.as_str())
    .fetch_one(&mut *connection)
    .await?;
    if !row.try_get::<bool, _>("exists")? {
        return Err(Error::new(
            ErrorKind::SchemaMismatch,
            format!("schema {schema} does not exist"),
        ));
    }
    if row.try_get::<Option<&str>, _>("current")? != Some(schema.as_str()) {
        return Err(unscoped(schema.as_str()));
    }
    Ok(objects)
}

/// Digests the objects of each of `schemas` in the open transaction; one that is not there has no
/// digest.
pub(crate) async fn digests(
    connection: &mut PgConnection,
    schemas: &[&str],
) -> Result<Vec<Digest>, Error> {
    static QUESTION: LazyLock<String> = LazyLock::new(|| {
        ask(
            "coalesce(encode(sha256(convert_to(string_agg(
                 kind || E'\\x01' || name || E'\\x01' || definition, E'\\x02'
                 ORDER BY kind COLLATE \"C\", name COLLATE \"C\", definition COLLATE \"C\"),
                 'UTF8')), 'hex'), '') AS digest, current_schema()::text AS current",
            tenancy_core::sabotaged!("drift.kind-left-out", "AND kind <> 'index'", ""),
        )
    });
    prepare(connection).await?;
    let rows = sqlx::query(AssertSqlSafe(QUESTION.as_str()))
        .bind(schemas.to_vec())
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let digest = Digest {
                schema: row.try_get("name")?,
                value: row.try_get("digest")?,
            };
            match row.try_get::<Option<&str>, _>("current")? {
                Some(current) if digest.schema == current => Ok(digest),
                _ => Err(unscoped(&digest.schema)),
            }
        })
        .collect()
}

/// Names of PostgreSQL's own are found by themselves, and what belongs to one schema by the
/// catalog's indexes: the catalog of a large fleet is large, and nothing in it is read whole.
async fn prepare(connection: &mut PgConnection) -> Result<(), Error> {
    transaction::send(
        connection,
        format!("{SET_LOCAL_CATALOG}; SET LOCAL jit = off; SET LOCAL enable_seqscan = off"),
    )
    .await
}

fn unscoped(schema: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the description of schema {schema} was not read on its own path"),
    )
}
