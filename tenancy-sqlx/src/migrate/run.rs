//! Applies what is pending in one scope: one transaction, one message, the ledger with it.
//!
//! Where migrations without a transaction are among the pending ones, each of those is a segment
//! of its own, and so is what stands between them.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::{SchemaName, sabotaged};
use uuid::Uuid;

use super::failure::Failure;
use super::ledger::{self, Scope};
use super::migration::Migration;
use super::outside;
use super::report::{Mismatch, Outcome};
use super::script::{Script, apply, path};
use super::set::MigrationSet;
use super::status::ScopeStatus;
use crate::error::Error;
use crate::fleet::transaction::{self, Locks, Patience};
use crate::store::notify_of;

/// How often the shared part gets a turn when a lock was not to be had.
const ATTEMPTS: u32 = 3;

/// What one run has in common for all that it brings to head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runner<'a> {
    /// How a connection for work without a transaction is opened.
    pub(crate) owner: &'a PgConnectOptions,
    pub(crate) set: &'a MigrationSet,
    pub(crate) run: Uuid,
    /// The statement that enters the run together with what it applies, if it is not entered.
    pub(crate) announcement: Option<&'a str>,
}

/// What came of one segment.
enum Segment {
    /// All of it is in the ledger; whether more is pending.
    Applied { versions: Vec<i64>, more: bool },
    /// The ledger does not fit.
    Blocked(Mismatch),
}

impl Runner<'_> {
    /// Brings `scope` to head under its lock, or leaves it as it was, and tries again a few times
    /// when others are in the way.
    ///
    /// An `Err` is the connection's failure; what fails in a migration is an [`Outcome`].
    pub(crate) async fn complete(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
    ) -> Result<Outcome, Error> {
        let mut applied = Vec::new();
        let mut attempt = 1;
        loop {
            let turn = self.turn(connection, scope, Patience::default(), &mut applied);
            let failure = match turn.await {
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

    /// Brings `scope` to head once; what was committed on the way is added to `applied`.
    ///
    /// After an `Err` the transaction is still open.
    pub(crate) async fn turn(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        patience: Patience,
        applied: &mut Vec<i64>,
    ) -> Result<Outcome, Failure> {
        loop {
            match self.segment(connection, scope, patience).await? {
                Segment::Blocked(mismatch) => return Ok(Outcome::Blocked(mismatch)),
                Segment::Applied { versions, more } => {
                    applied.extend(versions);
                    if !more {
                        let versions = std::mem::take(applied);
                        return Ok(Outcome::Applied { versions });
                    }
                }
            }
        }
    }

    async fn segment(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        patience: Patience,
    ) -> Result<Segment, Failure> {
        // A run that is entered with what it applies cannot be found, and so not be taken back.
        let run = self.announcement.is_none().then_some(self.run);
        let question = ledger::of_scope(scope);
        let entries = enter(connection, scope, patience, run, &question).await?;
        let status = ScopeStatus::compare(self.set, &entries);
        if !status.mismatch.is_empty() {
            transaction::rollback(connection)
                .await
                .map_err(Failure::of)?;
            return Ok(Segment::Blocked(status.mismatch));
        }
        let pending = self.set.select(&status.pending);
        let segment = &pending[..segment(&pending)];
        match segment {
            [] => {}
            [alone] if !alone.is_transactional() => {
                let early = sabotaged!("migrate.entry-before-work");
                if early {
                    self.close(connection, scope, alone).await?;
                }
                outside::run(self.owner, connection, scope, alone, patience).await?;
                if !early {
                    self.close(connection, scope, alone).await?;
                }
            }
            several => {
                let mut script = Script::new(String::new(), scope, several, self.run);
                script.count(scope, entries.len() + several.len());
                script.push(&self.epilogue(scope));
                apply(connection, &script).await?;
            }
        }
        transaction::commit(connection).await.map_err(Failure::of)?;
        Ok(Segment::Applied {
            versions: segment.iter().map(|m| m.version()).collect(),
            more: segment.len() < pending.len(),
        })
    }

    /// Enters what was done outside the open transaction, and commits.
    async fn close(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        done: &Migration,
    ) -> Result<(), Failure> {
        let entries = ledger::entries(scope.name(), &[scope.tenant()], &[done], self.run);
        let epilogue = self.epilogue(scope);
        transaction::send(
            connection,
            transaction::commit_after(&format!("{entries}; {epilogue}")),
        )
        .await
        .map_err(Failure::of)
    }

    /// What is said and entered beside the ledger.
    fn epilogue(&self, scope: &Scope) -> String {
        match scope {
            // What programs have learnt of its tables counts no longer.
            Scope::Tenant(target) => notify_of(target.id),
            _ => self.announcement.unwrap_or("SELECT").to_owned(),
        }
    }
}

/// How many of `pending` go together: one without a transaction, or those up to it.
pub(super) fn segment(pending: &[&Migration]) -> usize {
    let first = pending.iter().position(|m| !m.is_transactional());
    match first {
        Some(0) => 1,
        Some(count) => count,
        None => pending.len(),
    }
}

/// Opens the transaction of one scope: its lock, its path, and its ledger as `question` asks for
/// it. What another run did before us is seen before anything is done, and so is the end of `run`,
/// if one is named.
pub(super) async fn enter(
    connection: &mut PgConnection,
    scope: &Scope,
    patience: Patience,
    run: Option<Uuid>,
    question: &str,
) -> Result<Vec<(i64, Vec<u8>)>, Failure> {
    let open = format!(
        "{}; {}; {}; {}; {question}",
        transaction::begin_within(&Locks::of_scope(scope), patience),
        path(scope),
        run.map_or_else(|| "SELECT".to_owned(), ledger::going),
        still_there(scope),
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(open))
        .fetch_many(&mut *connection)
        .try_filter_map(async |step| Ok(step.right()))
        .try_collect::<Vec<_>>()
        .await?;
    let mut entries = Vec::new();
    let mut there = !matches!(scope, Scope::Tenant(_));
    let mut going = run.is_none();
    for row in &rows {
        if row.try_get::<&str, _>("tenancy_schema").is_ok() {
            there = true;
        } else if row.try_get::<Uuid, _>("tenancy_run").is_ok() {
            going = true;
        } else if let (Ok(version), Ok(checksum)) =
            (row.try_get("version"), row.try_get("checksum"))
        {
            entries.push((version, checksum));
        }
    }
    if !going {
        return Err(Failure::ended());
    }
    if there {
        return Ok(entries);
    }
    Err(Failure::other(
        "the schema is gone, or the tenant was renamed meanwhile: check it and run again",
    ))
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
