//! Makes tables as others are, and copies what is in them.

use std::fmt::Write as _;

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::{SchemaName, sabotaged};

use super::super::moves::structure;
use super::super::transaction::{self, Locks};
use super::{CloneEvent, Cloning};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::literal;
use crate::picture::{self, Object, Phase, Picture, SequenceState, TableData, sequence_states};

/// How many objects one transaction makes, and how many tables one copies: a table that is made
/// has several locks, and the server's table of locks is shared by everybody.
const AT_ONCE: usize = 200;

/// Makes `objects` in `schema`, in this order.
pub(super) async fn run<'a>(
    connection: &mut PgConnection,
    schema: &SchemaName,
    objects: impl Iterator<Item = &'a Object>,
) -> Result<(), Error> {
    let mut batch = Batch::default();
    for object in objects {
        // A table that all tenants share is locked while one refers to it: not for long.
        let is_shared = object.phase == Phase::References && refers_outside(&object.sql);
        if batch.objects.len() == AT_ONCE || is_shared {
            batch.send(connection, schema).await?;
        }
        batch.objects.push(object);
        if is_shared {
            batch.send(connection, schema).await?;
        }
    }
    batch.send(connection, schema).await
}

/// Whether a foreign key is to a table in another schema, which is named with it.
fn refers_outside(sql: &str) -> bool {
    sql.rsplit_once(" REFERENCES ")
        .and_then(|(_, table)| table.split_once('('))
        .is_some_and(|(table, _)| table.contains('.'))
}

/// Objects that are made by one message.
#[derive(Default)]
struct Batch<'a> {
    objects: Vec<&'a Object>,
}

impl Batch<'_> {
    async fn send(
        &mut self,
        connection: &mut PgConnection,
        schema: &SchemaName,
    ) -> Result<(), Error> {
        if self.objects.is_empty() {
            return Ok(());
        }
        let begin = transaction::begin(&Locks::none());
        let mut sql = format!("{begin}; {}", picture::scope(schema));
        for object in &self.objects {
            let _ = write!(sql, ";\n{}", object.sql);
        }
        sql.push_str(";\nCOMMIT");
        let sent = transaction::send(connection, sql).await;
        if let Err(error) = sent {
            transaction::rollback(connection).await?;
            let (first, last) = (self.objects[0], self.objects[self.objects.len() - 1]);
            return Err(error.while_doing(format!(
                "making {} {} to {} {}",
                first.kind, first.name, last.kind, last.name
            )));
        }
        self.objects.clear();
        Ok(())
    }
}

/// Fills materialized views, each in a transaction of its own.
pub(super) async fn fill(
    connection: &mut PgConnection,
    schema: &SchemaName,
    views: &[String],
) -> Result<(), Error> {
    for view in views {
        let begin = transaction::begin(&Locks::none());
        let scope = picture::scope(schema);
        let sql = format!("{begin}; {scope}; REFRESH MATERIALIZED VIEW {view}; COMMIT");
        transaction::send(connection, sql)
            .await
            .map_err(|error| error.while_doing(format!("filling view {view}")))?;
    }
    Ok(())
}

