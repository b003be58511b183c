//! The queue in the framework's tables.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Row};
use tenancy_core::job::{
    Claim, End, Enqueued, Held, Job, JobId, JobLease, JobQueue, JobRecord, NewJob, Settled,
};
use tenancy_core::{TenantContext, TenantId, sabotaged};

use super::ask::{Encoded, ask, ask_at_once};
use super::claim;
use super::record::{columns, record};
use crate::database::Database;
use crate::error::Error;
use crate::transaction::milliseconds;

/// Jobs of all tenants in one table of the framework's.
///
/// What the application enqueues through [`TenantTx::enqueue`](crate::TenantTx::enqueue) is there
/// exactly when its change is; [`JobQueue::enqueue`] has a transaction of its own. Nothing here
/// needs a session: it may all go through a transaction pooler.
#[derive(Debug, Clone)]
pub struct PgJobs {
    pub(super) database: Database,
}

impl PgJobs {
    /// The jobs of this database, through the application's own connections.
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }
}

const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " WHERE j.id = $1 AND j.tenant_id = $2"
);

const FIND_ANYBODYS: &str = concat!("SELECT ", columns!(), " WHERE j.id = $1 AND $2 <> $1");

const CANCEL: &str = "UPDATE tenancy.jobs SET cancelled = true, \
     status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END, \
     finished_at = CASE status WHEN 'queued' THEN pg_catalog.clock_timestamp() END \
     WHERE id = $1 AND tenant_id = $2 AND status IN ('queued', 'running')";

/// A run that has committed its job's end may still have something to tell: it is not to be stopped.
const HOLD: &str = "UPDATE tenancy.jobs j SET lease_until = CASE j.status WHEN 'running' \
         THEN pg_catalog.clock_timestamp() + $3 * '1 ms'::pg_catalog.interval END \
     FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.uuid[]), \
         pg_catalog.unnest($2::pg_catalog.int8[])) AS held (id, fence) \
     WHERE j.id = held.id AND j.fence = held.fence AND j.status IN ('running', 'done') \
     RETURNING j.id, j.tenant_id, j.fence, j.cancelled";

const SETTLE: &str = "UPDATE tenancy.jobs SET lease_until = NULL, \
     status = CASE WHEN $4 <> 'queued' THEN $4 WHEN cancelled THEN 'cancelled' \
         WHEN $5 AND attempt >= max_attempts THEN 'failed' ELSE 'queued' END, \
     finished_at = CASE WHEN $4 <> 'queued' OR cancelled OR $5 AND attempt >= max_attempts \
         THEN pg_catalog.clock_timestamp() END, \
     attempt = CASE WHEN $4 = 'queued' AND NOT $5 THEN attempt - 1 ELSE attempt END, \
     run_at = CASE WHEN $5 THEN pg_catalog.clock_timestamp() \
         + $6 * '1 ms'::pg_catalog.interval ELSE run_at END, \
     error = CASE WHEN $4 = 'done' THEN NULL ELSE COALESCE($7, error) END \
     WHERE id = $1 AND tenant_id = $2 AND fence = $3 AND status = 'running' RETURNING id";

const SETTLE_UNFENCED: &str = "UPDATE tenancy.jobs SET lease_until = NULL, status = $4, \
     run_at = CASE WHEN $5 THEN run_at + $6 * '1 ms'::pg_catalog.interval ELSE run_at END, \
     error = $7 WHERE id = $1 AND tenant_id = $2 AND $3 > 0 RETURNING id";

const RECOVER: &str = "UPDATE tenancy.jobs SET lease_until = NULL, \
     status = CASE WHEN cancelled THEN 'cancelled' WHEN attempt >= max_attempts THEN 'failed' \
         ELSE 'queued' END, \
     finished_at = CASE WHEN cancelled OR attempt >= max_attempts \
         THEN pg_catalog.clock_timestamp() END, \
     error = 'its worker was lost' \
     WHERE id IN (SELECT id FROM tenancy.jobs \
         WHERE status = 'running' AND lease_until <= pg_catalog.now() \
         ORDER BY lease_until LIMIT 500 FOR UPDATE SKIP LOCKED) \
     RETURNING id";

#[async_trait]
impl JobQueue for PgJobs {
    async fn enqueue(
        &self,
        context: &TenantContext,
        job: &NewJob,
    ) -> Result<Enqueued, tenancy_core::Error> {
        let mut tx = self.database.tenant(context).begin().await?;
        let enqueued = match tx.enqueue(job.clone()).await {
            Ok(enqueued) => enqueued,
            Err(error) => {
                tx.rollback().await?;
                return Err(error.into());
            }
        };
        tx.commit().await?;
        Ok(enqueued)
    }

