//! Enters migrations as applied without running them.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::failure::Failure;
use super::ledger::{self, Scope};
use super::report::Outcome;
use super::run::enter;
use super::set::MigrationSet;
use super::status::ScopeStatus;
use crate::error::Error;
use crate::fleet::transaction::{self, Patience};
use crate::store::notify_of;

/// Enters what is pending of `set` in `scope`, up to the version `up_to`, and commits; a ledger
/// that does not fit is left alone.
pub(crate) async fn mark(
    connection: &mut PgConnection,
    scope: &Scope,
    set: &MigrationSet,
    up_to: Option<i64>,
    run: Uuid,
) -> Result<Outcome, Failure> {
    let question = ledger::of_scope(scope);
    let entries = enter(connection, scope, Patience::default(), None, &question).await?;
    let status = ScopeStatus::compare(set, &entries);
    if !status.mismatch.is_empty() {
        transaction::rollback(connection)
            .await
            .map_err(Failure::of)?;
        return Ok(Outcome::Blocked(status.mismatch));
    }
    let versions = write(connection, scope, set, &status.pending, up_to, run)
        .await
        .map_err(Failure::of)?;
    transaction::commit(connection).await.map_err(Failure::of)?;
    Ok(Outcome::Applied { versions })
}

/// Enters those of the `pending` versions of `set` that are no higher than `up_to` into the ledger
/// of `scope`, in the open transaction, whose owner has taken the lock; gives what it entered.
pub(crate) async fn write(
    connection: &mut PgConnection,
    scope: &Scope,
    set: &MigrationSet,
    pending: &[i64],
    up_to: Option<i64>,
    run: Uuid,
) -> Result<Vec<i64>, Error> {
    let mut marked = set.select(pending);
    marked.retain(|migration| up_to.is_none_or(|last| migration.version() <= last));
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = ledger::entries(scope.name(), &[scope.tenant()], &marked, run);
    if let Scope::Tenant(target) = scope {
        sql.push_str("; ");
        sql.push_str(&notify_of(target.id));
    }
    transaction::send(connection, sql).await?;
    Ok(marked.iter().map(|migration| migration.version()).collect())
}
