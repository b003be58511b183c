//! Attempts that fail: tried again, later and later, and given up in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tenancy_core::job::{Backoff, Handler, JobError, JobQueue, JobRun, JobStatus};
use time::OffsetDateTime;

use crate::handlers::Just;
use crate::support::*;

#[tokio::test]
async fn what_fails_again_and_again_is_a_dead_letter_after_its_last_attempt() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work().max_attempts(3)).await;
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let fail = move |job: &JobRun<'_>| {
        let attempt = count.fetch_add(1, Ordering::SeqCst) + 1;
        assert_eq!(usize::from(job.job().attempt), attempt);
        Err(JobError::retry(format!("no luck {attempt}\0")))
    };
    let running = Running::start(home.worker().handler(WORK, Just(fail)));
    home.until("failed", 1).await;
    running.stop().await;
    let job = home.find(0, id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Failed, 3));
    assert_eq!(job.error.as_deref(), Some("no luck 3"));
    assert_eq!(tried.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn the_next_attempt_is_as_late_as_the_pause_says() {
    let home = Home::new(1).await;
    let pause = |error: JobError| {
        let home = &home;
        async move {
            let id = home.enqueue(0, work()).await;
            let fail = move |_: &JobRun<'_>| Err(error.clone());
            let backoff = Backoff::new(Duration::from_hours(2), Duration::from_hours(9));
            let settings = quick().backoff(backoff);
            let begun = OffsetDateTime::now_utc();
            let running =
                Running::start(home.worker().settings(settings).handler(WORK, Just(fail)));
            let job = eventually("the attempt", async || {
                Some(home.find(0, id).await).filter(|job| job.error.is_some())
            })
            .await;
            running.stop().await;
            assert_eq!((job.status, job.attempt), (JobStatus::Queued, 1));
            job.run_at - begun
        }
    };
    let grown = pause(JobError::retry("later")).await;
    assert!(
        grown > Duration::from_mins(59) && grown < Duration::from_mins(130),
        "{grown}"
    );
    let said = pause(JobError::retry_after(Duration::from_hours(5), "then")).await;
    assert!(
        said > Duration::from_mins(299) && said < Duration::from_mins(310),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_hopeless_is_not_tried_again_and_a_panic_is_a_failed_attempt() {
    let home = Home::new(1).await;
    let hopeless = home.enqueue(0, work()).await;
    let panics = home
        .enqueue(0, tenancy_core::job::NewJob::new(OTHER).max_attempts(2))
        .await;
    let worker = home
        .worker()
        .handler(
            WORK,
            Just(|_: &JobRun<'_>| Err(JobError::give_up("wrong address"))),
        )
        .handler(OTHER, Just(|_: &JobRun<'_>| panic!("out of luck")));
    let running = Running::start(worker);
    home.until("failed", 2).await;
    running.stop().await;
    let job = home.find(0, hopeless).await;
    assert_eq!(
        (job.attempt, job.error.as_deref()),
        (1, Some("wrong address"))
    );
    let job = home.find(0, panics).await;
    assert_eq!(
        (job.attempt, job.error.as_deref()),
        (2, Some("it panicked: out of luck"))
    );
}

struct Endless;

#[async_trait]
impl Handler for Endless {
    async fn run(&self, _: JobRun<'_>) -> Result<(), JobError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_takes_too_long_is_a_failed_attempt() {
    let home = Home::new(1).await;
    let job = work().timeout(Duration::from_millis(20)).max_attempts(2);
    let id = home.enqueue(0, job).await;
    let running = Running::start(home.worker().handler(WORK, Endless));
    home.until("failed", 1).await;
    running.stop().await;
    let job = home.find(0, id).await;
    assert!(job.error.as_deref().unwrap().contains("20ms"), "{job:?}");
}

#[tokio::test]
async fn a_job_whose_workers_are_lost_again_and_again_is_given_up() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work().max_attempts(2)).await;
    for status in [JobStatus::Queued, JobStatus::Failed] {
        home.claim_one().await;
        home.make_late().await;
        assert_eq!(home.jobs.recover().await.unwrap(), 1);
        assert_eq!(home.find(0, id).await.status, status);
    }
    assert_eq!(home.jobs.recover().await.unwrap(), 0);
    let error = home.find(0, id).await.error.unwrap();
    assert!(error.contains("lost"), "{error}");
}