    async fn find(
        &self,
        context: &TenantContext,
        id: JobId,
    ) -> Result<Option<JobRecord>, tenancy_core::Error> {
        let sql = sabotaged!("jobs.found-anybodys", FIND_ANYBODYS, FIND);
        let rows = ask(&self.database, sql, of_tenant(context, id)).await?;
        let found = rows.first().map(record).transpose();
        Ok(found.map_err(Error::from)?)
    }

    async fn cancel(
        &self,
        context: &TenantContext,
        id: JobId,
    ) -> Result<Option<JobRecord>, tenancy_core::Error> {
        ask(&self.database, CANCEL, of_tenant(context, id)).await?;
        self.find(context, id).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Job>, tenancy_core::Error> {
        let rows = ask_at_once(&self.database, claim::message(claim)).await?;
        // The row whose turn it is has no columns.
        let claimed = rows.iter().filter(|row| !row.is_empty());
        let jobs: Result<_, sqlx::Error> = claimed.map(claim::job).collect();
        Ok(jobs.map_err(Error::from)?)
    }

    async fn hold(
        &self,
        leases: &[JobLease],
        lease: Duration,
    ) -> Result<Vec<Held>, tenancy_core::Error> {
        let arguments = || -> Encoded {
            let mut arguments = PgArguments::default();
            let ids: Vec<_> = leases.iter().map(|lease| *lease.id.as_uuid()).collect();
            arguments.add(ids)?;
            arguments.add(leases.iter().map(|lease| lease.fence).collect::<Vec<_>>())?;
            arguments.add(milliseconds(lease))?;
            Ok(arguments)
        };
        let rows = ask(&self.database, HOLD, arguments()).await?;
        let held = rows.iter().map(|row| {
            let cancelled: bool = row.try_get("cancelled")?;
            Ok(Held {
                lease: JobLease {
                    id: JobId::from_uuid(row.try_get("id")?),
                    tenant: TenantId::from_uuid(row.try_get("tenant_id")?),
                    fence: row.try_get("fence")?,
                },
                cancelled: cancelled && !sabotaged!("jobs.cancel-unheard"),
            })
        });
        let held: Result<_, sqlx::Error> = held.collect();
        Ok(held.map_err(Error::from)?)
    }

    async fn settle(&self, lease: &JobLease, end: &End) -> Result<Settled, tenancy_core::Error> {
        let (status, tried, pause, error) = match end {
            End::Done => ("done", false, Duration::ZERO, None),
            End::Retry { pause, error } => ("queued", true, *pause, Some(error)),
            End::Failed { error } => ("failed", false, Duration::ZERO, Some(error)),
            End::Cancelled => ("cancelled", false, Duration::ZERO, None),
            End::Returned => {
                let counted = sabotaged!("jobs.returned-counts");
                ("queued", counted, Duration::ZERO, None)
            }
        };
        let arguments = || -> Encoded {
            let mut arguments = PgArguments::default();
            arguments.add(lease.id.as_uuid())?;
            arguments.add(lease.tenant.as_uuid())?;
            arguments.add(lease.fence)?;
            arguments.add(status)?;
            arguments.add(tried)?;
            arguments.add(milliseconds(pause))?;
            arguments.add(error.map(|error| told(error)))?;
            Ok(arguments)
        };
        let sql = sabotaged!("jobs.fence-unchecked", SETTLE_UNFENCED, SETTLE);
        let settled = ask(&self.database, sql, arguments()).await?;
        Ok(if settled.is_empty() {
            Settled::Lost
        } else {
            Settled::Taken
        })
    }

    async fn recover(&self) -> Result<u64, tenancy_core::Error> {
        let rows = ask(&self.database, RECOVER, Ok(PgArguments::default())).await?;
        Ok(rows.len().try_into().unwrap_or(u64::MAX))
    }
}

fn of_tenant(context: &TenantContext, id: JobId) -> Encoded {
    let mut arguments = PgArguments::default();
    arguments.add(id.as_uuid())?;
    arguments.add(context.id().as_uuid())?;
    Ok(arguments)
}

/// An error as it is kept: what PostgreSQL takes, and no novel.
fn told(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(2000).collect()
}
