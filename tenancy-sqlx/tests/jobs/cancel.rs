//! Jobs that are taken back.

use tenancy_core::job::{JobQueue, JobStatus};

use crate::handlers::{Effect, Gate};
use crate::support::*;

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once_and_one_that_has_ended_stays() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let cancelled = home.jobs.cancel(&home.tenants[0], id).await.unwrap();
    assert_eq!(cancelled.unwrap().status, JobStatus::Cancelled);
    assert_eq!(home.claim(1).await, []);

    let done = home.enqueue(0, work()).await;
    let running = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 1).await;
    running.stop().await;
    let left = home.jobs.cancel(&home.tenants[0], done).await.unwrap();
    assert_eq!(left.unwrap().status, JobStatus::Done);
    assert_eq!(home.effects(0).await, 1);
}

#[tokio::test]
async fn a_run_whose_job_is_cancelled_is_dropped_and_what_it_did_is_undone() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let gate = Gate::default();
    let running = Running::start(home.worker().handler(WORK, gate.clone()));
    eventually("the run", async || (gate.begun() == 1).then_some(())).await;
    let told = home.jobs.cancel(&home.tenants[0], id).await.unwrap();
    assert_eq!(told.unwrap().status, JobStatus::Running);
    eventually("its end", async || (gate.dropped() == 1).then_some(())).await;
    home.until("cancelled", 1).await;
    running.stop().await;
    assert_eq!(home.count("tenancy.outbox").await, 0);
    assert_eq!(gate.begun(), 1);
}

#[tokio::test]
async fn a_job_that_is_cancelled_is_not_tried_again_when_its_worker_is_lost() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    home.claim_one().await;
    home.jobs.cancel(&home.tenants[0], id).await.unwrap();
    home.make_late().await;
    home.jobs.recover().await.unwrap();
    assert_eq!(home.find(0, id).await.status, JobStatus::Cancelled);
}
