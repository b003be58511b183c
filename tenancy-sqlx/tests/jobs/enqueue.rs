//! A job is there exactly when its change is, and once where it says so.

use std::time::Duration;

use serde_json::json;
use sqlx::ConnectOptions;
use tenancy_core::ErrorKind as CoreKind;
use tenancy_core::job::{Duplicate, End, Enqueued, JobQueue, JobStatus, NewJob, Priority};
use tenancy_sqlx::{ErrorKind, Scope, tenant_sql};

use crate::support::*;

const ADD: &str = "t000.effects";

#[tokio::test]
async fn a_job_is_there_exactly_when_its_change_is_and_is_its_tenants() {
    let home = Home::new(2).await;
    let add = tenant_sql!("INSERT INTO effects (job, tenant) VALUES ($1, $1)");
    let db = home.db(0);
    let mut tx = db.begin().await.unwrap();
    tx.execute(add).bind(uuid::Uuid::now_v7()).await.unwrap();
    let id = tx.enqueue(work()).await.unwrap().id().unwrap();
    assert_eq!(home.count("tenancy.jobs").await, 0, "it is not committed");
    tx.commit().await.unwrap();
    assert_eq!(home.count("tenancy.jobs").await, 1);

    let mut tx = db.begin().await.unwrap();
    tx.execute(add).bind(uuid::Uuid::now_v7()).await.unwrap();
    tx.enqueue(work()).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    tx.enqueue(work()).await.unwrap();
    drop(tx);
    assert_eq!(
        [home.count(ADD).await, home.count("tenancy.jobs").await],
        [1; 2]
    );

    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    tx.enqueue(NewJob::new(OTHER).payload(json!({ "it's": "\"quoted\" \\ $1" })))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let own = format!("tenancy.jobs WHERE tenant_id = '{}'", home.tenants[0].id());
    assert_eq!(
        home.count(&own).await,
        2,
        "both are the transaction's tenant's"
    );

    let found = home.find(0, id).await;
    assert_eq!((found.status, found.attempt), (JobStatus::Queued, 0));
    // Nobody else sees it, or takes it back.
    let stranger = &home.tenants[1];
    assert_eq!(home.jobs.find(stranger, id).await.unwrap(), None);
    assert_eq!(home.jobs.cancel(stranger, id).await.unwrap(), None);
    assert_eq!(home.find(0, id).await.status, JobStatus::Queued);

    let jobs = [home.claim_one().await, home.claim_one().await];
    assert!(jobs.iter().all(|job| job.tenant == home.tenants[0].id()));
    assert_eq!(jobs[0].payload, json!({ "size": 1 }));
    assert_eq!(jobs[1].payload, json!({ "it's": "\"quoted\" \\ $1" }));
}

#[tokio::test]
async fn jobs_are_taken_when_they_are_due_the_urgent_first_and_then_by_age() {
    let home = Home::new(1).await;
    home.enqueue(0, work().delay(Duration::from_hours(1))).await;
    let past = time::OffsetDateTime::now_utc() - Duration::from_hours(1);
    let mut wanted = Vec::new();
    for (priority, at) in [(Priority::Low, past), (Priority::Normal, past)] {
        wanted.push(home.enqueue(0, work().priority(priority).run_at(at)).await);
    }
    wanted.push(home.enqueue(0, NewJob::new(OTHER)).await);
    wanted.push(home.enqueue(0, work().priority(Priority::High)).await);
    wanted.swap(0, 3);
    let mut taken = Vec::new();
    while let Some(job) = home.claim(1).await.pop() {
        taken.push(job.id);
        assert_eq!((job.attempt, job.fence), (1, 1));
    }
    assert_eq!(taken, wanted);
    home.make_due().await;
    // The four that run are all that the tenant may have at a time.
    assert_eq!(home.claim(1).await, []);
}

#[tokio::test]
async fn fifty_at_once_with_one_key_make_one_job_and_the_next_when_it_has_ended() {
    let home = Home::new(2).await;
    let unique = || work().unique("one");
    let at_once = (0..50).map(|n| {
        let (jobs, context) = (home.jobs.clone(), home.tenants[n % 2].clone());
        tokio::spawn(async move { jobs.enqueue(&context, &unique()).await.unwrap() })
    });
    let mut added = 0;
    for enqueued in futures_util::future::join_all(at_once).await {
        added += usize::from(enqueued.unwrap() != Enqueued::AlreadyThere);
    }
    assert_eq!(added, 2, "one for each of two tenants");
    assert_eq!(home.count("tenancy.jobs").await, 2);

    // Another kind and another key are something else, and a refusal costs no transaction.
    home.enqueue(0, NewJob::new(OTHER).unique("one")).await;
    home.enqueue(0, work().unique("another")).await;
    let mut tx = home.db(0).begin().await.unwrap();
    let refused = work().unique_or("one", Duplicate::Refuse);
    let error = tx.enqueue(refused.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("\"one\""), "{error}");
    tx.enqueue(work()).await.unwrap();
    tx.commit().await.unwrap();
    let error = home.jobs.enqueue(&home.tenants[0], &refused).await;
    assert_eq!(error.unwrap_err().kind(), CoreKind::Conflict);

    // It is there while it runs, and makes room when it has ended.
    for job in home.claim(2).await {
        let of = home.tenants.iter().find(|tenant| tenant.id() == job.tenant);
        let again = home.jobs.enqueue(of.unwrap(), &unique()).await;
        assert_eq!(again.unwrap(), Enqueued::AlreadyThere);
        home.jobs.settle(&job.lease(), &End::Done).await.unwrap();
    }
    home.enqueue(0, unique()).await;
}

#[tokio::test]
async fn the_applications_login_changes_neither_whose_a_job_is_nor_what_it_says() {
    let home = Home::new(1).await;
    home.enqueue(0, work()).await;
    let mut login = home.test.app_options().connect().await.unwrap();
    for forbidden in [
        "UPDATE tenancy.jobs SET tenant_id = gen_random_uuid()",
        "UPDATE tenancy.jobs SET payload = '{}'",
        "UPDATE tenancy.jobs SET kind = 'other'",
        "TRUNCATE tenancy.jobs",
        "DELETE FROM tenancy.job_turn",
        "INSERT INTO tenancy.job_turn (last_tenant) VALUES (gen_random_uuid())",
        "DELETE FROM tenancy.job_ticks",
        "INSERT INTO tenancy.jobs (id, tenant_id, kind, payload, priority, max_attempts,
             timeout_ms, run_at, status, lease_until)
         SELECT gen_random_uuid(), tenant_id, kind, payload, 1, 1, 1, now(), 'running', now()
         FROM tenancy.jobs",
    ] {
        let refused = sqlx::raw_sql(forbidden).execute(&mut login).await;
        let error = refused.expect_err(forbidden);
        let code = error.as_database_error().unwrap().code();
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }
}
