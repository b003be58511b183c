//! The contract of job queues, to run against one's own implementation.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use crate::context::TenantContext;
use crate::error::ErrorKind;
use crate::job::{
    Claim, Duplicate, End, Enqueued, Job, JobId, JobKind, JobQueue, JobStatus, NewJob, Priority,
    Settled,
};

/// A queue with nothing due in it, and tenants for it.
#[async_trait]
pub trait JobFixture: Send + Sync {
    /// The queue under test.
    fn queue(&self) -> &dyn JobQueue;

    /// A new active tenant.
    async fn tenant(&self) -> TenantContext;
}

const WORK: JobKind = JobKind::new("contract.work");
const OTHER: JobKind = JobKind::new("contract.other");

/// Checks that a queue gives each job to one claim at a time, in turn, and believes its holder alone.
///
/// # Panics
///
/// When the queue breaks the contract; the message says how.
pub async fn job_contract(fixture: &dyn JobFixture) {
    keeps_tenants_apart(fixture).await;
    serves_the_urgent_and_the_old_first(fixture).await;
    serves_tenants_in_turn(fixture).await;
    believes_the_present_claim_alone(fixture).await;
    counts_what_was_tried(fixture).await;
    has_one_job_of_a_key(fixture).await;
    takes_jobs_back(fixture).await;
}

async fn keeps_tenants_apart(fixture: &dyn JobFixture) {
    let (one, other) = (fixture.tenant().await, fixture.tenant().await);
    let content = json!({ "it's": ["\\", null, 1.5, { "ä": "\u{1F600}" }] });
    let id = enqueue(fixture, &one, work().payload(content.clone())).await;
    let queue = fixture.queue();
    for wrong in [queue.find(&other, id), queue.cancel(&other, id)] {
        assert_eq!(ok(wrong.await), None, "a job is its own tenant's alone");
    }
    let found = ok(queue.find(&one, id).await).expect("a job that was enqueued is found");
    assert_eq!((found.status, found.tenant), (JobStatus::Queued, one.id()));
    let job = claim_one(fixture).await;
    assert_eq!((job.id, job.tenant, &job.payload), (id, one.id(), &content));
    done(fixture, &job).await;
}

async fn serves_the_urgent_and_the_old_first(fixture: &dyn JobFixture) {
    let tenant = fixture.tenant().await;
    let low = enqueue(fixture, &tenant, work().priority(Priority::Low)).await;
    let first = enqueue(fixture, &tenant, work()).await;
    let second = enqueue(fixture, &tenant, work()).await;
    let high = enqueue(fixture, &tenant, work().priority(Priority::High)).await;
    let later = enqueue(fixture, &tenant, work().delay(Duration::from_hours(1))).await;
    enqueue(fixture, &tenant, NewJob::new(OTHER)).await;
    for wanted in [high, first, second, low] {
        let job = claim_one(fixture).await;
        assert_eq!(job.id, wanted, "the urgent first, then the old");
        done(fixture, &job).await;
    }
    assert!(
        claim(fixture, 1).await.is_empty(),
        "what is due later, or another kind, waits"
    );
    ok(fixture.queue().cancel(&tenant, later).await);
    let others = Claim::new(vec![OTHER], 5);
    for job in ok(fixture.queue().claim(&others).await) {
        done(fixture, &job).await;
    }
}

async fn serves_tenants_in_turn(fixture: &dyn JobFixture) {
    let (big, small) = (fixture.tenant().await, fixture.tenant().await);
    for _ in 0..8 {
        enqueue(fixture, &big, work()).await;
    }
    for _ in 0..2 {
        enqueue(fixture, &small, work()).await;
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        let job = claim_one(fixture).await;
        order.push(job.tenant);
        done(fixture, &job).await;
    }
    let of_small = order.iter().filter(|id| **id == small.id()).count();
    assert_eq!(
        of_small, 2,
        "every second turn is the small one's: {order:?}"
    );
    let at_once = claim(fixture, 10).await;
    assert_eq!(at_once.len(), 1, "a claim takes one job of a tenant");
    let capped = Claim::new(vec![WORK], 10).per_tenant(1);
    let more = ok(fixture.queue().claim(&capped).await);
    assert!(more.is_empty(), "no tenant has more than its share");
    let except = Claim::new(vec![WORK], 10).except(vec![big.id()]);
    let more = ok(fixture.queue().claim(&except).await);
    assert!(more.is_empty(), "a tenant can be left out");
    done(fixture, &at_once[0]).await;
    while let Some(job) = claim(fixture, 1).await.pop() {
        done(fixture, &job).await;
    }
}

async fn believes_the_present_claim_alone(fixture: &dyn JobFixture) {
    let (queue, tenant) = (fixture.queue(), fixture.tenant().await);
    let id = enqueue(fixture, &tenant, work()).await;
    let over = Claim::new(vec![WORK], 1).lease(Duration::ZERO);
    let old = ok(queue.claim(&over).await).pop().expect("it is due");
    assert!(
        claim(fixture, 1).await.is_empty(),
        "a job has one claim at a time"
    );
    assert_eq!(
        ok(queue.recover().await),
        1,
        "a lease that has run out is noticed"
    );
    assert_eq!(
        ok(queue.settle(&old.lease(), &End::Done).await),
        Settled::Lost
    );
    let new = claim_one(fixture).await;
    assert_eq!((new.id, new.attempt), (id, 2));
    assert!(new.fence > old.fence, "a later claim has a greater number");
    assert_eq!(
        ok(queue.settle(&old.lease(), &End::Done).await),
        Settled::Lost
    );
    let leases = [old.lease(), new.lease()];
    let held = ok(queue.hold(&leases, Duration::from_mins(1)).await);
    let held: Vec<_> = held.into_iter().map(|held| held.lease).collect();
    assert_eq!(held, [new.lease()], "an old claim holds nothing");
    assert_eq!(
        ok(queue.recover().await),
        0,
        "who gives a sign of life keeps the job"
    );
    assert_eq!(
        ok(queue.settle(&new.lease(), &End::Done).await),
        Settled::Taken
    );
    assert_eq!(
        ok(queue.settle(&new.lease(), &End::Done).await),
        Settled::Lost
    );
    assert_eq!(status(fixture, &tenant, id).await, JobStatus::Done);
}

