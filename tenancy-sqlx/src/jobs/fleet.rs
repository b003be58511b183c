//! The jobs of all tenants, for whoever operates them.

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments, Row};
use tenancy_core::TenantId;
use tenancy_core::job::{JobId, JobKind, JobRecord, JobStatus};

use super::ask::Encoded;
use super::record::{columns, record};
use crate::error::Error;
use crate::fleet::{Fleet, transaction};
use crate::migrate::ledger::explain;
use crate::transaction::milliseconds;

/// Which jobs are meant; all of them unless something is said.
///
/// ```
/// use tenancy_core::job::{JobKind, JobStatus};
/// use tenancy_sqlx::jobs::JobFilter;
///
/// let dead = JobFilter::new().status(JobStatus::Failed).kind(JobKind::new("mail.send"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    ids: Option<Vec<JobId>>,
    tenant: Option<TenantId>,
    status: Option<JobStatus>,
    kind: Option<JobKind>,
    older: Option<Duration>,
}

impl JobFilter {
    /// Every job.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these.
    #[must_use]
    pub fn ids(mut self, ids: impl IntoIterator<Item = JobId>) -> Self {
        self.ids = Some(ids.into_iter().collect());
        self
    }

    /// Only those of one tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Only those of this status.
    #[must_use]
    pub fn status(mut self, status: JobStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Only those of this kind.
    #[must_use]
    pub fn kind(mut self, kind: JobKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only those that have ended so long ago.
    #[must_use]
    pub fn ended_before(mut self, span: Duration) -> Self {
        self.older = Some(span);
        self
    }

    fn arguments(&self) -> Encoded {
        let mut arguments = PgArguments::default();
        let ids = self.ids.as_ref().map(|ids| {
            let ids = ids.iter().map(|id| *id.as_uuid());
            ids.collect::<Vec<_>>()
        });
        arguments.add(ids)?;
        arguments.add(self.tenant.map(|tenant| *tenant.as_uuid()))?;
        arguments.add(self.kind.as_ref().map(JobKind::as_str))?;
        arguments.add(self.older.map(milliseconds))?;
        arguments.add(self.status.map(JobStatus::as_str))?;
        Ok(arguments)
    }
}

/// Follows a condition on the job `j` of the tenant `t`.
macro_rules! meant {
    () => {
        " ($1::pg_catalog.uuid[] IS NULL OR j.id = ANY ($1)) \
         AND ($2::pg_catalog.uuid IS NULL OR j.tenant_id = $2) \
         AND ($3::pg_catalog.text IS NULL OR j.kind = $3) \
         AND ($4::pg_catalog.int8 IS NULL OR j.finished_at < pg_catalog.now() \
              - $4 * '1 ms'::pg_catalog.interval) \
         AND ($5::pg_catalog.text IS NULL OR $5 = CASE WHEN j.status = 'queued' \
              AND t.status <> 'active' THEN 'parked' ELSE j.status END)"
    };
}

const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " WHERE",
    meant!(),
    " ORDER BY j.created_at DESC, j.id DESC LIMIT $6"
);

/// One of several with the same key comes back, the latest; none does when one is queued or running.
const RETRY: &str = concat!(
    "WITH meant AS (SELECT j.id, j.tenant_id, j.kind, j.unique_key, pg_catalog.row_number() OVER \
         (PARTITION BY j.tenant_id, j.kind, j.unique_key ORDER BY j.created_at DESC) AS place \
         FROM tenancy.jobs j JOIN tenancy.tenants t ON t.id = j.tenant_id \
         WHERE j.status IN ('failed', 'cancelled') AND",
    meant!(),
    ") UPDATE tenancy.jobs AS again SET status = 'queued', attempt = 0, cancelled = false, \
         finished_at = NULL, run_at = pg_catalog.clock_timestamp() \
     FROM meant WHERE again.id = meant.id AND again.status IN ('failed', 'cancelled') \
       AND (meant.unique_key IS NULL OR meant.place = 1 AND NOT EXISTS ( \
            SELECT FROM tenancy.jobs o WHERE o.tenant_id = meant.tenant_id \
              AND o.kind = meant.kind AND o.unique_key = meant.unique_key \
              AND o.status IN ('queued', 'running')))"
);

const CANCEL: &str = concat!(
    "UPDATE tenancy.jobs AS j SET cancelled = true, \
         status = CASE j.status WHEN 'queued' THEN 'cancelled' ELSE j.status END, \
         finished_at = CASE j.status WHEN 'queued' THEN pg_catalog.clock_timestamp() END \
     FROM tenancy.tenants t \
     WHERE t.id = j.tenant_id AND j.status IN ('queued', 'running') AND",
    meant!()
);

const PURGE: &str = concat!(
    "DELETE FROM tenancy.jobs AS j USING tenancy.tenants t \
     WHERE t.id = j.tenant_id AND j.status IN ('done', 'failed', 'cancelled') AND",
    meant!()
);

impl Fleet {
    /// Lists jobs, the newest first and `most` at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the database was not
    /// prepared for jobs.
    pub async fn jobs(&self, filter: &JobFilter, most: u32) -> Result<Vec<JobRecord>, Error> {
        let mut connection = self.open().await?;
        let listed = async {
            let mut arguments = encoded(filter.arguments())?;
            encoded(arguments.add(i64::from(most)))?;
            let rows = sqlx::query_with(LIST, arguments)
                .fetch_all(&mut connection)
                .await
                .map_err(explain)?;
            let records: Result<_, sqlx::Error> = rows.iter().map(record).collect();
            Ok(records?)
        }
        .await;
        transaction::finish(connection, listed).await
    }

