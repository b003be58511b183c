//! A fleet of tenants, each with a table of what was done, and the queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_core::job::{
    Backoff, Claim, Enqueued, Job, JobId, JobKind, JobQueue, JobRecord, NewJob,
};
use tenancy_core::{Slug, Tenant, TenantContext};
use tenancy_sqlx::jobs::{PgJobs, Worker, WorkerSettings};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{
    Database, Fleet, Isolation, Migration, MigrationSet, Migrations, NewTenant, PgTenantStore,
    PoolSettings, TenantDb,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const WORK: JobKind = JobKind::new("work");
pub(crate) const OTHER: JobKind = JobKind::new("other");

/// Nothing in it forbids an effect that is there twice.
const EFFECTS: &str = "CREATE TABLE effects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job uuid NOT NULL,
    tenant uuid NOT NULL
)";

/// A database with tenants and jobs.
pub(crate) struct Home {
    pub(crate) test: TestDatabase,
    pub(crate) fleet: Fleet,
    pub(crate) database: Database,
    pub(crate) jobs: PgJobs,
    pub(crate) tenants: Vec<TenantContext>,
}

impl Home {
    /// So many tenants, by the order of their ids.
    pub(crate) async fn new(tenants: usize) -> Self {
        let test = TestDatabase::new().await;
        let fleet = fleet(test.owner_options(), &test).await;
        Self::with(test, fleet, tenants).await
    }

    /// The same, each with a role of its own.
    pub(crate) async fn with_roles(tenants: usize) -> Self {
        let test = TestDatabase::new().await;
        let fleet = fleet(test.role_owner_options(), &test).await;
        Self::with(test, fleet.isolation(Isolation::Role), tenants).await
    }

    async fn with(test: TestDatabase, fleet: Fleet, count: usize) -> Self {
        fleet.prepare().await.unwrap();
        let fleet = fleet.keep_connections(Duration::from_secs(10));
        let mut tenants = Vec::new();
        for number in 0..count {
            let slug = Slug::parse(&format!("t{number:03}")).unwrap();
            let tenant = fleet.create(NewTenant::new(slug), |_| ()).await.unwrap();
            tenants.push(context(tenant));
        }
        let database = database(test.app_options()).await;
        Self {
            jobs: PgJobs::new(&database),
            test,
            fleet,
            database,
            tenants,
        }
    }

    pub(crate) fn db(&self, tenant: usize) -> TenantDb {
        self.database.tenant(&self.tenants[tenant])
    }

    /// Enqueues a job of a tenant.
    pub(crate) async fn enqueue(&self, tenant: usize, job: NewJob) -> JobId {
        let enqueued = self.jobs.enqueue(&self.tenants[tenant], &job).await;
        match enqueued.unwrap() {
            Enqueued::Added(id) => id,
            Enqueued::AlreadyThere => panic!("it is there already"),
        }
    }

    /// Puts many jobs of a tenant into the queue at once, as many transactions would.
    pub(crate) async fn fill(&self, tenant: usize, count: usize) {
        let sql = format!(
            "INSERT INTO tenancy.jobs (id, tenant_id, kind, payload, priority, max_attempts,
                 timeout_ms, run_at)
             SELECT gen_random_uuid(), '{}', 'work', '{{}}', 1, 10, 600000, clock_timestamp()
             FROM generate_series(1, {count})",
            self.tenants[tenant].id()
        );
        run(&mut self.test.superuser().await, &sql).await;
    }

    /// Claims up to `most` jobs of any kind for a minute.
    pub(crate) async fn claim(&self, most: usize) -> Vec<Job> {
        let claim = Claim::new(vec![WORK, OTHER], most).lease(Duration::from_mins(1));
        self.jobs.claim(&claim).await.unwrap()
    }

    /// Claims the one job there is.
    pub(crate) async fn claim_one(&self) -> Job {
        let mut claimed = self.claim(1).await;
        claimed.pop().expect("a job is due")
    }

    pub(crate) async fn find(&self, tenant: usize, id: JobId) -> JobRecord {
        let found = self.jobs.find(&self.tenants[tenant], id).await.unwrap();
        found.expect("the job is there")
    }

    /// Makes whatever waits for its next attempt due.
    pub(crate) async fn make_due(&self) {
        let sql = "UPDATE tenancy.jobs SET run_at = clock_timestamp() WHERE status = 'queued'";
        run(&mut self.test.superuser().await, sql).await;
    }

    /// Makes every lease one that has run out.
    pub(crate) async fn make_late(&self) {
        let sql = "UPDATE tenancy.jobs SET lease_until = '-infinity' WHERE status = 'running'";
        run(&mut self.test.superuser().await, sql).await;
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        count(&mut self.test.superuser().await, sql).await
    }

    /// How many effects a tenant has.
    pub(crate) async fn effects(&self, tenant: usize) -> i64 {
        let schema = self.tenants[tenant].schema().quoted();
        self.count(&format!("{schema}.effects")).await
    }

    /// Waits until so many jobs have this status.
    pub(crate) async fn until(&self, status: &str, wanted: i64) {
        let mut superuser = self.test.superuser().await;
        let what = format!("{wanted} jobs being {status}");
        let sql = format!("tenancy.jobs WHERE status = '{status}'");
        eventually(&what, async || {
            (count(&mut superuser, &sql).await == wanted).then_some(())
        })
        .await;
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(&self.database, PgTenantStore::new(&self.database)).settings(quick())
    }
}

/// A worker that runs until it is stopped.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    worker: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(worker: Worker) -> Self {
        let (stop, stopped) = oneshot::channel();
        let worker = tokio::spawn(async move {
            let stopped = async {
                // Dropped in a test that failed, it stops, too.
                let _ = stopped.await;
            };
            worker.run(stopped).await.unwrap();
        });
        Self { stop, worker }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.worker.await.unwrap();
    }

    /// As if it had never been.
    pub(crate) fn abort(self) {
        self.worker.abort();
    }
}

/// Little patience, so that tests need not wait.
pub(crate) fn quick() -> WorkerSettings {
    WorkerSettings::default()
        .poll(Duration::from_millis(20))
        .lease(Duration::from_secs(3))
        .parking(Duration::from_millis(100))
        .backoff(Backoff::new(
            Duration::from_millis(1),
            Duration::from_millis(1),
        ))
}

pub(crate) fn work() -> NewJob {
    NewJob::new(WORK).payload(json!({ "size": 1 }))
}

pub(crate) fn context(tenant: Tenant) -> TenantContext {
    TenantContext::new(Arc::new(tenant), "test").unwrap()
}

pub(crate) async fn database(options: PgConnectOptions) -> Database {
    let settings = PoolSettings::default().max_connections(12);
    Database::connect(options, settings).await.unwrap()
}

async fn fleet(owner: PgConnectOptions, test: &TestDatabase) -> Fleet {
    let migrations = Migrations {
        shared: MigrationSet::default(),
        tenant: MigrationSet::new([Migration::new(1, "effects", EFFECTS)]).unwrap(),
    };
    Fleet::connect(owner, Some(test.app_login()), migrations)
        .await
        .unwrap()
}

pub(crate) async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub(crate) async fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {sql}")))
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Waits for something that others do, until they have had long enough.
pub(crate) async fn eventually<F, T>(what: &str, mut look: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
