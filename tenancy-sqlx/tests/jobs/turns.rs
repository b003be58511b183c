//! One tenant after the other, counted by order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tenancy_core::TenantId;
use tenancy_core::job::{Claim, End, JobQueue, JobRun};

use crate::handlers::Just;
use crate::support::*;

/// How many jobs the big one has.
fn many() -> usize {
    let full = std::env::var_os("TENANCY_TEST_FULL").is_some_and(|full| full == "1");
    if full { 10_000 } else { 2_000 }
}

#[tokio::test]
async fn a_tenant_with_thousands_of_jobs_lets_the_ten_of_another_through_in_its_turn() {
    let home = Home::new(3).await;
    home.fill(1, many()).await;
    home.fill(0, 10).await;
    home.fill(2, 10).await;
    let mut order = Vec::new();
    while order.len() < 40 {
        let job = home.claim_one().await;
        home.jobs.settle(&job.lease(), &End::Done).await.unwrap();
        order.push(job.tenant);
    }
    for small in [0, 2] {
        let small = home.tenants[small].id();
        let served: Vec<_> = (0..).zip(&order).filter(|(_, id)| **id == small).collect();
        assert_eq!(served.len(), 10, "{order:?}");
        assert!(served[9].0 < 30, "every third turn is its own: {order:?}");
    }
}

#[tokio::test]
async fn a_worker_serves_the_small_one_in_its_turn_too() {
    let home = Home::new(2).await;
    home.fill(0, 200).await;
    home.fill(1, 10).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let begun = Arc::clone(&order);
    let note = move |job: &JobRun<'_>| {
        begun.lock().unwrap().push(job.context().id());
        Ok(())
    };
    let worker = home.worker().handler(WORK, Just(note));
    let running = Running::start(worker);
    home.until("done", 210).await;
    running.stop().await;
    let small = home.tenants[1].id();
    let order = order.lock().unwrap();
    let last = order.iter().rposition(|id| *id == small).unwrap();
    // With eight at a time, of which one tenant has four at most, who is behind in the order of
    // runs can be that many places off.
    assert!(last < 2 * 10 + 8, "the last of ten was number {last}");
}

#[tokio::test]
async fn no_tenant_has_more_at_a_time_than_its_share_however_many_claim_at_once() {
    let home = Home::new(3).await;
    for tenant in 0..3 {
        home.fill(tenant, 50).await;
    }
    let claims = (0..16).map(|_| {
        let jobs = home.jobs.clone();
        tokio::spawn(async move {
            let claim = Claim::new(vec![WORK], 2).per_tenant(3);
            jobs.claim(&claim).await.unwrap()
        })
    });
    let mut of: HashMap<TenantId, usize> = HashMap::new();
    for claimed in futures_util::future::join_all(claims).await {
        let claimed = claimed.unwrap();
        assert!(claimed.len() < 2 || claimed[0].tenant != claimed[1].tenant);
        for job in claimed {
            *of.entry(job.tenant).or_default() += 1;
        }
    }
    assert_eq!(of.len(), 3);
    assert!(of.values().all(|running| *running == 3), "{of:?}");
    assert_eq!(home.count("tenancy.jobs WHERE status = 'running'").await, 9);
}

#[tokio::test]
async fn a_kind_that_nobody_here_does_keeps_no_other_from_its_turn() {
    let home = Home::new(2).await;
    home.fill(0, 100).await;
    let wanted = home.enqueue(0, tenancy_core::job::NewJob::new(OTHER)).await;
    let claim = Claim::new(vec![OTHER], 5);
    let claimed = home.jobs.claim(&claim).await.unwrap();
    assert_eq!(
        claimed.iter().map(|job| job.id).collect::<Vec<_>>(),
        [wanted]
    );
    assert_eq!(home.jobs.claim(&claim).await.unwrap(), []);
}
