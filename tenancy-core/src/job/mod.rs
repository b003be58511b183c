//! Work that is done later, for one tenant: what it is, who does it, and how often it is tried.
//!
//! A [`NewJob`] is given to a queue in the transaction of the change that calls for it, so that it
//! is there exactly when the change is. A worker claims it as a [`Job`], asks anew who its tenant
//! is, and gives a [`Handler`] a [`JobRun`], which has a
//! [`TenantContext`](crate::TenantContext): an active tenant, never an id to be trusted. What
//! belongs to a tenant that is not active waits; what belongs to a purged one is gone.
//!
//! Every claim has a fence, a number that grows with each claim of the same job. Whoever lost the
//! job to another worker has an old one, with which nothing can be settled any more.

mod kind;

mod new_job;

mod record;

mod error;
mod handler;

mod backoff;
mod schedule;

mod queue;

pub use backoff::Backoff;
pub use error::JobError;
pub use handler::{Handler, JobDesk, JobRun};
pub use kind::JobKind;
pub use new_job::{Duplicate, Enqueued, NewJob, Priority};
pub use queue::{Claim, End, Held, JobLease, JobQueue, Settled};
pub use record::{Job, JobId, JobRecord, JobStatus};
pub use schedule::Schedule;
