//! Workers that are killed in the middle, tenants that go meanwhile: every effect exactly once.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tenancy_core::job::JobStatus;
use tenancy_core::{Identifier, Slug};
use tenancy_sqlx::PgTenantStore;
use tenancy_sqlx::jobs::{JobFilter, Worker};

use crate::handlers::Effect;
use crate::support::*;

/// Where a worker process finds its database.
const URL: &str = "TENANCY_TEST_JOBS_URL";

/// Not a test: what a worker process runs until it is killed.
#[tokio::test]
async fn worker_process() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
    let database = database(url.parse().unwrap()).await;
    let worker = Worker::new(&database, PgTenantStore::new(&database))
        .settings(quick().lease(Duration::from_millis(1500)))
        .handler(WORK, Effect);
    worker.run(std::future::pending()).await.unwrap();
}

struct Process(Child);

impl Process {
    fn start(home: &Home) -> Self {
        use sqlx::ConnectOptions;
        let url = home.test.app_options().to_url_lossy();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::worker_process", "--nocapture"])
            .env(URL, url.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Nothing of it is asked whether it is ready to go.
    fn kill(mut self) {
        self.0.kill().unwrap();
        let ended = self.0.wait().unwrap();
        assert_eq!(ended.code(), None, "it was not killed but ended: {ended:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tenants, and jobs of each.
fn size() -> (usize, usize) {
    let full = std::env::var_os("TENANCY_TEST_FULL").is_some_and(|full| full == "1");
    if full { (50, 200) } else { (20, 100) }
}

#[tokio::test]
async fn every_effect_is_there_exactly_once_whatever_happens_to_workers_and_tenants() {
    let (tenants, each) = size();
    let home = Home::new(tenants).await;
    for tenant in 0..tenants {
        home.fill(tenant, each).await;
    }
    // One of each ten is suspended and one purged, in the middle.
    let slug = |n: usize| -> Slug { home.tenants[n].slug().clone() };
    let suspended: Vec<usize> = (0..tenants).filter(|n| n % 10 == 3).collect();
    let purged: Vec<usize> = (0..tenants).filter(|n| n % 10 == 7).collect();
    let total = tenants * each;

    let mut processes: Vec<_> = (0..3).map(|_| Process::start(&home)).collect();
    let mut superuser = home.test.superuser().await;
    let mut kills = 0;
    for part in 1..=6 {
        let wanted = i64::try_from(total * part / 10).unwrap();
        eventually("some of the jobs", async || {
            let done = count(&mut superuser, "tenancy.jobs WHERE status = 'done'").await;
            (done >= wanted).then_some(())
        })
        .await;
        processes.remove(0).kill();
        kills += 1;
        processes.push(Process::start(&home));
        if part == 2 {
            for n in &suspended {
                home.fleet.suspend(&slug(*n)).await.unwrap();
            }
        }
        if part == 3 {
            for n in &purged {
                home.fleet.archive(&slug(*n), None).await.unwrap();
                home.fleet.purge(&slug(*n), &slug(*n)).await.unwrap();
            }
        }
    }
    let gone = purged.len() * each;
    let waiting = JobFilter::new().status(JobStatus::Parked);
    eventually("the end of all but the parked", async || {
        let parked = home.fleet.jobs(&waiting, u32::MAX).await.unwrap().len();
        let sql = "tenancy.jobs WHERE status <> 'done'";
        let left = count(&mut superuser, sql).await;
        (left == i64::try_from(parked).unwrap()).then_some(())
    })
    .await;
    let parked = home.fleet.jobs(&waiting, u32::MAX).await.unwrap().len();
    assert!(parked > 0, "none had to wait");
    for n in &suspended {
        home.fleet.resume(&slug(*n)).await.unwrap();
    }
    home.until("done", i64::try_from(total - gone).unwrap())
        .await;
    drop(processes);

    for (n, tenant) in home.tenants.iter().enumerate() {
        if purged.contains(&n) {
            let named = Identifier::Id(tenant.id());
            assert_eq!(home.fleet.residue(&named).await.unwrap(), [], "{n}");
            continue;
        }
        let effects = format!("{}.effects", tenant.schema().quoted());
        let own = format!(
            "{effects} e JOIN tenancy.jobs j ON j.id = e.job
             WHERE j.tenant_id = '{id}' AND e.tenant = '{id}' AND j.status = 'done'",
            id = tenant.id()
        );
        let each = i64::try_from(each).unwrap();
        assert_eq!(count(&mut superuser, &effects).await, each, "tenant {n}");
        assert_eq!(count(&mut superuser, &own).await, each, "tenant {n}");
        let twice = format!("(SELECT FROM {effects} GROUP BY job HAVING count(*) > 1) twice");
        assert_eq!(count(&mut superuser, &twice).await, 0, "tenant {n}");
    }
    let again = count(&mut superuser, "tenancy.jobs WHERE attempt > 1").await;
    eprintln!(
        "{total} jobs of {tenants} tenants, {kills} workers killed, {} tenants suspended and {} \
         purged: {again} jobs were begun more than once, every effect is there once",
        suspended.len(),
        purged.len()
    );
}