impl Cloning<'_> {
    /// Copies all rows as they are at one moment, and the sequences as they stand afterwards.
    pub(super) async fn copy(
        &mut self,
        source: &Picture,
        progress: &mut impl FnMut(CloneEvent),
    ) -> Result<(), Error> {
        let schema = self.source.schema_name().clone();
        let before = structure::stamp(self.connection, &schema).await?;
        let mut moment = self.fleet.open().await?;
        let copied = async {
            transaction::send(
                &mut moment,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                 SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0"
                    .to_owned(),
            )
            .await?;
            let snapshot: String = sqlx::query_scalar("SELECT pg_catalog.pg_export_snapshot()")
                .fetch_one(&mut moment)
                .await?;
            let (mut done, mut rows) = (0, 0);
            for tables in source.tables.chunks(AT_ONCE) {
                rows += self.copy_tables(tables, &snapshot).await?;
                done += tables.len();
                progress(CloneEvent::Copied {
                    tables: done,
                    of: source.tables.len(),
                    rows,
                });
            }
            Ok(())
        };
        let copied = copied.await;
        transaction::finish(moment, copied).await?;
        let now = structure::stamp(self.connection, &schema).await?;
        if now != before && !sabotaged!("fleet.clone-of-changed") {
            return Err(Error::new(
                ErrorKind::Conflict,
                "one of its source's tables was changed or emptied meanwhile: try again",
            ));
        }
        self.copy_sequences(source).await
    }

    /// Copies the rows of some tables in one transaction and counts them on both sides.
    async fn copy_tables(&mut self, tables: &[TableData], snapshot: &str) -> Result<u64, Error> {
        let snapshot = sabotaged!(
            "fleet.clone-of-many-moments",
            String::new(),
            format!("SET TRANSACTION SNAPSHOT {}; ", literal(snapshot))
        );
        // Rows that a policy hides from the owner would be missing: that is an error instead.
        let mut sql = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; {snapshot}\
             SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = 0; \
             SET LOCAL lock_timeout = '5s'; SET LOCAL row_security = off; {}",
            picture::scope(&self.plan.schema)
        );
        let (from, to) = (
            self.source.schema_name().quoted(),
            self.plan.schema.quoted(),
        );
        let mut counts = Vec::with_capacity(tables.len());
        for (place, table) in tables.iter().enumerate() {
            let name = table.quoted();
            counts.push(format!(
                "SELECT {place}::bigint AS tenancy_place, \
                 (SELECT pg_catalog.count(*) FROM ONLY {from}.{name}) AS expected, \
                 (SELECT pg_catalog.count(*) FROM ONLY {to}.{name}) AS found"
            ));
            if table.columns.is_empty() {
                let _ = write!(
                    sql,
                    "; INSERT INTO {to}.{name} SELECT FROM ONLY {from}.{name}"
                );
                continue;
            }
            let values: Vec<String> = table
                .columns
                .iter()
                .zip(&table.own_types)
                .map(|(column, own)| match own {
                    Some(own) => format!("{column}::pg_catalog.text::{own}"),
                    None => column.clone(),
                })
                .collect();
            let _ = write!(
                sql,
                "; INSERT INTO {to}.{name} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM ONLY {from}.{name}",
                table.columns.join(", "),
                values.join(", ")
            );
        }
        let _ = write!(sql, "; {}; COMMIT", counts.join(" UNION ALL "));
        let answers: Vec<_> = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_many(&mut *self.connection)
            .try_filter_map(async |step| Ok(step.right()))
            .try_collect()
            .await?;
        let mut rows = 0;
        for row in answers {
            let Ok(place) = row.try_get::<i64, _>("tenancy_place") else {
                continue;
            };
            let (expected, found): (i64, i64) = (row.try_get("expected")?, row.try_get("found")?);
            if expected != found && !sabotaged!("fleet.clone-uncounted") {
                let table = usize::try_from(place).ok().and_then(|at| tables.get(at));
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "table {} has {found} rows and its source {expected}",
                        table.map_or("?", |table| &table.name)
                    ),
                ));
            }
            rows += found.unsigned_abs();
        }
        Ok(rows)
    }

    /// Brings the sequences to where the source's stand.
    async fn copy_sequences(&mut self, source: &Picture) -> Result<(), Error> {
        if sabotaged!("fleet.clone-counts-anew") {
            return Ok(());
        }
        let schema = self.source.schema_name();
        let states: Vec<SequenceState> =
            sequence_states(self.connection, schema, &source.sequences).await?;
        for states in states.chunks(AT_ONCE) {
            let begin = transaction::begin(&Locks::none());
            let mut sql = format!("{begin}; {}", picture::scope(&self.plan.schema));
            for state in states {
                let _ = write!(sql, "; {}", state.restore());
            }
            sql.push_str("; COMMIT");
            transaction::send(self.connection, sql).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_key_to_another_schema_is_made_by_itself() {
        let own =
            "ALTER TABLE a ADD CONSTRAINT b FOREIGN KEY (c) REFERENCES d(e) ON DELETE CASCADE";
        assert!(!refers_outside(own));
        assert!(refers_outside(&own.replace("d(e)", "public.d(e)")));
    }
}
