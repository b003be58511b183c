//! What a handler has of the database: a transaction that ends its job.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::Value;
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::types::Json;
use tenancy_core::job::{JobDesk, JobLease, JobRun};

use super::ask::{Encoded, ask};
use crate::database::Database;
use crate::db::TenantDb;
use crate::error::{Error, ErrorKind};
use crate::transaction::{Ending, TenantTx, lost};

/// The database of a run's tenant, for handlers.
pub trait JobDatabase {
    /// The tenant's rows; what is written through it is committed whatever becomes of the job.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the run is not one of this crate's workers.
    fn db(&self) -> Result<&TenantDb, Error>;

    /// Opens a transaction on the tenant's rows whose commit ends the job.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the run is not one of this crate's workers, and those of
    /// [`TenantDb::begin`].
    fn begin(&self) -> impl Future<Output = Result<JobTx, Error>> + Send;
}

/// An open transaction of a job: what it does and the job's end take effect together or not at
/// all, and only while the job is this run's.
///
/// It is used as the [`TenantTx`] that it holds. A worker that was taken for dead, whose job
/// another worker has by now, or whose tenant was purged meanwhile, cannot commit.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct JobTx {
    tx: TenantTx<'static>,
    lease: JobLease,
    ended: Arc<AtomicBool>,
}

/// What a worker offers to a run.
pub(super) struct PgDesk {
    database: Database,
    db: TenantDb,
    lease: JobLease,
    ended: Arc<AtomicBool>,
}

const REPORT: &str = "UPDATE tenancy.jobs SET progress = $4 \
     WHERE id = $1 AND tenant_id = $2 AND fence = $3 AND status = 'running' RETURNING id";

impl JobDatabase for JobRun<'_> {
    fn db(&self) -> Result<&TenantDb, Error> {
        desk(self).map(|desk| &desk.db)
    }

    async fn begin(&self) -> Result<JobTx, Error> {
        let desk = desk(self)?;
        Ok(JobTx {
            tx: desk.db.begin().await?,
            lease: desk.lease,
            ended: Arc::clone(&desk.ended),
        })
    }
}

fn desk<'a>(run: &JobRun<'a>) -> Result<&'a PgDesk, Error> {
    run.desk().ok_or_else(|| {
        Error::new(
            ErrorKind::Configuration,
            format!(
                "job {} is not run by a worker of this database: it has no transaction",
                run.job().id
            ),
        )
    })
}

impl JobTx {
    /// Makes everything since the beginning take effect, and the job done.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when the job is no longer this run's: nothing took effect. Those of
    /// [`TenantTx::commit`].
    pub async fn commit(mut self) -> Result<(), Error> {
        self.end(Ending::Done).await?;
        self.tx.commit().await?;
        self.ended.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes everything since the beginning take effect, and tells how far the job is; it goes on,
    /// in another transaction.
    ///
    /// An attempt that comes after this one finds what was committed, so it has to go on from
    /// there.
    ///
    /// # Errors
    ///
    /// Those of [`JobTx::commit`].
    pub async fn commit_part(mut self, progress: Value) -> Result<(), Error> {
        self.end(Ending::Progress(&progress)).await?;
        self.tx.commit().await
    }

    /// Makes everything since the beginning undone.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::rollback`].
    pub async fn rollback(self) -> Result<(), Error> {
        self.tx.rollback().await
    }

    async fn end(&mut self, ending: Ending<'_>) -> Result<(), Error> {
        self.tx.end_job(&self.lease, ending).await
    }
}

impl PgDesk {
    pub(super) fn new(database: &Database, db: TenantDb, lease: JobLease) -> Self {
        Self {
            database: database.clone(),
            db,
            lease,
            ended: Arc::default(),
        }
    }

    /// Whether the run's transaction has ended the job.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

#[async_trait]
impl JobDesk for PgDesk {
    async fn report(&self, progress: &Value) -> Result<(), tenancy_core::Error> {
        let arguments = || -> Encoded {
            let mut arguments = PgArguments::default();
            arguments.add(self.lease.id.as_uuid())?;
            arguments.add(self.lease.tenant.as_uuid())?;
            arguments.add(self.lease.fence)?;
            arguments.add(Json(progress))?;
            Ok(arguments)
        };
        if ask(&self.database, REPORT, arguments()).await?.is_empty() {
            return Err(lost(&self.lease).into());
        }
        Ok(())
    }
}

impl Deref for JobTx {
    type Target = TenantTx<'static>;

    fn deref(&self) -> &Self::Target {
        &self.tx
    }
}

impl DerefMut for JobTx {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.tx
    }
}

impl fmt::Debug for JobTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobTx")
            .field("job", &self.lease.id)
            .field("tx", &self.tx)
            .finish_non_exhaustive()
    }
}
