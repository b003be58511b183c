//! What keeps jobs, as the application and its workers use it.

use std::time::Duration;

use async_trait::async_trait;

use super::kind::JobKind;
use super::new_job::{Enqueued, NewJob};
use super::record::{Job, JobId, JobRecord};
use crate::context::TenantContext;
use crate::error::Error;
use crate::tenant::TenantId;

/// What proves that a worker still has a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobLease {
    /// The job.
    pub id: JobId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The number of the claim.
    pub fence: i64,
}

/// Which jobs a worker takes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claim {
    /// The kinds that it has handlers for.
    pub kinds: Vec<JobKind>,
    /// How many at most; one of each tenant.
    pub most: usize,
    /// How many of one tenant may run at a time, over all workers.
    pub per_tenant: usize,
    /// How long they are its own unless it says that it still has them.
    pub lease: Duration,
    /// Tenants that it found to be not active, whatever the queue knows.
    pub except: Vec<TenantId>,
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is done.
    Done,
    /// It is tried again after `pause`, because of `error`.
    Retry {
        /// How long it waits.
        pause: Duration,
        /// Why the attempt failed.
        error: String,
    },
    /// It is given up.
    Failed {
        /// Why the attempt failed.
        error: String,
    },
    /// It was cancelled.
    Cancelled,
    /// It was not tried: the attempt does not count.
    Returned,
}

/// Whether a run's end counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It did.
    Taken,
    /// The job had ended before, or is no longer this claim's.
    Lost,
}

/// What a worker is told of a job that it says it still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The job.
    pub lease: JobLease,
    /// Whether somebody wants it cancelled.
    pub cancelled: bool,
}

/// Keeps jobs of all tenants and gives them to workers, one tenant after the other.
///
/// [`job_contract`](crate::testing::job_contract) (feature `testing`) checks what is promised here.
#[async_trait]
pub trait JobQueue: Send + Sync + 'static {
    /// Adds a job of the context's tenant in a transaction of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) for a duplicate that is to be refused.
    async fn enqueue(&self, context: &TenantContext, job: &NewJob) -> Result<Enqueued, Error>;

    /// Finds a job of the context's tenant, and of nobody else.
    async fn find(&self, context: &TenantContext, id: JobId) -> Result<Option<JobRecord>, Error>;

    /// Takes a job of the context's tenant back: at once when it waits, and otherwise its worker is
    /// told when it next says that it still has it. Gives the job as it is then; one that has ended
    /// stays as it is.
    async fn cancel(&self, context: &TenantContext, id: JobId) -> Result<Option<JobRecord>, Error>;

    /// Takes jobs that are due: one of each tenant whose turn it is, in turn, those of high
    /// priority first and then those that were due first.
    async fn claim(&self, claim: &Claim) -> Result<Vec<Job>, Error>;

    /// Says that these are still being run, and makes the leases last for `lease` from now. Gives
    /// those that are still the worker's; all others are to be stopped.
    async fn hold(&self, leases: &[JobLease], lease: Duration) -> Result<Vec<Held>, Error>;

    /// Settles how a run ended, unless the job is no longer this claim's.
    async fn settle(&self, lease: &JobLease, end: &End) -> Result<Settled, Error>;

    /// Makes the jobs whose leases have run out ready to be claimed again, and gives up those whose
    /// attempts are used up. Gives how many there were.
    async fn recover(&self) -> Result<u64, Error>;
}

impl Claim {
    /// Up to `most` jobs of these kinds, for half a minute, of which a tenant has four at a time.
    pub fn new(kinds: Vec<JobKind>, most: usize) -> Self {
        Self {
            kinds,
            most,
            per_tenant: 4,
            lease: Duration::from_secs(30),
            except: Vec::new(),
        }
    }

    /// Sets how many of one tenant may run at a time.
    #[must_use]
    pub fn per_tenant(mut self, most: usize) -> Self {
        self.per_tenant = most;
        self
    }

    /// Sets how long a job is the worker's own.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Leaves these tenants out.
    #[must_use]
    pub fn except(mut self, tenants: Vec<TenantId>) -> Self {
        self.except = tenants;
        self
    }
}
