//! Jobs that come again and again.

use tenancy_core::job::{NewJob, Schedule};
use tenancy_sqlx::ErrorKind;

use crate::handlers::Effect;
use crate::support::*;

const DAILY: &str = "0 0 * * *";

#[tokio::test]
async fn a_time_is_enqueued_once_for_each_active_tenant_however_many_workers_there_are() {
    let home = Home::new(5).await;
    home.fleet.suspend(home.tenants[4].slug()).await.unwrap();
    let schedule = || Schedule::parse(DAILY).unwrap();
    let mut superuser = home.test.superuser().await;
    for days in 1..=3 {
        // The last time that anybody enqueued is some days ago: one is made up for.
        let last = format!(
            "INSERT INTO tenancy.job_ticks (name, tick) VALUES ('work', now() - '{days} days'::interval)
             ON CONFLICT (name) DO UPDATE SET tick = excluded.tick"
        );
        run(&mut superuser, &last).await;
        let mut workers = Vec::new();
        for _ in 0..4 {
            let worker = home.worker().handler(WORK, Effect);
            workers.push(Running::start(worker.schedule(schedule(), work())));
        }
        home.until("done", days * 4).await;
        for worker in workers {
            worker.stop().await;
        }
        assert_eq!(home.count("tenancy.jobs").await, days * 4);
    }
    for tenant in 0..4 {
        assert_eq!(home.effects(tenant).await, 3);
    }
}

#[tokio::test]
async fn a_schedule_that_is_new_begins_with_its_next_time() {
    let home = Home::new(2).await;
    let worker = home.worker().handler(WORK, Effect).handler(OTHER, Effect);
    let running = Running::start(worker.schedule(Schedule::parse(DAILY).unwrap(), work()));
    let registered = "tenancy.job_ticks WHERE name = 'work'";
    eventually("its beginning", async || {
        (home.count(registered).await == 1).then_some(())
    })
    .await;
    home.enqueue(0, NewJob::new(OTHER)).await;
    home.until("done", 1).await;
    running.stop().await;
    assert_eq!(home.count("tenancy.jobs").await, 1);
}

#[tokio::test]
async fn a_worker_without_work_or_with_two_schedules_of_a_kind_does_not_begin() {
    let home = Home::new(1).await;
    let schedule = || Schedule::parse(DAILY).unwrap();
    let twice = home.worker().handler(WORK, Effect);
    let twice = twice
        .schedule(schedule(), work())
        .schedule(schedule(), work());
    for worker in [home.worker(), twice] {
        let refused = worker.run(std::future::pending()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration, "{refused}");
    }
}
