//! What whoever operates the fleet sees and does.

use std::time::Duration;

use tenancy_core::job::{End, JobQueue, JobStatus};
use tenancy_sqlx::jobs::JobFilter;

use crate::support::*;

#[tokio::test]
async fn jobs_of_all_tenants_are_listed_retried_cancelled_and_removed() {
    let home = Home::new(2).await;
    let dead = home.enqueue(0, work()).await;
    let claimed = home.claim_one().await;
    let failed = End::Failed {
        error: "no such address".to_owned(),
    };
    home.jobs.settle(&claimed.lease(), &failed).await.unwrap();
    let other = home.enqueue(1, work()).await;
    home.fleet.suspend(home.tenants[1].slug()).await.unwrap();

    let all = JobFilter::new();
    let listed = home.fleet.jobs(&all, 10).await.unwrap();
    assert_eq!(
        listed.iter().map(|job| job.id).collect::<Vec<_>>(),
        [other, dead]
    );
    assert_eq!(listed[0].status, JobStatus::Parked);
    assert_eq!(listed[1].error.as_deref(), Some("no such address"));
    assert_eq!(home.fleet.jobs(&all, 1).await.unwrap().len(), 1);
    let counts = home.fleet.count_jobs(&all).await.unwrap();
    assert_eq!(counts, [(JobStatus::Failed, 1), (JobStatus::Parked, 1)]);
    let of = |status| JobFilter::new().status(status);
    for (filter, wanted) in [
        (of(JobStatus::Failed), 1),
        (of(JobStatus::Queued), 0),
        (JobFilter::new().tenant(home.tenants[1].id()), 1),
        (JobFilter::new().kind(OTHER), 0),
        (JobFilter::new().ids([dead, other]), 2),
        (JobFilter::new().ended_before(Duration::from_hours(1)), 0),
    ] {
        let found = home.fleet.jobs(&filter, 10).await.unwrap();
        assert_eq!(found.len(), wanted, "{filter:?}");
    }

    assert_eq!(
        home.fleet.purge_jobs(&of(JobStatus::Done)).await.unwrap(),
        0
    );
    assert_eq!(home.fleet.retry_jobs(&all).await.unwrap(), 1);
    let again = home.claim_one().await;
    assert_eq!((again.id, again.attempt), (dead, 1));
    assert_eq!(home.fleet.cancel_jobs(&all).await.unwrap(), 2);
    assert_eq!(home.find(1, other).await.status, JobStatus::Cancelled);
    assert_eq!(home.find(0, dead).await.status, JobStatus::Running);
    // What runs is nobody's to remove.
    assert_eq!(home.fleet.purge_jobs(&all).await.unwrap(), 1);
    assert_eq!(home.count("tenancy.jobs").await, 1);
}

#[tokio::test]
async fn of_those_with_one_key_one_is_queued_anew() {
    let home = Home::new(1).await;
    for _ in 0..2 {
        home.enqueue(0, work().unique("a")).await;
        let claimed = home.claim_one().await;
        home.jobs
            .settle(&claimed.lease(), &End::Cancelled)
            .await
            .unwrap();
    }
    assert_eq!(home.fleet.retry_jobs(&JobFilter::new()).await.unwrap(), 1);
    assert_eq!(home.fleet.retry_jobs(&JobFilter::new()).await.unwrap(), 0);
}
