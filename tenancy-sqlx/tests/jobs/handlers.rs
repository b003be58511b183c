//! Handlers that do what a test looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tenancy_core::job::{Handler, JobError, JobRun};
use tenancy_sqlx::jobs::JobDatabase as _;
use tenancy_sqlx::{OutboxEntry, tenant_sql};
use tokio::sync::Notify;

/// Leaves a row in the tenant's table and one in the outbox.
pub(crate) struct Effect;

#[async_trait]
impl Handler for Effect {
    async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
        let mut tx = job.begin().await?;
        tx.execute(tenant_sql!(
            "INSERT INTO effects (job, tenant) VALUES ($1, $2)"
        ))
        .bind(*job.job().id.as_uuid())
        .bind(*job.context().id().as_uuid())
        .await?;
        tx.append(OutboxEntry::new("effect", job.job().id.to_string()))
            .await?;
        Ok(tx.commit().await?)
    }
}

/// Does what a closure says, without the database.
pub(crate) struct Just<F>(pub(crate) F);

#[async_trait]
impl<F> Handler for Just<F>
where
    F: Fn(&JobRun<'_>) -> Result<(), JobError> + Send + Sync + 'static,
{
    async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
        (self.0)(&job)
    }
}

/// Holds a run in the middle of its transaction until it may go on.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    begun: AtomicUsize,
    dropped: AtomicUsize,
    opened: Notify,
    ends: std::sync::Mutex<Vec<Result<(), String>>>,
}

impl Gate {
    /// How many runs have come to it.
    pub(crate) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    /// How many were dropped while they waited.
    pub(crate) fn dropped(&self) -> usize {
        self.0.dropped.load(Ordering::SeqCst)
    }

    /// Lets one run go on.
    pub(crate) fn open(&self) {
        self.0.opened.notify_one();
    }

    /// How the runs that went on ended.
    pub(crate) fn ends(&self) -> Vec<Result<(), String>> {
        self.0.ends.lock().unwrap().clone()
    }
}

struct Dropped<'a>(Option<&'a Inner>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.0 {
            inner.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl Handler for Gate {
    async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
        let mut tx = job.begin().await?;
        tx.append(OutboxEntry::new("gate", job.job().id.to_string()))
            .await?;
        let mut waits = Dropped(Some(&self.0));
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        self.0.opened.notified().await;
        waits.0 = None;
        let ended = tx.commit().await;
        let told = ended.as_ref().map_err(ToString::to_string).copied();
        self.0.ends.lock().unwrap().push(told);
        Ok(ended?)
    }
}
