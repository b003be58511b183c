//! Work that is done later, in the background, for one tenant after the other.
//!
//! A job is enqueued in the transaction of the change that calls for it
//! ([`TenantTx::enqueue`](crate::TenantTx::enqueue)), and a [`Worker`] does it: each tenant with
//! something due has one job done in its turn, however many another has. What the handler does in
//! [`JobDatabase::begin`] is committed together with the job's end, by the run that still has the
//! job, or not at all.
//!
//! ```no_run
//! use async_trait::async_trait;
//! use tenancy_core::CachedStore;
//! use tenancy_core::job::{Handler, JobError, JobKind, JobRun};
//! use tenancy_sqlx::jobs::{JobDatabase as _, Worker};
//! use tenancy_sqlx::{Database, Error, PgTenantStore, tenant_sql};
//!
//! const COUNT: JobKind = JobKind::new("posts.count");
//!
//! struct CountPosts;
//!
//! #[async_trait]
//! impl Handler for CountPosts {
//!     async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
//!         let mut tx = job.begin().await?;
//!         tx.execute(tenant_sql!("UPDATE figures SET posts = (SELECT count(*) FROM posts)"))
//!             .await?;
//!         // From here on the figures are there and the job is done, or neither.
//!         Ok(tx.commit().await?)
//!     }
//! }
//!
//! # async fn example(database: Database) -> Result<(), Error> {
//! let worker = Worker::new(&database, PgTenantStore::new(&database)).handler(COUNT, CountPosts);
//! worker.run(std::future::pending()).await
//! # }
//! ```

mod ask;
mod bell;

mod claim;
mod queue;
mod record;

mod run;
mod worker;

mod tick;
mod upkeep;

mod figures;
mod fleet;

pub use figures::{JobBacklog, JobFigures, RunFigures};
pub use fleet::JobFilter;
pub use queue::PgJobs;
pub use run::{JobDatabase, JobTx};
pub use worker::{Worker, WorkerSettings};

pub(crate) use bell::Bell;

impl From<crate::Error> for tenancy_core::job::JobError {
    fn from(error: crate::Error) -> Self {
        Self::retry(error)
    }
}
