//! What the rows of a schema are in, and where its sequences stand.

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, FromRow, Row};
use tenancy_core::SchemaName;

use super::Object;
use crate::error::Error;
use crate::fleet::transaction;
use crate::search_path::{self, SET_LOCAL_CATALOG};

/// How many sequences one question asks about: each is locked until the transaction ends.
const SEQUENCES_AT_ONCE: usize = 200;

/// A table that has rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableData {
    /// Its name, not quoted.
    pub(crate) name: String,
    /// The columns that can be written, as quoted names.
    pub(crate) columns: Vec<String>,
    /// For each of them its type, where that is one of the schema's own: such a value crosses to
    /// another schema as text.
    pub(crate) own_types: Vec<Option<String>>,
    /// Whether one of its columns has numbers of its own, which `OVERRIDING SYSTEM VALUE` admits.
    pub(crate) has_identity: bool,
}

impl TableData {
    /// Its name as SQL writes it.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }
}

impl FromRow<'_, PgRow> for TableData {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            columns: row.try_get("columns")?,
            own_types: row.try_get("own_types")?,
            has_identity: row.try_get("has_identity")?,
        })
    }
}

/// Where a sequence stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SequenceState {
    /// Its quoted name.
    pub(crate) name: String,
    pub(crate) last_value: i64,
    pub(crate) is_called: bool,
}

impl SequenceState {
    /// The statement that brings the sequence there, on the path of its schema.
    pub(crate) fn restore(&self) -> String {
        format!(
            "SELECT pg_catalog.setval({}, {}, {})",
            crate::migrate::ledger::literal(&self.name),
            self.last_value,
            self.is_called
        )
    }
}

/// The tables of `schema`; the transaction is scoped to it.
pub(super) async fn tables(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<Vec<TableData>, Error> {
    let tables = sqlx::query_as(AssertSqlSafe(include_str!("rows.sql")))
        .bind(schema.as_str())
        .fetch_all(connection)
        .await?;
    Ok(tables)
}

/// The sequences of `schema`, as quoted names.
pub(super) async fn sequences(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<Vec<String>, Error> {
    let names = sqlx::query_scalar(
        "SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'S' ORDER BY c.relname",
    )
    .bind(schema.as_str())
    .fetch_all(connection)
    .await?;
    Ok(names)
}

/// The materialized views of `schema` that have rows, in the order of `objects`.
pub(super) async fn filled(
    connection: &mut PgConnection,
    schema: &SchemaName,
    objects: &[Object],
) -> Result<Vec<String>, Error> {
    let filled: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'm' AND c.relispopulated",
    )
    .bind(schema.as_str())
    .fetch_all(connection)
    .await?;
    let filled: BTreeSet<_> = filled.into_iter().collect();
    let views = objects
        .iter()
        .filter(|object| object.kind == super::ObjectKind::View && filled.contains(&object.name));
    Ok(views.map(|view| view.name.clone()).collect())
}

/// Where the sequences `names`, which are quoted, stand in `schema`, read in transactions of its
/// own.
///
/// Numbers that a sequence gave out before a snapshot was taken are below what is read afterwards:
/// so they fit rows of that snapshot.
pub(crate) async fn sequence_states(
    connection: &mut PgConnection,
    schema: &SchemaName,
    names: &[String],
) -> Result<Vec<SequenceState>, Error> {
    let mut states = Vec::with_capacity(names.len());
    for names in names.chunks(SEQUENCES_AT_ONCE) {
        let begin = format!("BEGIN READ ONLY; {}", search_path::set_local(schema));
        transaction::send(connection, begin).await?;
        let question: Vec<String> = (0..)
            .zip(names)
            .map(|(place, name): (usize, _)| {
                format!(
                    "SELECT {place}::bigint AS place, last_value, is_called FROM {}.{name}",
                    schema.quoted()
                )
            })
            .collect();
        let rows = sqlx::query(AssertSqlSafe(question.join(" UNION ALL ")))
            .persistent(false)
            .fetch_all(&mut *connection)
            .await?;
        transaction::commit(connection).await?;
        for row in rows {
            let place: i64 = row.try_get("place")?;
            let name = usize::try_from(place)
                .ok()
                .and_then(|place| names.get(place));
            states.push(SequenceState {
                name: name.cloned().unwrap_or_default(),
                last_value: row.try_get("last_value")?,
                is_called: row.try_get("is_called")?,
            });
        }
    }
    Ok(states)
}

/// Lets the transaction find PostgreSQL's own by bare names, and join what is large with what is
/// large: one schema may have thousands of tables.
pub(super) async fn scope_to_catalog(connection: &mut PgConnection) -> Result<(), Error> {
    let hash = "SET LOCAL enable_hashjoin = on";
    transaction::send(connection, format!("{SET_LOCAL_CATALOG}; {hash}")).await
}
