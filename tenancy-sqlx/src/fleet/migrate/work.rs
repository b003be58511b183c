//! Workers: a connection each, and tenants from the queue until that is empty.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use sqlx::postgres::PgConnection;
use tenancy_core::sabotaged;
use tokio::time::Instant;

use super::Fleet;
use super::queue::{Next, Queue, Turn};
use crate::error::Error;
use crate::fleet::transaction;
use crate::migrate::batch::Plan;
use crate::migrate::failure::Failure;
use crate::migrate::ledger::Scope;
use crate::migrate::pace::Stop;
use crate::migrate::run::Runner;
use crate::migrate::undo::Undoing;
use crate::migrate::{MigrateEvent, Outcome, Pace, RunReport, TenantReport};

/// What is done to each tenant.
#[derive(Clone, Copy)]
pub(super) enum Task<'a> {
    Migrate(Runner<'a>),
    Undo(&'a Undoing),
}

/// One run as its workers see it.
pub(super) struct Work<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) pace: &'a Pace,
    pub(super) task: Task<'a>,
    /// How many locks one transaction may hold.
    pub(super) locks: usize,
}

impl Work<'_> {
    /// Brings `turns` to their ends, stage by stage, and adds what came of each to `report`.
    pub(super) async fn carry_out(
        &self,
        turns: Vec<Turn>,
        report: &mut RunReport,
        progress: &mut impl FnMut(MigrateEvent),
    ) {
        // A canary whose ledger does not fit warns of what the others would meet.
        let canaries = &self.pace.canaries;
        let mut stopped = report
            .tenants
            .iter()
            .any(|tenant| canaries.contains(&tenant.slug));
        for stage in stages(turns, self.pace) {
            if stopped {
                report.tenants.extend(stage.into_iter().map(not_reached));
                continue;
            }
            let queue = match self.task {
                Task::Migrate(runner) => Queue::batches(stage, runner.set, self.pace, self.locks),
                Task::Undo(_) => Queue::singles(stage),
            };
            let workers = self.pace.jobs.get().min(queue.width());
            let queue = Mutex::new(queue);
            let mut done = stream::select_all((0..workers).map(|_| Box::pin(self.worker(&queue))));
            while let Some(tenants) = done.next().await {
                for tenant in tenants {
                    stopped |= !tenant.outcome.is_complete();
                    progress(MigrateEvent::Tenant(tenant.clone()));
                    report.tenants.push(tenant);
                }
            }
            drop(done);
            let queue = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
            report.tenants.extend(queue.left().map(not_reached));
        }
    }

    fn worker<'q>(&'q self, queue: &'q Mutex<Queue>) -> impl Stream<Item = Vec<TenantReport>> + 'q {
        stream::unfold(None, move |mut connection| async move {
            let next = locked(queue).next();
            let reports = match next {
                Next::Batch(turns) => self.batch(&mut connection, turns, queue).await,
                Next::One(turn) => {
                    let report = self.one(&mut connection, turn, queue).await;
                    report.into_iter().collect()
                }
                Next::Wait(until) => {
                    tokio::time::sleep_until(until).await;
                    Vec::new()
                }
                Next::Nothing => {
                    if let Some(connection) = connection {
                        transaction::close(connection).await;
                    }
                    return None;
                }
            };
            let failed = reports.iter().any(|report| !report.outcome.is_complete());
            if failed && self.pace.stop == Stop::AfterFailure {
                locked(queue).stop();
            }
            Some((reports, connection))
        })
    }

    /// Does several tenants at once; whoever cannot be done so is put back.
    async fn batch(
        &self,
        slot: &mut Option<PgConnection>,
        turns: Vec<Turn>,
        queue: &Mutex<Queue>,
    ) -> Vec<TenantReport> {
        let Task::Migrate(runner) = self.task else {
            for turn in turns {
                locked(queue).alone(turn);
            }
            return Vec::new();
        };
        let clock = Instant::now();
        let ledger = turns[0].ledger.clone();
        let plan = Plan::new(runner.set, &ledger);
        let targets: Vec<_> = turns.iter().map(|turn| turn.target.clone()).collect();
        let done = self
            .connected(slot, async |connection| {
                plan.run(connection, &targets, runner.run).await
            })
            .await;
        let (done, failure) = match done {
            Ok(done) => (done, None),
            Err(failure) => (HashSet::new(), Some(failure)),
        };
        let share = clock.elapsed() / u32::try_from(turns.len()).unwrap_or(u32::MAX).max(1);
        let mut reports = Vec::with_capacity(turns.len());
        for mut turn in turns {
            turn.spent += share;
            if done.contains(turn.target.id.as_uuid()) {
                turn.applied.extend(plan.versions());
            }
            let complete = turn.applied.len() == ledger.pending.len();
            let outcome = match &failure {
                _ if complete => Outcome::Applied {
                    versions: std::mem::take(&mut turn.applied),
                },
                Some(failure) if sabotaged!("migrate.batch-not-isolated") => {
                    Outcome::Failed(failure.report())
                }
                // It costs its batch one repetition, tenant by tenant, and stops nobody.
                _ => {
                    locked(queue).alone(turn);
                    continue;
                }
            };
            reports.push(report(turn, outcome));
        }
        reports
    }

    /// Gives one tenant its turn; `None` when it gets another one later.
    async fn one(
        &self,
        slot: &mut Option<PgConnection>,
        mut turn: Turn,
        queue: &Mutex<Queue>,
    ) -> Option<TenantReport> {
        let clock = Instant::now();
        let scope = Scope::Tenant(turn.target.clone());
        let patience = turn.patience(self.pace);
        let applied = &mut turn.applied;
        let ended = match self.task {
            Task::Migrate(runner) => {
                let once = async |connection: &mut PgConnection| {
                    runner.turn(connection, &scope, patience, applied).await
                };
                self.connected(slot, once).await
            }
            Task::Undo(undoing) => {
                let once = async |connection: &mut PgConnection| {
                    undoing.turn(connection, &scope, patience).await
                };
                self.connected(slot, once).await
            }
        };
        turn.spent += clock.elapsed();
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(failure) if failure.is_contention() && turn.may_wait(self.pace.attempts) => {
                locked(queue).again(turn);
                return None;
            }
            Err(failure) => Outcome::Failed(failure.report()),
        };
        Some(report(turn, outcome))
    }

    /// Calls `work` on the worker's connection, and rolls back what failed; a connection that
    /// failed itself is not used again.
    async fn connected<T>(
        &self,
        slot: &mut Option<PgConnection>,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.fleet.open().await.map_err(Failure::of)?,
        };
        let result = work(&mut connection).await;
        if result.is_ok() || rolled_back(&mut connection).await.is_ok() {
            *slot = Some(connection);
        }
        result
    }
}

