//! Who has lost a job commits nothing for it.

use tenancy_core::job::{End, JobQueue, JobRun, JobStatus, Settled};
use tenancy_sqlx::ErrorKind;

use crate::handlers::{Effect, Gate};
use crate::support::*;

const GATE: &str = "tenancy.outbox WHERE topic = 'gate'";

#[tokio::test]
async fn an_effect_and_the_end_of_its_job_are_one() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let running = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 1).await;
    running.stop().await;
    assert_eq!(home.effects(0).await, 1);
    let job = home.find(0, id).await;
    assert_eq!((job.status, job.attempt), (JobStatus::Done, 1));
    assert!(job.finished_at.is_some() && job.error.is_none());
}

#[tokio::test]
async fn a_run_whose_job_another_worker_has_by_now_commits_nothing() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let (slow, quick) = (Gate::default(), Gate::default());
    // A worker that gives no sign of life: its leases are far longer than this test.
    let hour = of_an_hour();
    let first = Running::start(home.worker().settings(hour).handler(WORK, slow.clone()));
    eventually("the first run", async || (slow.begun() == 1).then_some(())).await;
    home.make_late().await;
    let second = Running::start(home.worker().handler(WORK, quick.clone()));
    eventually("the second run", async || {
        (quick.begun() == 1).then_some(())
    })
    .await;

    slow.open();
    eventually("its end", async || slow.ends().pop())
        .await
        .unwrap_err();
    assert_eq!(
        home.count(GATE).await,
        0,
        "nothing of the first is committed"
    );
    assert_eq!(home.find(0, id).await.status, JobStatus::Running);
    quick.open();
    home.until("done", 1).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(quick.ends(), [Ok(())]);
    let error = slow.ends().pop().unwrap().unwrap_err();
    assert!(error.contains("no longer this run's"), "{error}");
    assert_eq!(home.count(GATE).await, 1);
    assert_eq!(home.find(0, id).await.attempt, 2);
}

fn of_an_hour() -> tenancy_sqlx::jobs::WorkerSettings {
    quick()
        .lease(std::time::Duration::from_hours(1))
        .concurrency(1)
}

#[tokio::test]
async fn a_claim_that_is_over_settles_nothing() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let old = home.claim_one().await;
    home.make_late().await;
    assert_eq!(home.jobs.recover().await.unwrap(), 1);
    for end in [End::Done, End::Cancelled, End::Returned] {
        let settled = home.jobs.settle(&old.lease(), &end).await;
        assert_eq!(settled.unwrap(), Settled::Lost, "{end:?}");
    }
    let new = home.claim_one().await;
    assert!(new.fence > old.fence && new.id == id);
    let settled = home.jobs.settle(&old.lease(), &End::Done).await;
    assert_eq!(settled.unwrap(), Settled::Lost);
    let minute = std::time::Duration::from_mins(1);
    let leases = [old.lease(), new.lease()];
    let held = home.jobs.hold(&leases, minute).await.unwrap();
    assert_eq!(
        held.iter().map(|held| held.lease).collect::<Vec<_>>(),
        [new.lease()]
    );
    let settled = home.jobs.settle(&new.lease(), &End::Done).await;
    assert_eq!(settled.unwrap(), Settled::Taken);
    assert_eq!(home.find(0, id).await.status, JobStatus::Done);
}

#[tokio::test]
async fn a_run_of_a_tenant_that_is_purged_meanwhile_commits_nothing() {
    let home = Home::new(1).await;
    home.enqueue(0, work()).await;
    home.fill(0, 5).await;
    let gate = Gate::default();
    let settings = of_an_hour();
    let running = Running::start(home.worker().settings(settings).handler(WORK, gate.clone()));
    eventually("the run", async || (gate.begun() == 1).then_some(())).await;
    let slug = home.tenants[0].slug();
    home.fleet.archive(slug, None).await.unwrap();
    home.fleet.purge(slug, slug).await.unwrap();
    assert_eq!(home.count("tenancy.jobs").await, 0);
    gate.open();
    let end = eventually("its end", async || gate.ends().pop()).await;
    assert!(end.unwrap_err().contains("removed"));
    running.stop().await;
    assert_eq!(gate.begun(), 1, "nothing is run after the purge");
    let named = tenancy_core::Identifier::Id(home.tenants[0].id());
    assert_eq!(home.fleet.residue(&named).await.unwrap(), []);
}

#[tokio::test]
async fn a_part_is_committed_with_its_progress_and_only_while_the_job_is_the_runs() {
    let home = Home::new(1).await;
    let id = home.enqueue(0, work()).await;
    let running = Running::start(home.worker().handler(WORK, parts::Parts));
    home.until("done", 1).await;
    running.stop().await;
    assert_eq!(home.effects(0).await, 3);
    assert_eq!(
        home.find(0, id).await.progress,
        serde_json::json!({ "done": 3 })
    );
}

#[tokio::test]
async fn a_job_of_another_queue_has_no_transaction_here() {
    use tenancy_core::job::JobDesk;
    use tenancy_sqlx::jobs::JobDatabase as _;

    struct Nothing;
    #[async_trait::async_trait]
    impl JobDesk for Nothing {
        async fn report(&self, _: &serde_json::Value) -> Result<(), tenancy_core::Error> {
            Ok(())
        }
    }
    let home = Home::new(1).await;
    home.enqueue(0, work()).await;
    let job = home.claim_one().await;
    let run = JobRun::new(&home.tenants[0], &job, &Nothing);
    let error = run.begin().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}

mod parts {
    use async_trait::async_trait;
    use serde_json::json;
    use tenancy_core::job::{Handler, JobError, JobRun};
    use tenancy_sqlx::jobs::JobDatabase as _;
    use tenancy_sqlx::{ErrorKind, tenant_sql};

    pub(super) struct Parts;

    #[async_trait]
    impl Handler for Parts {
        async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
            let add = tenant_sql!("INSERT INTO effects (job, tenant) VALUES ($1, $2)");
            let (id, tenant) = (job.job().id, job.context().id());
            let ids = [id.as_uuid(), tenant.as_uuid()];
            job.report(json!({ "done": 0 })).await?;
            for part in 1..=3 {
                let mut tx = job.begin().await?;
                tx.execute(add).bind(*ids[0]).bind(*ids[1]).await?;
                tx.commit_part(json!({ "done": part })).await?;
            }
            job.begin().await?.commit().await?;
            // The job has ended, and nothing more is committed for it.
            let mut late = job.begin().await?;
            late.execute(add).bind(*ids[0]).bind(*ids[1]).await?;
            let error = late.commit_part(json!({ "done": 4 })).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert!(job.report(json!({ "done": 5 })).await.is_err());
            Ok(())
        }
    }
}
