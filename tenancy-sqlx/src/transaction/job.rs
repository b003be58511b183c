//! Jobs in a tenant's transaction: added with the change, and ended with their effect.

use serde_json::Value;
use sqlx::postgres::{PgArguments, PgQueryResult};
use sqlx::types::Json;
use sqlx::{Arguments, Executor, SqlSafeStr};
use tenancy_core::job::{Duplicate, Enqueued, JobId, JobLease, NewJob};
use tenancy_core::{TenantId, sabotaged};

use super::open::Open;
use super::{ScopedTx, TenantTx};
use crate::error::{Error, ErrorKind};
use crate::query::Prepared;
use crate::sql::Write;

/// Without a target, so that a role that may add and not read can say it, too.
const ENQUEUE: &str = "INSERT INTO tenancy.jobs \
     (id, tenant_id, kind, payload, priority, unique_key, max_attempts, timeout_ms, run_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, \
         COALESCE($9, pg_catalog.clock_timestamp() + $10 * '1 ms'::pg_catalog.interval)) \
     ON CONFLICT DO NOTHING";

/// The job is this claim's, and nobody else's before the transaction has ended.
const FENCED: &str = "id = $1 AND tenant_id = $2 AND fence = $3 AND status = 'running'";

/// What a transaction does to its job.
#[derive(Debug)]
pub(crate) enum Ending<'a> {
    /// It is done.
    Done,
    /// It goes on, and this is how far it is.
    Progress(&'a Value),
}

impl TenantTx<'_, Write> {
    /// Adds a job of this tenant; it is there exactly when this transaction is committed.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Error, TenantTx};
    /// use tenancy_core::job::{JobKind, NewJob};
    ///
    /// const WELCOME: JobKind = JobKind::new("mail.welcome");
    ///
    /// # async fn example(tx: &mut TenantTx<'_>) -> Result<(), Error> {
    /// tx.enqueue(NewJob::new(WELCOME).unique("user:17")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] for a duplicate that is to be refused, after which the transaction
    /// can go on. [`ErrorKind::SchemaMismatch`] when the framework's tables are older than this
    /// program (`migrate` brings them up to date), and those of [`Execute`](crate::Execute).
    pub async fn enqueue(&mut self, job: NewJob) -> Result<Enqueued, Error> {
        enqueue(&mut self.level, &job).await
    }

    /// Ends the job of a claim in this transaction, or keeps its progress.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when it is no longer this claim's: then nothing here may be
    /// committed.
    pub(crate) async fn end_job(
        &mut self,
        lease: &JobLease,
        ending: Ending<'_>,
    ) -> Result<(), Error> {
        end(&mut self.level, lease, ending).await
    }
}

impl ScopedTx<'_> {
    /// Adds a job of this tenant, as [`TenantTx::enqueue`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::enqueue`].
    pub async fn enqueue(&mut self, job: NewJob) -> Result<Enqueued, Error> {
        enqueue(&mut self.level, &job).await
    }
}

async fn enqueue(open: &mut Open, job: &NewJob) -> Result<Enqueued, Error> {
    let tenant = open
        .tenant()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "only a tenant's transaction enqueues"))?;
    let foreign = sabotaged!("jobs.enqueued-foreign").then(TenantId::generate);
    let tenant = foreign.unwrap_or(tenant.id());
    let id = JobId::generate();
    let arguments = arguments(id, tenant, job);
    let added = run(open, ENQUEUE, arguments).await?.rows_affected() > 0;
    match job.key() {
        _ if added => {
            open.enqueues();
            Ok(Enqueued::Added(id))
        }
        Some((key, Duplicate::Refuse)) => Err(open.named(Error::new(
            ErrorKind::Conflict,
            format!(
                "there is a job {} {key:?} already that has not ended",
                job.kind()
            ),
        ))),
        _ => Ok(Enqueued::AlreadyThere),
    }
}

fn arguments(
    id: JobId,
    tenant: TenantId,
    job: &NewJob,
) -> Result<PgArguments, sqlx::error::BoxDynError> {
    let mut arguments = PgArguments::default();
    arguments.add(id.as_uuid())?;
    arguments.add(tenant.as_uuid())?;
    arguments.add(job.kind().as_str())?;
    arguments.add(Json(job.content()))?;
    arguments.add(job.rank())?;
    let key = job.key().map(|(key, _)| key);
    arguments.add(sabotaged!("jobs.duplicate-kept", None, key))?;
    arguments.add(i16::try_from(job.attempts()).unwrap_or(i16::MAX))?;
    arguments.add(milliseconds(job.limit()))?;
    arguments.add(job.due().ok())?;
    #[allow(clippy::cast_precision_loss, reason = "nobody waits for so long")]
    arguments.add(
        job.due()
            .err()
            .map_or(0.0, |delay| milliseconds(delay) as f64),
    )?;
    Ok(arguments)
}

/// A span as the framework's tables have it: at most a hundred years.
pub(crate) fn milliseconds(span: std::time::Duration) -> i64 {
    const LONGEST: i64 = 100 * 366 * 24 * 60 * 60 * 1000;
    i64::try_from(span.as_millis())
        .unwrap_or(LONGEST)
        .min(LONGEST)
}

async fn end(open: &mut Open, lease: &JobLease, ending: Ending<'_>) -> Result<(), Error> {
    let condition = sabotaged!(
        "jobs.fence-unchecked",
        "id = $1 AND $2 <> $1 AND $3 > 0",
        FENCED
    );
    let (set, progress) = match ending {
        Ending::Done => (
            "status = 'done', lease_until = NULL, error = NULL, \
             finished_at = pg_catalog.clock_timestamp(), progress = COALESCE($4, progress)",
            None,
        ),
        Ending::Progress(progress) => ("progress = COALESCE($4, progress)", Some(progress)),
    };
    let sql = sqlx::AssertSqlSafe(format!("UPDATE tenancy.jobs SET {set} WHERE {condition}"));
    let arguments = || {
        let mut arguments = PgArguments::default();
        arguments.add(lease.id.as_uuid())?;
        arguments.add(lease.tenant.as_uuid())?;
        arguments.add(lease.fence)?;
        arguments.add(progress.map(Json))?;
        Ok(arguments)
    };
    if run(open, sql, arguments()).await?.rows_affected() == 1 {
        open.writes();
        return Ok(());
    }
    Err(open.named(lost(lease)))
}

/// Says why nothing that was done for a job counts.
pub(crate) fn lost(lease: &JobLease) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "job {} is no longer this run's, so nothing it did is committed: it was ended, \
             cancelled, removed or given to another worker",
            lease.id
        ),
    )
}

async fn run(
    open: &mut Open,
    sql: impl SqlSafeStr,
    arguments: Result<PgArguments, sqlx::error::BoxDynError>,
) -> Result<PgQueryResult, Error> {
    let arguments =
        arguments.map_err(|error| open.named(Error::from(sqlx::Error::Encode(error))))?;
    let prepared = Prepared {
        sql: sql.into_sql_str(),
        arguments: Some(arguments),
        named: open.source().database.pooler().keeps_names(),
        reads: false,
        calls: false,
    };
    let done = open
        .run(prepared, |connection, prepared| {
            connection.execute(prepared)
        })
        .await;
    done.map_err(|fault| open.named(fault.into()))
}
