//! Who does the work.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::JobError;
use super::record::Job;
use crate::context::TenantContext;
use crate::error::Error;

/// Does one kind of work.
///
/// The same job may be run again after a crash, so what is done outside its transaction must bear
/// that. The future may be dropped at any point: when its time is up, when the job is cancelled,
/// when the worker stops.
///
/// ```
/// use async_trait::async_trait;
/// use serde::Deserialize;
/// use tenancy_core::job::{Handler, JobError, JobRun};
///
/// #[derive(Deserialize)]
/// struct Letter {
///     to: String,
/// }
///
/// struct SendMail;
///
/// #[async_trait]
/// impl Handler for SendMail {
///     async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
///         let letter: Letter = job.payload()?;
///         println!("to {} from {}", letter.to, job.context().slug());
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Does the job once; `Ok` ends it, unless it was ended before by its transaction.
    ///
    /// # Errors
    ///
    /// Says why it could not be done, and whether another attempt makes sense.
    async fn run(&self, job: JobRun<'_>) -> Result<(), JobError>;
}

/// One attempt at a job, for a tenant that is active.
#[derive(Clone, Copy)]
pub struct JobRun<'a> {
    context: &'a TenantContext,
    job: &'a Job,
    desk: &'a dyn JobDesk,
}

/// What a back end offers to a run.
#[async_trait]
pub trait JobDesk: Any + Send + Sync {
    /// Keeps what the handler tells of its progress.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when the job is no longer this run's.
    async fn report(&self, progress: &Value) -> Result<(), Error>;
}

impl<'a> JobRun<'a> {
    /// For workers: an attempt at `job`, whose tenant was found to be that of `context` just now.
    pub fn new(context: &'a TenantContext, job: &'a Job, desk: &'a dyn JobDesk) -> Self {
        Self { context, job, desk }
    }

    /// The tenant it is done for.
    pub fn context(&self) -> &'a TenantContext {
        self.context
    }

    /// The job as it was claimed.
    pub fn job(&self) -> &'a Job {
        self.job
    }

    /// What the handler needs to know, as a value of its own.
    ///
    /// # Errors
    ///
    /// When the payload is not a `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.job.payload)
    }

    /// Tells everybody who looks at the job how far it is, such as `{"done": 3, "of": 10}`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when the job is no longer this run's.
    pub async fn report(&self, progress: Value) -> Result<(), Error> {
        self.desk.report(&progress).await
    }

    /// What the back end offers beyond that, when it is a `T`.
    pub fn desk<T: JobDesk>(&self) -> Option<&'a T> {
        let desk: &dyn Any = self.desk;
        desk.downcast_ref()
    }
}

impl fmt::Debug for JobRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRun")
            .field("tenant", self.context.slug())
            .field("job", self.job)
            .finish_non_exhaustive()
    }
}
