//! Workers that stop, and what becomes of what they have.

use std::time::Duration;

use tenancy_core::job::JobStatus;

use crate::handlers::{Effect, Gate};
use crate::support::*;

#[tokio::test]
async fn a_worker_that_stops_lets_its_runs_end_and_takes_nothing_more() {
    let home = Home::new(1).await;
    home.enqueue(0, work()).await;
    let gate = Gate::default();
    let settings = quick().concurrency(1);
    let running = Running::start(home.worker().settings(settings).handler(WORK, gate.clone()));
    eventually("the run", async || (gate.begun() == 1).then_some(())).await;
    let left = home.enqueue(0, work()).await;
    let stopped = tokio::spawn(running.stop());
    gate.open();
    stopped.await.unwrap();
    assert_eq!(gate.ends(), [Ok(())]);
    let left = home.find(0, left).await;
    assert_eq!((left.status, left.attempt), (JobStatus::Queued, 0));
}

#[tokio::test]
async fn what_does_not_end_in_time_is_given_back_and_does_not_count_as_tried() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work().max_attempts(1)).await;
    let gate = Gate::default();
    let settings = quick().grace(Duration::from_millis(1));
    let running = Running::start(home.worker().settings(settings).handler(WORK, gate.clone()));
    eventually("the run", async || (gate.begun() == 1).then_some(())).await;
    running.stop().await;
    assert_eq!(gate.dropped(), 1);
    let job = home.find(0, id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Queued, 0));
    let next = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 1).await;
    next.stop().await;
    assert_eq!(home.count("tenancy.outbox").await, 1);
}

#[tokio::test]
async fn a_commit_wakes_the_workers_of_its_process() {
    let home = Home::new(1).await;
    let settings = quick().poll(Duration::from_hours(1));
    let running = Running::start(home.worker().settings(settings).handler(WORK, Effect));
    // Until it waits, one commit may be seen by its first look.
    for done in 1..=5 {
        home.enqueue(0, work()).await;
        home.until("done", done).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_dropped_loses_its_jobs_to_the_others() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let gate = Gate::default();
    let settings = quick().lease(Duration::from_millis(300));
    let running = Running::start(home.worker().settings(settings).handler(WORK, gate.clone()));
    eventually("the run", async || (gate.begun() == 1).then_some(())).await;
    running.abort();
    let next = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 1).await;
    next.stop().await;
    assert_eq!(home.find(0, id).await.attempt, 2);
    assert_eq!(home.effects(0).await, 1);
}
