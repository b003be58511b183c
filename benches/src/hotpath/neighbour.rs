//! A tenant whose statements are slow, on the connections that everybody uses.

use tenancy_core::TenantContext;
use tenancy_sqlx::{Database, Scope};
use tokio::task::JoinHandle;

use crate::plan::Failure;

/// A slow tenant that asks without a pause, until it is dropped.
#[derive(Debug)]
pub(super) struct Neighbour(JoinHandle<Result<(), Failure>>);

impl Neighbour {
    /// Statements of 200 ms of `tenant`, one after the other.
    pub(super) fn begin(database: &Database, tenant: &TenantContext) -> Self {
        let db = database.tenant(tenant);
        Self(tokio::spawn(async move {
            loop {
                let mut tx = db.begin_scoped(Scope::Path).await?;
                sqlx::query("SELECT pg_sleep(0.2)").execute(&mut tx).await?;
                tx.commit().await?;
            }
        }))
    }

    /// Whether it still asks: without it nothing is measured.
    ///
    /// # Errors
    ///
    /// What ended it.
    pub(super) async fn end(self) -> Result<(), Failure> {
        if self.0.is_finished() {
            return self.0.await?;
        }
        self.0.abort();
        Ok(())
    }
}
