//! Several healthy tenants in one transaction and two messages.
//!
//! Nothing is waited for here: a tenant whose lock somebody holds is left out, and when anything
//! fails, all of it is rolled back and its tenants are done one by one.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::sabotaged;
use uuid::Uuid;

use super::failure::Failure;
use super::ledger::{self, Target};
use super::migration::Migration;
use super::run::segment;
use super::set::MigrationSet;
use super::statements::{Statement, split};
use super::status::ScopeStatus;
use crate::fleet::transaction::{self, Locks, Patience};
use crate::search_path;
use crate::store::notify_of_each;

/// How long a turn waits that must not keep others.
pub(crate) const BRIEF: Patience = Patience {
    own: Duration::from_millis(100),
    tables: Duration::from_millis(100),
};

/// What the tenants of a batch have in common.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    ledger: &'a ScopeStatus,
    /// What is applied now: up to what runs without a transaction.
    migrations: Vec<&'a Migration>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(set: &'a MigrationSet, ledger: &'a ScopeStatus) -> Self {
        let mut migrations = set.select(&ledger.pending);
        migrations.truncate(segment(&migrations));
        Self { ledger, migrations }
    }

    /// How many tenants may share a transaction that holds at most `locks` locks.
    pub(crate) fn size(&self, locks: usize) -> usize {
        let weights = self.migrations.iter().map(|migration| weight(migration));
        match weights.sum::<Option<usize>>() {
            Some(weight) => locks / weight.max(1),
            None => 1,
        }
    }

    /// What is applied.
    pub(crate) fn versions(&self) -> Vec<i64> {
        self.migrations.iter().map(|m| m.version()).collect()
    }

    /// Applies it to those of `targets` that are free and as the ledger was read, and commits.
    ///
    /// Gives their ids. After an `Err` the transaction is still open, and nobody was touched.
    pub(crate) async fn run(
        &self,
        connection: &mut PgConnection,
        targets: &[Target],
        run: Uuid,
    ) -> Result<HashSet<Uuid>, Failure> {
        let ready = self.open(connection, targets, run).await?;
        let taking: Vec<_> = targets
            .iter()
            .filter(|target| ready.contains(target.id.as_uuid()))
            .collect();
        let message = match &taking[..] {
            [] => "ROLLBACK".to_owned(),
            taking => self.message(taking, run),
        };
        sqlx::raw_sql(AssertSqlSafe(message))
            .execute(connection)
            .await?;
        Ok(ready)
    }

    /// Everything from the first migration to the commit. Whose fault a failure is, their own
    /// turns will tell.
    fn message(&self, targets: &[&Target], run: Uuid) -> String {
        let mut message = String::new();
        for target in targets {
            message.push_str(&search_path::set_local(&target.schema));
            for migration in &self.migrations {
                message.push_str(";\n");
                message.push_str(migration.sent());
                // The line end closes a comment that the file ends with.
                message.push_str("\n;");
                message.push_str(&ledger::proof(&target.schema));
            }
            message.push_str(";\n");
        }
        let ids: Vec<_> = targets.iter().map(|target| *target.id.as_uuid()).collect();
        message.push_str(&ledger::entries("tenant", &ids, &self.migrations, run));
        message.push_str("; ");
        let each = self.ledger.applied.len() + self.migrations.len();
        message.push_str(&ledger::tally_proof(&ids, ids.len() * each));
        message.push_str("; ");
        message.push_str(&notify_of_each(targets.iter().map(|target| target.id)));
        transaction::commit_after(&message)
    }

    /// Begins, and gives the tenants whose locks are ours and who are where they were.
    async fn open(
        &self,
        connection: &mut PgConnection,
        targets: &[Target],
        run: Uuid,
    ) -> Result<HashSet<Uuid>, Failure> {
        let mut wanted = Vec::with_capacity(targets.len());
        for target in targets {
            for key in Locks::of_tenant(target.id).keys() {
                let (id, schema) = (target.id, &target.schema);
                wanted.push(format!("('{id}'::uuid, {key}::bigint, '{schema}'::text)"));
            }
        }
        let wanted = wanted.join(", ");
        let versions: Vec<_> = self.ledger.applied.iter().map(i64::to_string).collect();
        let free = "pg_catalog.pg_try_advisory_xact_lock(key)";
        let free = sabotaged!("migrate.batch-unlocked", "true", free);
        // Two statements, so that the second sees what those did who had the locks before us.
        let open = format!(
            "{}; {}; SELECT id AS tenancy_free FROM (VALUES {wanted}) AS wanted (id, key, schema) \
             WHERE {free}; \
             SELECT t.id AS tenancy_there FROM tenancy.tenants t \
             JOIN (VALUES {wanted}) AS wanted (id, key, schema) \
                 ON t.id = wanted.id AND t.schema_name = wanted.schema \
             WHERE t.status <> 'purged' \
               AND pg_catalog.to_regnamespace(pg_catalog.quote_ident(t.schema_name)) IS NOT NULL \
               AND ARRAY(SELECT m.version FROM tenancy.migrations m WHERE m.scope = 'tenant' \
                         AND m.tenant_id = t.id ORDER BY m.version) = '{{{}}}'::bigint[]",
            transaction::begin_within(&Locks::none(), BRIEF),
            ledger::going(run),
            versions.join(",")
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(open))
            .fetch_many(&mut *connection)
            .try_filter_map(async |step| Ok(step.right()))
            .try_collect::<Vec<_>>()
            .await?;
        let column = |name: &'static str| {
            let ids = rows.iter().filter_map(move |row| row.try_get(name).ok());
            ids.collect::<HashSet<Uuid>>()
        };
        if column("tenancy_run").is_empty() {
            return Err(Failure::ended());
        }
        let there = column("tenancy_there");
        let mut free = column("tenancy_free");
        free.retain(|id| there.contains(id));
        Ok(free)
    }
}

