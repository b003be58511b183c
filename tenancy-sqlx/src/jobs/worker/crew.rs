//! One run of one job, from who its tenant is to how it ended.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tenancy_core::job::{Claim, End, Handler, Job, JobError, JobKind, JobLease, JobQueue, JobRun};
use tenancy_core::{Identifier, Status, TenantContext, TenantStore, sabotaged};
use tokio::sync::oneshot;

use super::board::{Board, Order};
use super::settings::WorkerSettings;
use crate::jobs::figures::JobFigures;
use crate::jobs::queue::PgJobs;
use crate::jobs::run::PgDesk;

/// What all runs of a worker share.
pub(super) struct Crew {
    pub(super) jobs: PgJobs,
    pub(super) store: Arc<dyn TenantStore>,
    pub(super) handlers: HashMap<JobKind, Arc<dyn Handler>>,
    pub(super) settings: WorkerSettings,
    pub(super) board: Board,
    pub(super) figures: JobFigures,
}

/// How a run ended, for the queue; `None` when there is nothing to tell it.
type Ended = Option<End>;

impl Crew {
    /// Takes up to `most` jobs.
    pub(super) async fn claim(&self, most: usize) -> Result<Vec<Job>, tenancy_core::Error> {
        let kinds = self.handlers.keys().cloned().collect();
        let claim = Claim::new(kinds, most)
            .per_tenant(self.settings.per_tenant)
            .lease(self.settings.lease)
            .except(self.board.parked());
        self.jobs.claim(&claim).await
    }

    /// Runs a job to its end, or until it has to stop, and settles it.
    pub(super) async fn attend(self: Arc<Self>, job: Job, told: oneshot::Receiver<Order>) {
        let lease = job.lease();
        let ended = tokio::select! {
            biased;
            Ok(order) = told => match order {
                Order::Cancel => Some(End::Cancelled),
                Order::Return => Some(End::Returned),
                Order::Drop => {
                    tracing::warn!(
                        target: "tenancy.jobs",
                        job = %job.id, kind = %job.kind, tenant = %job.tenant,
                        "a run is dropped, for its job is no longer this worker's"
                    );
                    self.figures.lost();
                    None
                }
            },
            ended = self.run(&job) => ended,
        };
        if let Some(end) = ended {
            self.figures.ended(&job, &end);
            self.settle(&job, &end).await;
        }
        self.board.rise(&lease);
    }

    /// Finds out who the tenant is now, and has the work done for him.
    async fn run(&self, job: &Job) -> Ended {
        let Some(context) = self.resolve(job).await else {
            self.board.park(job.tenant, self.settings.parking);
            return Some(End::Returned);
        };
        let Some(handler) = self.handlers.get(&job.kind) else {
            return Some(End::Returned);
        };
        let db = self.jobs.database.tenant(&context);
        let desk = PgDesk::new(&self.jobs.database, db, job.lease());
        let work = async { handler.run(JobRun::new(&context, job, &desk)).await };
        let work = AssertUnwindSafe(work).catch_unwind();
        let done = match tokio::time::timeout(job.timeout, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => Err(JobError::retry(format!("it panicked: {}", said(&*panic)))),
            Err(_) => Err(JobError::retry(format!(
                "it took more than {:?}",
                job.timeout
            ))),
        };
        match done {
            _ if desk.has_ended() => {
                self.figures.ended(job, &End::Done);
                None
            }
            Ok(()) => Some(End::Done),
            Err(error) => Some(self.failed(job, &error)),
        }
    }

    /// The tenant's context as of now; `None` when it does not serve, or nobody could say.
    async fn resolve(&self, job: &Job) -> Option<TenantContext> {
        let found = self.store.find(&Identifier::Id(job.tenant)).await;
        let resolved = found.and_then(|tenant| {
            let tenant = tenant.ok_or_else(|| {
                let kind = tenancy_core::ErrorKind::NotFound;
                tenancy_core::Error::new(kind, format!("there is no tenant {}", job.tenant))
            })?;
            if sabotaged!("jobs.not-resolved") {
                let active = (*tenant).clone().with_status(Status::Active);
                return TenantContext::new(Arc::new(active), "job");
            }
            TenantContext::new(tenant, "job")
        });
        resolved
            .inspect_err(|error| {
                tracing::info!(
                    target: "tenancy.jobs",
                    job = %job.id, kind = %job.kind, tenant = %job.tenant, %error,
                    "the jobs of a tenant wait"
                );
            })
            .ok()
    }

    fn failed(&self, job: &Job, error: &JobError) -> End {
        let last = job.attempt >= job.max_attempts || !error.is_worth_another();
        tracing::warn!(
            target: "tenancy.jobs",
            job = %job.id, kind = %job.kind, tenant = %job.tenant, attempt = job.attempt, last,
            %error, "an attempt failed"
        );
        if !error.is_worth_another() {
            return End::Failed {
                error: error.to_string(),
            };
        }
        // The lower half of an id's bits is random.
        #[allow(
            clippy::cast_possible_truncation,
            reason = "any of the random bits will do"
        )]
        let random = uuid::Uuid::new_v4().as_u128() as u32;
        let pause = || self.settings.backoff.pause(job.attempt, random);
        End::Retry {
            pause: error.pause().unwrap_or_else(pause),
            error: error.to_string(),
        }
    }

    /// Tells the queue, for as long as the job is ours.
    async fn settle(&self, job: &Job, end: &End) {
        let lease = job.lease();
        let deadline = Instant::now() + self.settings.lease;
        loop {
            match self.jobs.settle(&lease, end).await {
                Ok(_) => return,
                Err(error) if Instant::now() > deadline => {
                    tracing::error!(
                        target: "tenancy.jobs",
                        job = %job.id, kind = %job.kind, tenant = %job.tenant, %error,
                        "a job's end could not be told: it will be run again"
                    );
                    return;
                }
                Err(_) => tokio::time::sleep(self.settings.poll).await,
            }
        }
    }

    /// Says again and again that the jobs are still being run.
    pub(super) async fn keep(self: Arc<Self>) {
        let lease = self.settings.lease;
        let mut beat = tokio::time::interval(lease / 3);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let leases: Vec<JobLease> = self.board.leases();
            if leases.is_empty() {
                continue;
            }
            let since = Instant::now();
            let held = self.jobs.hold(&leases, lease);
            match tokio::time::timeout(lease / 3, held).await {
                Ok(Ok(held)) => self.board.learn(&leases, &held, since, lease),
                Ok(Err(error)) => {
                    tracing::warn!(target: "tenancy.jobs", %error, "leases could not be renewed");
                }
                Err(_) => {
                    tracing::warn!(target: "tenancy.jobs", "leases could not be renewed in time");
                }
            }
            self.board.drop_overdue();
        }
    }

    /// The pause between two looks, a little different each time, so that workers do not look
    /// together.
    pub(super) fn pause(&self) -> Duration {
        let random = uuid::Uuid::new_v4().as_bytes()[15];
        self.settings.poll.mul_f64(0.75 + f64::from(random) / 512.0)
    }
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}
