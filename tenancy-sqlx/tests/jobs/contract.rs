//! The contract that every queue keeps.

use async_trait::async_trait;
use tenancy_core::TenantContext;
use tenancy_core::job::JobQueue;
use tenancy_core::testing::{JobFixture, job_contract};
use tenancy_sqlx::NewTenant;

use crate::support::*;

#[async_trait]
impl JobFixture for Home {
    fn queue(&self) -> &dyn JobQueue {
        &self.jobs
    }

    async fn tenant(&self) -> TenantContext {
        let name = format!("c{}", uuid::Uuid::now_v7().simple());
        let new = NewTenant::new(name.parse().unwrap());
        context(self.fleet.create(new, |_| ()).await.unwrap())
    }
}

#[tokio::test]
async fn the_queue_in_postgresql_keeps_the_contract_of_queues() {
    job_contract(&Home::new(0).await).await;
}