    /// Counts jobs by status.
    ///
    /// # Errors
    ///
    /// Those of [`Fleet::jobs`].
    pub async fn count_jobs(&self, filter: &JobFilter) -> Result<Vec<(JobStatus, u64)>, Error> {
        let mut connection = self.open().await?;
        let counted = async {
            let rows = sqlx::query_with(COUNT, encoded(filter.arguments())?)
                .fetch_all(&mut connection)
                .await
                .map_err(explain)?;
            let counts = rows.iter().map(|row| {
                let status = crate::migrate::ledger::parsed(row, "status")?;
                let count: i64 = row.try_get("jobs")?;
                Ok((status, count.try_into().unwrap_or_default()))
            });
            let counts: Result<_, sqlx::Error> = counts.collect();
            Ok(counts?)
        }
        .await;
        transaction::finish(connection, counted).await
    }

    /// Queues jobs anew that failed or were cancelled, with all their attempts, and gives how many.
    /// A unique key that another job has by now keeps its job where it is.
    ///
    /// # Errors
    ///
    /// Those of [`Fleet::jobs`].
    pub async fn retry_jobs(&self, filter: &JobFilter) -> Result<u64, Error> {
        self.change_jobs(RETRY, filter).await
    }

    /// Cancels jobs that are queued or parked at once, and those that are running when their workers
    /// next say that they have them; gives how many.
    ///
    /// # Errors
    ///
    /// Those of [`Fleet::jobs`].
    pub async fn cancel_jobs(&self, filter: &JobFilter) -> Result<u64, Error> {
        self.change_jobs(CANCEL, filter).await
    }

    /// Removes jobs that have ended, and gives how many.
    ///
    /// # Errors
    ///
    /// Those of [`Fleet::jobs`].
    pub async fn purge_jobs(&self, filter: &JobFilter) -> Result<u64, Error> {
        self.change_jobs(PURGE, filter).await
    }

    async fn change_jobs(&self, sql: &'static str, filter: &JobFilter) -> Result<u64, Error> {
        let mut connection = self.open().await?;
        let changed = change(&mut connection, sql, filter).await;
        transaction::finish(connection, changed).await
    }
}

const COUNT: &str = concat!(
    "SELECT counted.status, pg_catalog.count(*) AS jobs FROM (SELECT ",
    columns!(),
    " WHERE",
    meant!(),
    ") AS counted GROUP BY counted.status ORDER BY counted.status"
);

async fn change(
    connection: &mut PgConnection,
    sql: &'static str,
    filter: &JobFilter,
) -> Result<u64, Error> {
    let done = sqlx::query_with(sql, encoded(filter.arguments())?)
        .execute(connection)
        .await
        .map_err(explain)?;
    Ok(done.rows_affected())
}

fn encoded<T>(arguments: Result<T, sqlx::error::BoxDynError>) -> Result<T, Error> {
    arguments.map_err(|error| sqlx::Error::Encode(error).into())
}
