//! What workers count, and that they look around however much there is to do.

use std::time::Duration;

use async_trait::async_trait;
use tenancy_core::Exposition;
use tenancy_core::job::{Claim, Handler, JobError, JobQueue as _, JobRun, JobStatus, NewJob};
use tenancy_sqlx::jobs::JobDatabase as _;

use crate::handlers::{Effect, Just};
use crate::support::*;

/// The figure of `name`, with its labels.
fn figure(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in {text}"));
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn what_waits_and_runs_is_counted_and_parked_apart() {
    let home = Home::new(2).await;
    let empty = home.jobs.backlog().await.unwrap();
    assert_eq!((empty.queued, empty.running, empty.parked), (0, 0, 0));
    assert_eq!(empty.oldest_age(), Duration::ZERO);

    for delay in [0, 0, 3600] {
        let later = work().delay(Duration::from_secs(delay));
        home.enqueue(0, later).await;
    }
    home.enqueue(1, work()).await;
    home.claim_one().await;
    home.fleet.suspend(home.tenants[1].slug()).await.unwrap();
    let count = home.jobs.backlog().await.unwrap();
    assert_eq!(count.queued + count.parked + count.running, 4, "{count:?}");
    assert_eq!(count.running, 1, "{count:?}");
    assert!(count.parked <= 1 && count.queued >= 2, "{count:?}");
    assert!(count.oldest.is_some(), "{count:?}");
}

#[tokio::test]
async fn what_became_of_the_runs_is_told() {
    let home = Home::new(1).await;
    let refuse = |job: &JobRun<'_>| match job.job().attempt {
        1 => Err(JobError::retry_after(Duration::ZERO, "not yet")),
        _ => Err(JobError::give_up("never")),
    };
    let worker = home.worker().handler(WORK, Effect);
    let worker = worker.handler(OTHER, Just(refuse));
    let figures = worker.figures();
    assert_eq!(figures.backlog(), None);
    let running = Running::start(worker);
    home.enqueue(0, work()).await;
    home.enqueue(0, NewJob::new(OTHER)).await;
    home.until("done", 1).await;
    home.until("failed", 1).await;
    eventually("the queue was counted", async || figures.backlog()).await;
    running.stop().await;
    let runs = figures.runs();
    assert_eq!((runs.done, runs.retried, runs.failed), (1, 1, 1));

    let mut out = Exposition::new();
    figures.expose(&mut out);
    let text = out.into_text();
    for outcome in ["done", "retried", "failed"] {
        let name = format!(r#"tenancy_jobs_runs_total{{outcome="{outcome}"}}"#);
        assert!((figure(&text, &name) - 1.0).abs() < 0.1, "{text}");
    }
    for status in ["queued", "parked", "running"] {
        figure(
            &text,
            &format!(r#"tenancy_jobs_backlog{{status="{status}"}}"#),
        );
    }
    figure(&text, "tenancy_jobs_oldest_seconds");
}

/// Leaves another of its kind, and so on for ever.
struct Endless;

#[async_trait]
impl Handler for Endless {
    async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
        let mut tx = job.begin().await?;
        tx.enqueue(work()).await?;
        Ok(tx.commit().await?)
    }
}

#[tokio::test]
async fn a_worker_that_is_never_idle_takes_up_what_the_dead_left() {
    let home = Home::new(2).await;
    let left = home.enqueue(1, NewJob::new(OTHER)).await;
    let claim = Claim::new(vec![OTHER], 1);
    let claimed = home.jobs.claim(&claim).await;
    assert_eq!(claimed.unwrap().len(), 1);
    let settings = quick().concurrency(1).poll(Duration::from_secs(2));
    let worker = home.worker().settings(settings);
    let worker = worker.handler(WORK, Endless).handler(OTHER, Effect);
    let running = Running::start(worker);
    home.enqueue(0, work()).await;
    eventually("it is busy", async || {
        let done = home.count("tenancy.jobs WHERE status = 'done'").await;
        (done >= 5).then_some(())
    })
    .await;
    home.make_late().await;
    eventually("what was left is done", async || {
        let status = home.find(1, left).await.status;
        (status == JobStatus::Done).then_some(())
    })
    .await;
    running.stop().await;
}