/// How many locks a migration takes at most per tenant; `None` when it cannot be told, and when
/// it does work whose length depends on rows, for which nobody else is to wait.
fn weight(migration: &Migration) -> Option<usize> {
    split(migration.sql()).iter().map(cost).sum()
}

fn cost(statement: &Statement<'_>) -> Option<usize> {
    match statement.word(0).as_str() {
        // A table comes with those of its long values, its indexes and its sequences.
        "CREATE" if statement.find(&["TABLE"]).is_some() => Some(16),
        "CREATE" if statement.find(&["MATERIALIZED"]).is_some() => None,
        "DROP" | "ALTER" if statement.find(&["CASCADE"]).is_some() => None,
        "DROP" => Some(20),
        "ALTER" if statement.find(&["TYPE"]).is_some() => Some(24),
        "CREATE" | "ALTER" | "COMMENT" | "GRANT" | "REVOKE" => Some(6),
        "INSERT" if statement.find(&["SELECT"]).is_none() => Some(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_mere_structure_has_a_transaction_of_its_own() {
        let size = |sql: &'static str| {
            let set = MigrationSet::new([Migration::new(1, "a", sql)]).unwrap();
            let ledger = ScopeStatus::compare(&set, &[]);
            Plan::new(&set, &ledger).size(400)
        };
        assert_eq!(size("ALTER TABLE a ADD b int"), 66);
        assert_eq!(size("CREATE TABLE a (b int); CREATE INDEX ON a (b)"), 18);
        for sql in [
            "UPDATE a SET b = 1",
            "DO $$ BEGIN END $$",
            "SELECT 1",
            "SET LOCAL work_mem = '1MB'; ALTER TABLE a ADD b int",
            "INSERT INTO a SELECT 1",
            "DROP TABLE a CASCADE",
        ] {
            assert_eq!(size(sql), 1, "{sql}");
        }
        let many = "ALTER TABLE a ADD b int;".repeat(40);
        assert!(size(many.leak()) < 2);
    }
}
