//! The tenant is asked for anew before each run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tenancy_core::job::{JobQueue, JobRun, JobStatus};
use tenancy_core::{Error, ErrorKind, Identifier, Maintenance, Status, Tenant, TenantStore};
use tenancy_sqlx::PgTenantStore;
use tenancy_sqlx::jobs::Worker;

use crate::handlers::{Effect, Just};
use crate::support::*;

#[tokio::test]
async fn the_jobs_of_a_tenant_that_is_not_active_wait_until_it_is() {
    let home = Home::new(2).await;
    let [suspended, neighbour] = [0, 1].map(|n| home.tenants[n].slug().clone());
    home.fleet.suspend(&suspended).await.unwrap();
    let parked = home.enqueue(0, work()).await;
    home.enqueue(1, work()).await;
    let running = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 1).await;
    // The neighbour goes on while it waits.
    home.enqueue(1, work()).await;
    home.until("done", 2).await;
    let job = home.find(0, parked).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Parked, 0));
    assert_eq!(home.effects(0).await, 0);
    home.fleet.resume(&suspended).await.unwrap();
    home.until("done", 3).await;

    home.fleet
        .begin_maintenance(&neighbour, Maintenance::new())
        .await
        .unwrap();
    let parked = home.enqueue(1, work()).await;
    home.enqueue(0, work()).await;
    home.until("done", 4).await;
    assert_eq!(home.find(1, parked).await.status, JobStatus::Parked);
    home.fleet.end_maintenance(&neighbour).await.unwrap();
    home.until("done", 5).await;
    running.stop().await;
    assert_eq!(home.find(1, parked).await.attempt, 1);
}

/// Knows better than the database, or nothing at all.
#[derive(Clone)]
struct Doubting {
    inner: Arc<PgTenantStore>,
    doubts: Arc<AtomicBool>,
    away: bool,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl TenantStore for Doubting {
    async fn find(&self, identifier: &Identifier) -> Result<Option<Arc<Tenant>>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.inner.find(identifier).await?;
        if !self.doubts.load(Ordering::SeqCst) {
            return Ok(found);
        }
        if self.away {
            return Err(Error::new(ErrorKind::Unavailable, "nobody is there"));
        }
        let suspended = |tenant: Arc<Tenant>| (*tenant).clone().with_status(Status::Suspended);
        Ok(found.map(suspended).map(Arc::new))
    }
}

#[tokio::test]
async fn a_job_is_not_run_for_a_tenant_that_the_store_refuses_and_it_is_not_tried_then() {
    for away in [false, true] {
        let home = Home::new(1).await;
        let store = Doubting {
            inner: Arc::new(PgTenantStore::new(&home.database)),
            doubts: Arc::new(AtomicBool::new(true)),
            away,
            asked: Arc::default(),
        };
        let id = home.enqueue(0, work().max_attempts(1)).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let worker = Worker::new(&home.database, store.clone()).settings(quick());
        let note = move |_: &JobRun<'_>| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let running = Running::start(worker.handler(WORK, Just(note)));
        eventually("some questions", async || {
            (store.asked.load(Ordering::SeqCst) >= 3).then_some(())
        })
        .await;
        assert_eq!(runs.load(Ordering::SeqCst), 0);
        store.doubts.store(false, Ordering::SeqCst);
        home.until("done", 1).await;
        running.stop().await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(home.find(0, id).await.attempt, 1);
    }
}

#[tokio::test]
async fn what_a_transaction_from_before_leaves_a_purged_tenant_is_never_run_and_cleared_away() {
    let home = Home::new(2).await;
    let mut tx = home.db(0).begin().await.unwrap();
    let slug = home.tenants[0].slug();
    home.fleet.archive(slug, None).await.unwrap();
    home.fleet.purge(slug, slug).await.unwrap();
    tx.enqueue(work()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(home.claim(5).await, []);
    home.enqueue(1, work()).await;
    let running = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 1).await;
    running.stop().await;
    let of_it = format!("tenancy.jobs WHERE tenant_id = '{}'", home.tenants[0].id());
    assert_eq!(home.count(&of_it).await, 0);
    assert_eq!(home.jobs.recover().await.unwrap(), 0);
}