async fn counts_what_was_tried(fixture: &dyn JobFixture) {
    let tenant = fixture.tenant().await;
    let id = enqueue(fixture, &tenant, work().max_attempts(2)).await;
    let error = || "no luck".to_owned();
    let again = || End::Retry {
        pause: Duration::ZERO,
        error: error(),
    };
    for (end, attempt, after) in [
        (End::Returned, 1, JobStatus::Queued),
        (again(), 1, JobStatus::Queued),
        (again(), 2, JobStatus::Failed),
    ] {
        let job = claim_one(fixture).await;
        assert_eq!(job.attempt, attempt, "before {end:?}");
        let settled = ok(fixture.queue().settle(&job.lease(), &end).await);
        assert_eq!(settled, Settled::Taken);
        assert_eq!(status(fixture, &tenant, id).await, after, "after {end:?}");
    }
    let found = ok(fixture.queue().find(&tenant, id).await).expect("a failed job stays");
    assert_eq!(
        (found.attempt, found.error.as_deref()),
        (2, Some("no luck"))
    );
    let hopeless = enqueue(fixture, &tenant, work()).await;
    settle_next(fixture, &End::Failed { error: error() }).await;
    assert_eq!(status(fixture, &tenant, hopeless).await, JobStatus::Failed);
}

async fn has_one_job_of_a_key(fixture: &dyn JobFixture) {
    let (queue, tenant) = (fixture.queue(), fixture.tenant().await);
    let key = || work().unique("key");
    enqueue(fixture, &tenant, key()).await;
    assert_eq!(
        ok(queue.enqueue(&tenant, &key()).await),
        Enqueued::AlreadyThere
    );
    let strict = work().unique_or("key", Duplicate::Refuse);
    let refused = queue
        .enqueue(&tenant, &strict)
        .await
        .map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::Conflict));
    let job = claim_one(fixture).await;
    assert_eq!(
        ok(queue.enqueue(&tenant, &key()).await),
        Enqueued::AlreadyThere
    );
    done(fixture, &job).await;
    enqueue(fixture, &tenant, key()).await;
    settle_next(fixture, &End::Done).await;
}

async fn takes_jobs_back(fixture: &dyn JobFixture) {
    let (queue, tenant) = (fixture.queue(), fixture.tenant().await);
    let waits = enqueue(fixture, &tenant, work()).await;
    ok(queue.cancel(&tenant, waits).await);
    assert_eq!(status(fixture, &tenant, waits).await, JobStatus::Cancelled);
    let runs = enqueue(fixture, &tenant, work()).await;
    let job = claim_one(fixture).await;
    ok(queue.cancel(&tenant, runs).await);
    assert_eq!(status(fixture, &tenant, runs).await, JobStatus::Running);
    let held = ok(queue.hold(&[job.lease()], Duration::from_mins(1)).await);
    assert!(held[0].cancelled, "its worker is told");
    let again = End::Retry {
        pause: Duration::ZERO,
        error: "it was in the middle".to_owned(),
    };
    ok(queue.settle(&job.lease(), &again).await);
    assert_eq!(status(fixture, &tenant, runs).await, JobStatus::Cancelled);
}

fn work() -> NewJob {
    NewJob::new(WORK)
}

fn ok<T>(result: Result<T, crate::Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the queue fails: {error:?}"),
    }
}

async fn enqueue(fixture: &dyn JobFixture, tenant: &TenantContext, job: NewJob) -> JobId {
    let enqueued = ok(fixture.queue().enqueue(tenant, &job).await);
    enqueued.id().expect("a job is added")
}

async fn claim(fixture: &dyn JobFixture, most: usize) -> Vec<Job> {
    ok(fixture.queue().claim(&Claim::new(vec![WORK], most)).await)
}

async fn claim_one(fixture: &dyn JobFixture) -> Job {
    let mut claimed = claim(fixture, 1).await;
    assert_eq!(claimed.len(), 1, "a job is due");
    claimed.remove(0)
}

async fn done(fixture: &dyn JobFixture, job: &Job) {
    let settled = ok(fixture.queue().settle(&job.lease(), &End::Done).await);
    assert_eq!(settled, Settled::Taken, "the present claim settles its job");
}

async fn settle_next(fixture: &dyn JobFixture, end: &End) {
    let job = claim_one(fixture).await;
    assert_eq!(
        ok(fixture.queue().settle(&job.lease(), end).await),
        Settled::Taken
    );
}

async fn status(fixture: &dyn JobFixture, tenant: &TenantContext, id: JobId) -> JobStatus {
    let found = ok(fixture.queue().find(tenant, id).await);
    found
        .expect("a job that has not been removed is found")
        .status
}