async fn rolled_back(connection: &mut PgConnection) -> Result<(), Error> {
    transaction::rollback(connection).await
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn report(turn: Turn, outcome: Outcome) -> TenantReport {
    TenantReport {
        tenant: turn.target.id,
        slug: turn.target.slug,
        duration: turn.spent,
        outcome,
    }
}

fn not_reached(turn: Turn) -> TenantReport {
    TenantReport {
        tenant: turn.target.id,
        slug: turn.target.slug,
        duration: Duration::ZERO,
        outcome: Outcome::NotReached,
    }
}

/// The canaries, then the waves; whoever comes by slug keeps that order.
fn stages(turns: Vec<Turn>, pace: &Pace) -> Vec<Vec<Turn>> {
    let named = |turn: &Turn| pace.canaries.contains(&turn.target.slug);
    let (mut canaries, mut rest): (Vec<_>, Vec<_>) = turns.into_iter().partition(named);
    let others = rest.split_off(pace.canary.min(rest.len()));
    canaries.append(&mut rest);
    let mut rest = others;
    let mut stages = vec![canaries];
    let size = pace
        .wave
        .map_or(usize::MAX, |wave| wave.size_of(rest.len()));
    while !rest.is_empty() {
        let later = rest.split_off(size.min(rest.len()));
        stages.push(std::mem::replace(&mut rest, later));
    }
    stages.retain(|stage| !stage.is_empty());
    stages
}
