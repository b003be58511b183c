//! Jobs that come again and again: each time of a schedule is enqueued once for each tenant.

use sqlx::postgres::PgArguments;
use sqlx::types::Json;
use sqlx::{Arguments, Row};
use tenancy_core::job::{JobKind, NewJob, Schedule};
use tenancy_core::sabotaged;
use time::OffsetDateTime;

use super::ask::{Encoded, ask};
use super::queue::PgJobs;
use crate::error::Error;
use crate::transaction::milliseconds;

/// A schedule with what is enqueued.
#[derive(Debug)]
pub(super) struct Tick {
    schedule: Schedule,
    job: NewJob,
    /// The last time that was seen to be enqueued.
    seen: Option<OffsetDateTime>,
}

/// Whoever comes second waits for the first, and then sees that the time is taken. A schedule that
/// is new begins with its next time.
const TICK: &str = "WITH tick AS ( \
         INSERT INTO tenancy.job_ticks AS t (name, tick) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET tick = excluded.tick \
             WHERE t.tick < excluded.tick OR $9 \
         RETURNING xmax <> 0 OR $9 AS due \
     ) \
     INSERT INTO tenancy.jobs \
         (id, tenant_id, kind, payload, priority, unique_key, max_attempts, timeout_ms, run_at) \
     SELECT pg_catalog.gen_random_uuid(), tenants.id, $1, $3, $4, $5, $6, $7, \
         $2 + $8 * '1 ms'::pg_catalog.interval \
     FROM tick, tenancy.tenants WHERE tick.due AND tenants.status = 'active' \
     ON CONFLICT DO NOTHING RETURNING tenant_id";

impl Tick {
    pub(super) fn new(schedule: Schedule, job: NewJob) -> Self {
        Self {
            schedule,
            job,
            seen: None,
        }
    }

    pub(super) fn kind(&self) -> &JobKind {
        self.job.kind()
    }

    /// Enqueues the last time of the schedule that has come, unless somebody did. Gives how many
    /// tenants have a job of it now that had none.
    ///
    /// What is missed while no worker runs is made up for once.
    pub(super) async fn look(&mut self, jobs: &PgJobs, now: OffsetDateTime) -> Result<u64, Error> {
        let Some(tick) = self.schedule.last_until(now) else {
            return Ok(0);
        };
        if self.seen == Some(tick) {
            return Ok(0);
        }
        let rows = ask(&jobs.database, TICK, self.arguments(tick)).await?;
        self.seen = Some(tick);
        if !rows.is_empty() {
            let first: uuid::Uuid = rows[0].try_get("tenant_id").map_err(Error::from)?;
            tracing::debug!(
                target: "tenancy.jobs",
                kind = %self.job.kind(), %tick, tenants = rows.len(), %first, "enqueued by schedule"
            );
        }
        Ok(rows.len().try_into().unwrap_or(u64::MAX))
    }

    fn arguments(&self, tick: OffsetDateTime) -> Encoded {
        let job = &self.job;
        let mut arguments = PgArguments::default();
        arguments.add(job.kind().as_str())?;
        arguments.add(tick)?;
        arguments.add(Json(job.content()))?;
        arguments.add(job.rank())?;
        arguments.add(job.key().map(|(key, _)| key))?;
        arguments.add(i16::try_from(job.attempts()).unwrap_or(i16::MAX))?;
        arguments.add(milliseconds(job.limit()))?;
        arguments.add(job.due().err().map_or(0, milliseconds))?;
        arguments.add(sabotaged!("jobs.tick-repeated"))?;
        Ok(arguments)
    }
}
