//! How many jobs wait and run, and what became of those that a worker had.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgArguments;
use tenancy_core::Exposition;
use tenancy_core::job::{End, Job};
use time::OffsetDateTime;

use super::ask::ask;
use super::queue::PgJobs;
use crate::error::Error;

/// What a worker counts of its runs, and of the queue; clones are handles to the same counters.
///
/// ```no_run
/// use tenancy_core::Exposition;
/// use tenancy_sqlx::jobs::Worker;
///
/// fn page(worker: &Worker) -> String {
///     let mut out = Exposition::new();
///     worker.figures().expose(&mut out);
///     out.into_text()
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct JobFigures(Arc<Counters>);

/// What became of a worker's runs since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RunFigures {
    /// Runs whose job is done.
    pub done: u64,
    /// Runs after which the job was given up.
    pub failed: u64,
    /// Runs after which the job is tried again.
    pub retried: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Runs that were given back, or whose job was another worker's by then.
    pub returned: u64,
}

/// What is in the queue, of all tenants and for all workers; large numbers are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JobBacklog {
    /// Jobs that wait for their turn or their time.
    pub queued: u64,
    /// Jobs that wait for their tenant to be active.
    pub parked: u64,
    /// Jobs that a worker has.
    pub running: u64,
    /// Since when the oldest one is due that could be run.
    pub oldest: Option<OffsetDateTime>,
}

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    cancelled: AtomicU64,
    returned: AtomicU64,
    backlog: Mutex<Option<JobBacklog>>,
}

/// The front of the queue in the order in which it became due, and no more than that: an index has
/// it, and the rest is not looked at.
const BACKLOG: &str = "WITH front AS MATERIALIZED ( \
         SELECT j.tenant_id, j.run_at FROM tenancy.jobs j \
         WHERE j.status = 'queued' ORDER BY j.run_at LIMIT 10000), \
     told AS MATERIALIZED (SELECT front.run_at, t.status = 'active' AS active \
         FROM front JOIN tenancy.tenants t ON t.id = front.tenant_id) \
     SELECT (SELECT pg_catalog.count(*) FROM told WHERE active) AS queued, \
         (SELECT pg_catalog.count(*) FROM told WHERE NOT active) AS parked, \
         (SELECT pg_catalog.min(run_at) FROM told \
          WHERE active AND run_at <= pg_catalog.now()) AS oldest, \
         (SELECT pg_catalog.count(*) FROM (SELECT FROM tenancy.jobs j \
          WHERE j.status = 'running' LIMIT 10000) AS running) AS running";

impl JobFigures {
    /// What became of the runs.
    pub fn runs(&self) -> RunFigures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RunFigures {
            done: get(&self.0.done),
            failed: get(&self.0.failed),
            retried: get(&self.0.retried),
            cancelled: get(&self.0.cancelled),
            returned: get(&self.0.returned),
        }
    }

    /// What was in the queue when it was counted last; `None` before that.
    pub fn backlog(&self) -> Option<JobBacklog> {
        *self.lock()
    }

    /// Tells them as `tenancy_jobs_…`.
    pub fn expose(&self, out: &mut Exposition) {
        let runs = self.runs();
        let mut family = out.counter(
            "tenancy_jobs_runs_total",
            "Runs of this process's worker, by what became of them.",
        );
        for (outcome, count) in [
            ("done", runs.done),
            ("failed", runs.failed),
            ("retried", runs.retried),
            ("cancelled", runs.cancelled),
            ("returned", runs.returned),
        ] {
            family.sample(&[("outcome", outcome)], count);
        }
        let Some(backlog) = self.backlog() else {
            return;
        };
        let mut family = out.gauge(
            "tenancy_jobs_backlog",
            "Jobs of all tenants that have not ended, for all workers; a large number is cut.",
        );
        for (status, count) in [
            ("queued", backlog.queued),
            ("parked", backlog.parked),
            ("running", backlog.running),
        ] {
            family.sample(&[("status", status)], count);
        }
        out.gauge(
            "tenancy_jobs_oldest_seconds",
            "How long the oldest job has been due that could be run; zero when there is none.",
        )
        .sample(&[], backlog.oldest_age().as_secs_f64());
    }

    /// Notes that the job of a run was another worker's before it ended.
    pub(super) fn lost(&self) {
        self.0.returned.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how a run of `job` ended.
    pub(super) fn ended(&self, job: &Job, end: &End) {
        let counter = match end {
            End::Done => &self.0.done,
            End::Retry { .. } if job.attempt < job.max_attempts => &self.0.retried,
            End::Retry { .. } | End::Failed { .. } => &self.0.failed,
            End::Cancelled => &self.0.cancelled,
            End::Returned => &self.0.returned,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counted(&self, backlog: JobBacklog) {
        *self.lock() = Some(backlog);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<JobBacklog>> {
        let backlog = self.0.backlog.lock();
        backlog.unwrap_or_else(PoisonError::into_inner)
    }
}

impl JobBacklog {
    /// How long the oldest job has been due; zero when none is.
    pub fn oldest_age(&self) -> Duration {
        let since = |oldest| OffsetDateTime::now_utc() - oldest;
        // A job of a server whose clock is ahead has not waited.
        let age = self.oldest.map(since).and_then(|age| age.try_into().ok());
        age.unwrap_or_default()
    }
}

impl PgJobs {
    /// Counts what has not ended: up to ten thousand that wait, those first that became due first,
    /// and as many that run.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) and others of a question that the
    /// database does not answer.
    pub async fn backlog(&self) -> Result<JobBacklog, Error> {
        let rows = ask(&self.database, BACKLOG, Ok(PgArguments::default())).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let count = |name: &str| -> Result<u64, sqlx::Error> {
            Ok(row.try_get::<i64, _>(name)?.try_into().unwrap_or_default())
        };
        Ok(JobBacklog {
            queued: count("queued")?,
            parked: count("parked")?,
            running: count("running")?,
            oldest: row.try_get("oldest")?,
        })
    }
}
