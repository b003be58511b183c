//! Drops a tenant's tables in transactions that the server's lock table can hold.

use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{SchemaName, sabotaged};

use super::dependents;
use super::journal::Operation;
use super::transaction::{self, Locks};
use crate::error::{Error, ErrorKind};

/// The most tables that are dropped at once.
const MOST: usize = 200;

/// Drops tables of `schema`, a batch in each transaction, until one more transaction can hold what
/// is left; a small schema stays as it is.
///
/// Whatever came to depend on one of them is found before each batch, and nothing of that is
/// dropped.
pub(super) async fn shrink(
    connection: &mut PgConnection,
    operation: &Operation,
    schema: &SchemaName,
) -> Result<(), Error> {
    if sabotaged!("fleet.dropped-at-once") {
        return Ok(());
    }
    loop {
        let tables = weigh(connection, schema).await?;
        let Some(batch) = batch(&tables) else {
            return Ok(());
        };
        let names: Vec<&str> = batch.iter().map(|table| table.name.as_str()).collect();
        let locks = Locks::of_tenant(operation.tenant());
        transaction::send(connection, transaction::begin(&locks)).await?;
        lock(connection, &names).await?;
        dependents::refuse(connection, schema).await?;
        let left = tables.len() - names.len();
        let entry = operation.sql("tables", json!({ "dropped": names.len(), "left": left }));
        transaction::send(
            connection,
            format!("DROP TABLE {} CASCADE; {entry}; COMMIT", names.join(", ")),
        )
        .await?;
    }
}

/// Waits, not for long, until nobody uses what is left of the schema's tables, and keeps everybody
/// out.
pub(super) async fn lock_rest(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<(), Error> {
    let tables = weigh(connection, schema).await?;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    lock(connection, &names).await
}

async fn lock(connection: &mut PgConnection, names: &[&str]) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    transaction::send(connection, format!("LOCK TABLE {}", names.join(", ")))
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.while_doing("its tables are in use; try again later"),
            _ => error,
        })
}

/// A table, and what dropping it takes.
#[derive(Debug, sqlx::FromRow)]
struct Table {
    name: String,
    /// How many locks, roughly and rather too many.
    locks: i64,
    /// How many locks one transaction should take.
    budget: i64,
}

/// The tables to drop in a transaction of their own; `None` when all of them fit into the last.
fn batch(tables: &[Table]) -> Option<&[Table]> {
    let budget = tables.first()?.budget;
    let total: i64 = tables.iter().map(|table| table.locks).sum();
    if total <= budget && tables.len() <= MOST {
        return None;
    }
    let mut locks = 0;
    let fit = tables.iter().take(MOST).take_while(|table| {
        locks += table.locks;
        locks <= budget
    });
    // A table that is too large for the budget is dropped by itself.
    Some(&tables[..fit.count().max(1)])
}

/// The tables of a schema, those that others are part of last: a partitioned table is dropped after
/// its partitions.
async fn weigh(connection: &mut PgConnection, schema: &SchemaName) -> Result<Vec<Table>, Error> {
    Ok(sqlx::query_as(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
                6 + (reltoastrelid <> 0)::int * 2 + c.relchecks + c.relnatts / 8
                  + 3 * (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i
                         WHERE i.indrelid = c.oid)
                  + 2 * (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k
                         WHERE k.conrelid = c.oid OR k.confrelid = c.oid)
                  + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger g
                     WHERE g.tgrelid = c.oid)
                  + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attrdef a
                     WHERE a.adrelid = c.oid)
                  + 3 * (SELECT pg_catalog.count(*) FROM pg_catalog.pg_depend d
                         JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND d.refobjid = c.oid) AS locks,
                greatest(64, least(2000,
                    pg_catalog.current_setting('max_locks_per_transaction')::bigint
                    * (pg_catalog.current_setting('max_connections')::bigint
                       + pg_catalog.current_setting('max_prepared_transactions')::bigint) / 4))
                    AS budget
         FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
         ORDER BY EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid),
                  c.relispartition DESC, c.oid",
    )
    .bind(schema.as_str())
    .fetch_all(connection)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(locks: &[i64]) -> Vec<Table> {
        let table = |locks: &i64| Table {
            name: String::new(),
            locks: *locks,
            budget: 100,
        };
        locks.iter().map(table).collect()
    }

    #[test]
    fn a_batch_is_as_many_as_fit_and_never_none() {
        assert!(batch(&[]).is_none());
        assert!(batch(&tables(&[50, 50])).is_none());
        assert_eq!(batch(&tables(&[50, 50, 1])).unwrap().len(), 2);
        assert_eq!(batch(&tables(&[500, 1])).unwrap().len(), 1);
        assert_eq!(batch(&tables(&[0; 201])).unwrap().len(), MOST);
    }
}
