//! Takes back exactly what one run applied.

use sqlx::postgres::PgConnection;
use tenancy_core::Slug;
use tokio::time::Instant;
use uuid::Uuid;

use super::queue::Turn;
use super::work::{Task, Work};
use super::{Fleet, locks};
use crate::error::{Error, ErrorKind};
use crate::fleet::transaction::{self, Patience};
use crate::migrate::ledger::Scope;
use crate::migrate::undo::{Share, Superseded, TenantUndo, Undo, UndoPlan, Undoing};
use crate::migrate::{
    MigrateEvent, MigrationSet, Outcome, Pace, RunKind, RunRecord, RunReport, ScopeStatus,
    TenantReport,
};

impl Fleet {
    /// Takes back exactly what one run applied: in each tenant that has something of it, then in
    /// what all share, the down scripts of its versions, newest first, in one transaction with
    /// their entries in the ledger. What the run had only [marked](Fleet::mark_applied) is taken
    /// out of the ledger, and no script runs.
    ///
    /// A run that is still under way is ended first: its turns under way are waited for, and whom
    /// it has not reached it leaves alone.
    ///
    /// It may be repeated: what a crash left is taken back then, and of a run that was taken back
    /// wholly nothing is left to do, which the empty report says. The shared part is left alone
    /// while a tenant still has something of the run.
    ///
    /// # Errors
    ///
    /// Before anything is done: [`ErrorKind::RowNotFound`] when there is no such run,
    /// [`ErrorKind::Configuration`] when a migration has no down script or its file was changed
    /// since, [`ErrorKind::Conflict`] when the run made a tenant or took something back itself,
    /// and when a later run applied something on top, unless such tenants are
    /// [skipped](Undo::skip_superseded); [`ErrorKind::InvalidInput`] when a canary has nothing of
    /// the run. What fails in a script is in the report.
    pub async fn undo(
        &self,
        undo: impl Into<Undo>,
        pace: impl Into<Pace>,
        mut progress: impl FnMut(MigrateEvent),
    ) -> Result<RunReport, Error> {
        let (undo, pace) = (undo.into(), pace.into());
        let mut connection = self.open().await?;
        let report = self
            .undo_on(&mut connection, undo, &pace, &mut progress)
            .await;
        transaction::finish(connection, report).await
    }

    /// Says what [`Fleet::undo`] would do, and what stands in its way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RowNotFound`] when there is no such run, and
    /// [`ErrorKind::Configuration`] when the database was never prepared.
    pub async fn undo_plan(&self, undo: impl Into<Undo>) -> Result<UndoPlan, Error> {
        let undo = undo.into();
        let mut connection = self.open().await?;
        let found = self.shares(&mut connection, undo.run).await;
        let (run, shares) = transaction::finish(connection, found).await?;
        let refusals = self.refusals(undo, &run, &shares);
        let mut plan = UndoPlan {
            run,
            framework: Vec::new(),
            shared: Vec::new(),
            tenants: Vec::new(),
            refusals: refusals.into_iter().map(|(_, reason)| reason).collect(),
        };
        for share in shares {
            let versions = share.versions();
            match share.scope {
                Scope::Tenant(target) => plan.tenants.push(TenantUndo {
                    tenant: target.id,
                    slug: target.slug,
                    versions,
                    later: share.later,
                }),
                Scope::Shared => plan.shared.extend(versions),
                Scope::Framework => plan.framework.extend(versions),
            }
        }
        Ok(plan)
    }

    async fn undo_on(
        &self,
        connection: &mut PgConnection,
        undo: Undo,
        pace: &Pace,
        progress: &mut impl FnMut(MigrateEvent),
    ) -> Result<RunReport, Error> {
        let mut report = RunReport::start(RunKind::Undo);
        let clock = Instant::now();
        let (mut run, mut shares) = self.undoable(connection, undo, pace).await?;
        if run.finished_at.is_none() && end(connection, run.id).await? {
            // Whatever it was at when it ended is committed now, and nothing more comes.
            (run, shares) = self.undoable(connection, undo, pace).await?;
        }
        if shares.is_empty() && run.undone_by.is_some() {
            return Ok(report);
        }
        self.announce(connection, &report).await?;

        let mut shared = None;
        let mut turns = Vec::new();
        for share in shares {
            match share.scope {
                Scope::Tenant(target) if share.later.is_empty() => {
                    turns.push(Turn::new(target, ScopeStatus::default()));
                }
                Scope::Tenant(target) => report.tenants.push(TenantReport {
                    tenant: target.id,
                    slug: target.slug,
                    duration: std::time::Duration::ZERO,
                    outcome: Outcome::Superseded {
                        versions: share.later,
                    },
                }),
                scope => shared = Some(scope),
            }
        }
        progress(MigrateEvent::Planned {
            pending: turns.len(),
            at_head: 0,
            blocked: report.tenants.len(),
        });
        for skipped in &report.tenants {
            progress(MigrateEvent::Tenant(skipped.clone()));
        }
        let undoing = |set: &MigrationSet| Undoing {
            run: run.id,
            by: report.run,
            downs: if is_mark(&run) {
                std::collections::BTreeMap::new()
            } else {
                Undoing::downs(set)
            },
        };
        let tenants = undoing(&self.migrations.tenant);
        let common = undoing(&self.migrations.shared);
        if !turns.is_empty() {
            let work = Work {
                fleet: self,
                pace,
                task: Task::Undo(&tenants),
                locks: locks(connection, pace).await?,
            };
            work.carry_out(turns, &mut report, progress).await;
        }
        if let Some(scope) = shared {
            let outcome = if report.is_complete() {
                let turn = common.turn(connection, &scope, Patience::default());
                match turn.await {
                    Ok(outcome) => outcome,
                    Err(failure) => {
                        transaction::rollback(connection).await?;
                        Outcome::Failed(failure.report())
                    }
                }
            } else {
                Outcome::NotReached
            };
            progress(MigrateEvent::Shared(outcome.clone()));
            report.shared = Some(outcome);
        }
        report.tenants.sort_by(|a, b| a.slug.cmp(&b.slug));
        report.duration = clock.elapsed();
        sqlx::query(
            "UPDATE tenancy.migration_runs SET undone_by = $2
             WHERE id = $1 AND undone_by IS NULL
               AND NOT EXISTS (SELECT FROM tenancy.migrations WHERE run_id = $1)",
        )
        .bind(run.id)
        .bind(report.run)
        .execute(&mut *connection)
        .await?;
        self.record(connection, &report).await?;
        Ok(report)
    }

