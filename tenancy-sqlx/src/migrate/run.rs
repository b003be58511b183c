//! Applies what is pending in one scope: one transaction, one message, the ledger with it.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::SchemaName;
use uuid::Uuid;

use super::failure::Failure;
use super::ledger::{self, Scope};
use super::report::Outcome;
use super::script::{Script, apply, path};
use super::set::MigrationSet;
use super::status::ScopeStatus;
use crate::error::Error;
use crate::fleet::transaction::{self, Locks};
use crate::store::notify_of;

/// How often a turn is taken again when a lock was not to be had.
const ATTEMPTS: u32 = 3;

/// Brings `scope` to the head of `set` under its lock, or leaves it as it was.
///
/// An `Err` is the connection's failure; what fails in a migration is an [`Outcome`].
pub(crate) async fn run(
    connection: &mut PgConnection,
    scope: &Scope,
    set: &MigrationSet,
    run: Uuid,
) -> Result<Outcome, Error> {
    let mut attempt = 1;
    loop {
        let failure = match attempt_once(connection, scope, set, run).await {
            Ok(outcome) => return Ok(outcome),
            Err(failure) => failure,
        };
        transaction::rollback(connection).await?;
        if failure.is_contention() && attempt < ATTEMPTS {
            tokio::time::sleep(Duration::from_millis(200) * attempt).await;
            attempt += 1;
            continue;
        }
        return match failure.lost_connection() {
            Some(error) => Err(error),
            None => Ok(Outcome::Failed(failure.report())),
        };
    }
}

async fn attempt_once(
    connection: &mut PgConnection,
    scope: &Scope,
    set: &MigrationSet,
    run: Uuid,
) -> Result<Outcome, Failure> {
    // Lock and ledger in one message: what another run did before us is seen before anything is.
    let open = format!(
        "{}; {}; {}",
        transaction::begin(&Locks::of_scope(scope)),
        path(scope),
        still_there(scope),
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(format!(
        "{open}; {}",
        ledger::of_scope(scope)
    )))
    .fetch_many(&mut *connection)
    .try_filter_map(async |step| Ok(step.right()))
    .try_collect::<Vec<_>>()
    .await?;
    let mut entries = Vec::new();
    let mut there = !matches!(scope, Scope::Tenant(_));
    for row in &rows {
        if row.try_get::<&str, _>("tenancy_schema").is_ok() {
            there = true;
        } else if let (Ok(version), Ok(checksum)) =
            (row.try_get("version"), row.try_get("checksum"))
        {
            entries.push((version, checksum));
        }
    }
    if !there {
        return Err(Failure::other(
            "the schema is gone, or the tenant was renamed meanwhile: check it and run again",
        ));
    }
    let status = ScopeStatus::compare(set, &entries);
    if !status.mismatch.is_empty() {
        transaction::rollback(connection)
            .await
            .map_err(Failure::of)?;
        return Ok(Outcome::Blocked(status.mismatch));
    }
    let pending: Vec<_> = set
        .iter()
        .filter(|migration| status.pending.contains(&migration.version()))
        .collect();
    if !pending.is_empty() {
        let mut script = Script::new(String::new(), scope, &pending, run);
        if let Scope::Tenant(target) = scope {
            // What programs have learnt of its tables counts no longer.
            script.push(&notify_of(target.id));
        }
        apply(connection, &script).await?;
    }
    transaction::commit(connection).await.map_err(Failure::of)?;
    Ok(Outcome::Applied {
        versions: status.pending,
    })
}

/// Gives one row when the tenant still has the schema that it had when the run was planned.
fn still_there(scope: &Scope) -> String {
    let Scope::Tenant(target) = scope else {
        return "SELECT".to_owned();
    };
    let schema: &SchemaName = &target.schema;
    format!(
        "SELECT schema_name AS tenancy_schema FROM tenancy.tenants \
         WHERE id = '{}' AND schema_name = '{schema}' AND status <> 'purged' \
         AND pg_catalog.current_schema() = '{schema}'",
        target.id
    )
}
