//! What a fleet costs the server's processes, and how often they are replaced.

use std::fs;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Database, PoolSettings, Read, TenantSql, tenant_sql};

use crate::server::{Lots, run};

const FLEET: usize = 1_000;

/// Private memory that a process of the server may have, in kB.
const MOST: u64 = 64 * 1024;

/// Touches all of a tenant's ten tables.
const TEN: &TenantSql<Read> = tenant_sql!(
    "SELECT (SELECT count(*) FROM t0) + (SELECT count(*) FROM t1) + (SELECT count(*) FROM t2)
          + (SELECT count(*) FROM t3) + (SELECT count(*) FROM t4) + (SELECT count(*) FROM t5)
          + (SELECT count(*) FROM t6) + (SELECT count(*) FROM t7) + (SELECT count(*) FROM t8)
          + (SELECT min(n) FROM t9)"
);

/// A thousand tenants of ten tables; the last holds the tenant's number.
struct Many {
    database: TestDatabase,
    contexts: Vec<TenantContext>,
}

impl Many {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let login = database.app_login();
        let mut admin = database.superuser().await;
        // A whole run takes tables as they usually are; the others take those that are quickly made.
        let columns = match std::env::var_os("TENANCY_TEST_FULL") {
            Some(_) => "id bigint PRIMARY KEY, n bigint, title text",
            None => "id bigint, n bigint",
        };
        // In parts, because each table takes a place in the server's table of locks.
        for part in 0..FLEET / 50 {
            let setup = format!(
                "DO $$ BEGIN
                     FOR tenant IN {}..{} LOOP
                         EXECUTE format('CREATE SCHEMA many_%s', tenant);
                         EXECUTE format('GRANT USAGE ON SCHEMA many_%s TO {login}', tenant);
                         FOR place IN 0..9 LOOP
                             EXECUTE format('CREATE TABLE many_%s.t%s ({columns})', tenant, place);
                             EXECUTE format('GRANT SELECT ON many_%s.t%s TO {login}', tenant, place);
                         END LOOP;
                         EXECUTE format('INSERT INTO many_%1$s.t9 VALUES (1, %1$s)', tenant);
                     END LOOP;
                 END $$",
                part * 50,
                part * 50 + 49
            );
            run(&mut admin, setup).await;
        }
        let contexts = (0..FLEET).map(|number| {
            let slug = Slug::parse(&format!("many-{number}")).unwrap();
            let schema = SchemaName::parse(&format!("many_{number}")).unwrap();
            let tenant = Tenant::new(TenantId::generate(), slug, schema);
            TenantContext::new(tenant.with_status(Status::Active).into(), "test").unwrap()
        });
        Self {
            contexts: contexts.collect(),
            database,
        }
    }

    async fn connect(&self, settings: PoolSettings) -> Database {
        let options = self.database.app_options();
        Database::connect(options, settings).await.unwrap()
    }

    /// One read of `tenant`, which must be its own.
    async fn read(&self, database: &Database, tenant: usize) {
        let db = database.tenant(&self.contexts[tenant]);
        let number = db.query_scalar::<i64>(TEN).fetch_one().await.unwrap();
        assert_eq!(number, i64::try_from(tenant).unwrap());
    }

    /// The private memory of the application's server processes in kB, where it can be seen.
    async fn memory(&self) -> Vec<u64> {
        let mut admin: PgConnection = self.database.superuser().await;
        let pids: Vec<i32> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND usename = '{}'",
            self.database.app_login()
        )))
        .fetch_all(&mut admin)
        .await
        .unwrap();
        pids.into_iter().filter_map(private_memory).collect()
    }
}

/// Of a process on this machine.
fn private_memory(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tenants_in_rotation_keep_every_process_small_and_connected() {
    let many = Many::new().await;
    let settings = PoolSettings::default();
    let interval = Duration::from_millis(250);
    let database = many.connect(settings.retirement_interval(interval)).await;
    let mut lots = Lots::new(3);
    let started = Instant::now();
    let mut largest = 0;
    for round in 0..6 {
        let mut order: Vec<usize> = (0..FLEET).collect();
        for last in (1..FLEET).rev() {
            let other = usize::try_from(lots.below(last as u64 + 1)).unwrap();
            order.swap(last, other);
        }
        for eight in order.chunks(8) {
            let reads = eight.iter().map(|tenant| many.read(&database, *tenant));
            futures_util::future::join_all(reads).await;
        }
        let memory = many.memory().await;
        largest = largest.max(memory.iter().copied().max().unwrap_or(0));
        eprintln!("round {round}: {memory:?} kB, {:?}", database.metrics());
    }
    let metrics = database.metrics().unwrap();
    // As many as there are places, and one for each that was retired.
    let intervals = u64::try_from(started.elapsed().as_millis() / interval.as_millis()).unwrap();
    assert!(metrics.retired > 0, "{metrics:?}");
    assert!(metrics.retired <= intervals + 1, "{metrics:?}");
    assert!(metrics.opened <= 10 + metrics.retired, "{metrics:?}");
    assert_eq!(metrics.closed_unclean, 0);
    assert!(largest <= MOST, "a process has {largest} kB of its own");
}

#[tokio::test]
async fn a_tenant_is_served_by_its_two_connections_once_they_know_many() {
    let many = Many::new().await;
    let settings = PoolSettings::default()
        .max_connections(8)
        .retirement_interval(Duration::from_hours(1))
        .tenants_per_connection(100);
    let database = many.connect(settings).await;
    // All of them are opened, and then one is asked at a time, so that a home is always free.
    for eight in (0..FLEET / 4).collect::<Vec<_>>().chunks(8) {
        let reads = eight.iter().map(|tenant| many.read(&database, *tenant));
        futures_util::future::join_all(reads).await;
    }
    for tenant in 0..FLEET {
        many.read(&database, tenant).await;
    }
    // A quarter of the fleet is at home on each of eight connections; without homes one of them
    // would have met all.
    let metrics = database.metrics().unwrap();
    eprintln!("homes: {} tenants", metrics.tenants_per_connection);
    assert!(
        metrics.tenants_per_connection < FLEET * 45 / 100,
        "{metrics:?}"
    );
    assert!(metrics.opened <= 9, "{metrics:?}");
}