    /// The run and what everybody has of it, or why it is not taken back.
    async fn undoable(
        &self,
        connection: &mut PgConnection,
        undo: Undo,
        pace: &Pace,
    ) -> Result<(RunRecord, Vec<Share>), Error> {
        let (run, shares) = self.shares(connection, undo.run).await?;
        let mut refusals = self.refusals(undo, &run, &shares);
        let has_share = |slug: &Slug| {
            let is_its =
                |share: &Share| matches!(&share.scope, Scope::Tenant(t) if t.slug == *slug);
            shares.iter().any(is_its)
        };
        let idle = pace.canaries.iter().find(|slug| !has_share(slug));
        if let Some(slug) = idle.filter(|_| run.undone_by.is_none()) {
            let why = format!("tenant {slug} is to go first and has nothing of it: name another");
            refusals.push((ErrorKind::InvalidInput, why));
        }
        let Some((kind, first)) = refusals.first() else {
            return Ok((run, shares));
        };
        let more = match refusals.len() {
            1 => String::new(),
            count => format!(" (and {} more like it)", count - 1),
        };
        Err(Error::new(
            *kind,
            format!("run {} is not taken back: {first}{more}", run.id),
        ))
    }

    /// The run and what everybody has of it.
    async fn shares(
        &self,
        connection: &mut PgConnection,
        run: Uuid,
    ) -> Result<(RunRecord, Vec<Share>), Error> {
        let record = self.run_record(connection, run).await?;
        let record = record.ok_or_else(|| {
            Error::new(
                ErrorKind::RowNotFound,
                format!("there is no run {run}: `migrate runs` lists those there were"),
            )
        })?;
        let shares = Share::of(connection, run).await?;
        Ok((record, shares))
    }

    /// Everything for which the run is not taken back at all.
    fn refusals(&self, undo: Undo, run: &RunRecord, shares: &[Share]) -> Vec<(ErrorKind, String)> {
        let kind = run.kind.as_str();
        if kind == RunKind::Undo.as_str() {
            let why = "it took another run back: run the migrations again instead";
            return vec![(ErrorKind::Conflict, why.to_owned())];
        }
        let undoable = [RunKind::Migrate, RunKind::Prepare, RunKind::Mark];
        if !undoable.iter().any(|undoable| undoable.as_str() == kind) {
            let why = format!("it is a {kind}, which made a tenant: purge the tenant instead");
            return vec![(ErrorKind::Conflict, why)];
        }
        let mut refusals = Vec::new();
        for share in shares {
            let set = match &share.scope {
                Scope::Framework => {
                    let why = "it prepared the framework's own tables, which stay".to_owned();
                    refusals.push((ErrorKind::Conflict, why));
                    continue;
                }
                Scope::Shared => &self.migrations.shared,
                Scope::Tenant(_) => &self.migrations.tenant,
            };
            for (version, checksum) in &share.entries {
                if is_mark(run) {
                    continue;
                }
                let why = match set.get(*version) {
                    None => format!("this program has no migration {version}"),
                    Some(migration) if migration.checksum() != checksum => format!(
                        "migration {} was changed after it was applied: restore the file",
                        migration.file_name()
                    ),
                    Some(migration) if migration.down().is_none() => format!(
                        "migration {} has no down file: add {}",
                        migration.file_name(),
                        migration.down_file_name()
                    ),
                    Some(_) => continue,
                };
                if !refusals.iter().any(|(_, said)| *said == why) {
                    refusals.push((ErrorKind::Configuration, why));
                }
            }
            if share.later.is_empty() {
                continue;
            }
            let why = match &share.scope {
                Scope::Tenant(_) if undo.superseded == Superseded::Skip => continue,
                Scope::Tenant(target) => format!(
                    "a later run applied {:?} to tenant {}: take that back before, or skip such \
                     tenants",
                    share.later, target.slug
                ),
                _ => format!(
                    "a later run applied {:?} to what all share: take that back before",
                    share.later
                ),
            };
            refusals.push((ErrorKind::Conflict, why));
        }
        refusals
    }
}

/// Ends a run that has no end, whether it is under way or was interrupted: it waits for the turns
/// that are under way, and no other begins.
async fn end(connection: &mut PgConnection, run: Uuid) -> Result<bool, Error> {
    let ended = sqlx::query(
        "UPDATE tenancy.migration_runs SET finished_at = pg_catalog.clock_timestamp()
         WHERE id = $1 AND finished_at IS NULL",
    )
    .bind(run)
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Whether the run entered what it did not run.
fn is_mark(run: &RunRecord) -> bool {
    run.kind == RunKind::Mark.as_str()
}
