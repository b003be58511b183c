//! Many operations of all tenants at once, cancelled and killed now and then: no byte of another
//! tenant comes back, and nothing that was acknowledged is lost.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;
use tenancy_sqlx::{Database, Error, ErrorKind, Read, Scope, TenantDb, TenantSql, tenant_sql};
use tokio::process::Command;

use crate::cancel::polls;
use crate::server::{Lots, TENANTS, World};
use crate::statements::*;

const SOME: &TenantSql<Read> =
    tenant_sql!("SELECT title FROM blogs WHERE id >= $1 ORDER BY id LIMIT 50");

/// How much, and what is done to it meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) operations: u64,
    /// How many are under way at the same time.
    pub(crate) at_once: u64,
    pub(crate) seed: u64,
    /// After how many operations every server process of the application is ended; 0 is never.
    pub(crate) kill_every: u64,
}

impl Plan {
    /// As much as fits into every run, or what a full one is for.
    pub(crate) fn of(seed: u64) -> Self {
        let full = std::env::var_os("TENANCY_TEST_FULL").is_some_and(|full| full == "1");
        Self {
            operations: if full { 150_000 } else { 3_000 },
            at_once: 8,
            seed,
            kill_every: 500,
        }
    }
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) operations: u64,
    pub(crate) rows: u64,
    pub(crate) foreign: u64,
    pub(crate) cancelled: u64,
    pub(crate) kills: u64,
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
    pub(crate) failed: BTreeMap<String, u64>,
    milliseconds: u128,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} rows, {} foreign; {} writes acknowledged, {} lost; {} cancelled, \
             {} kills, failed: {:?}; {} ms",
            self.operations,
            self.rows,
            self.foreign,
            self.acknowledged,
            self.lost,
            self.cancelled,
            self.kills,
            self.failed,
            self.milliseconds
        )
    }
}

/// What one worker saw.
#[derive(Debug, Default)]
struct Seen {
    figures: Figures,
    ledger: Vec<(&'static str, i64)>,
}

impl Seen {
    fn title(&mut self, tenant: &str, title: &str) {
        self.figures.rows += 1;
        let own = title.strip_prefix(tenant);
        self.figures.foreign += u64::from(!own.is_some_and(|rest| rest.starts_with(' ')));
    }
}

/// Runs `plan` on all of `databases`, which stand for as many programs, and checks what is to hold
/// whatever happens; prints its figures in one line.
pub(crate) async fn soak(world: &World, databases: &[Database], plan: Plan, what: &str) -> Figures {
    let began = Instant::now();
    let ended = Arc::new(AtomicBool::new(false));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..plan.at_once {
        let number = usize::try_from(worker).unwrap();
        let database = databases[number % databases.len()].clone();
        let tenants = TENANTS.map(|name| (name, world.tenant(&database, name)));
        let lots = Lots::new(plan.seed * 1_000 + worker);
        let apart = i64::try_from(plan.seed * 1_000 + worker).unwrap();
        let first = 1_000 + apart * 100_000_000;
        workers.spawn(work(tenants, lots, first, plan.operations / plan.at_once));
    }
    let killer = async {
        let (mut connection, mut kills, mut at) = (world.admin().await, 0, plan.kill_every);
        let kill = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND usename = '{}'",
            world.login
        );
        while plan.kill_every > 0 && !ended.load(Ordering::Relaxed) {
            // Counted by what the server saw, not by the clock.
            let done: i64 = sqlx::query_scalar(
                "SELECT sum(n_tup_ins + n_tup_upd)::bigint FROM pg_stat_user_tables",
            )
            .fetch_one(&mut connection)
            .await
            .unwrap();
            if u64::try_from(done).unwrap_or(0) >= at {
                sqlx::raw_sql(AssertSqlSafe(kill.clone()))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                kills += 1;
                at = u64::try_from(done).unwrap_or(0) + plan.kill_every;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        kills
    };
    let all = async {
        let mut all = Seen::default();
        while let Some(seen) = workers.join_next().await {
            add(&mut all, seen.unwrap());
        }
        ended.store(true, Ordering::Relaxed);
        all
    };
    let (kills, mut all) = tokio::join!(killer, all);
    all.figures.kills = kills;
    check(world, &mut all).await;
    let mut figures = all.figures;
    figures.milliseconds = began.elapsed().as_millis();
    eprintln!("soak {what}: {figures}");
    assert_eq!(figures.foreign, 0, "rows of another tenant: {figures}");
    assert_eq!(figures.lost, 0, "acknowledged writes are lost: {figures}");
    assert!(figures.acknowledged > plan.operations / 10, "{figures}");
    assert!(!figures.failed.contains_key("Internal"), "{figures}");
    figures
}

fn add(all: &mut Seen, seen: Seen) {
    let (sum, figures) = (&mut all.figures, seen.figures);
    sum.operations += figures.operations;
    sum.rows += figures.rows;
    sum.foreign += figures.foreign;
    sum.cancelled += figures.cancelled;
    for (kind, count) in figures.failed {
        *sum.failed.entry(kind).or_default() += count;
    }
    all.ledger.extend(seen.ledger);
}

/// Compares the ledger with the tables, as another session sees them.
async fn check(world: &World, all: &mut Seen) {
    all.figures.acknowledged = all.ledger.len() as u64;
    let mut admin = world.admin().await;
    for tenant in TENANTS {
        let text = format!("SELECT id, title FROM {tenant}.blogs");
        let rows: Vec<(i64, String)> = sqlx::query_as(AssertSqlSafe(text))
            .fetch_all(&mut admin)
            .await
            .unwrap();
        for (_, title) in &rows {
            all.title(tenant, title);
        }
        let ids: HashSet<i64> = rows.into_iter().map(|(id, _)| id).collect();
        let acknowledged = all.ledger.iter().filter(|(name, _)| *name == tenant);
        all.figures.lost += acknowledged.filter(|(_, id)| !ids.contains(id)).count() as u64;
        let halves = ids.iter().filter(|id| **id < 0 && !ids.contains(&-**id));
        assert_eq!(halves.count(), 0, "half a transaction of {tenant} is there");
    }
}

async fn work(
    tenants: [(&'static str, TenantDb); 3],
    mut lots: Lots,
    first: i64,
    operations: u64,
) -> Seen {
    let mut seen = Seen::default();
    for number in 0..operations {
        let (tenant, db) = &tenants[usize::try_from(lots.below(3)).unwrap()];
        let id = first + i64::try_from(number).unwrap();
        let lot = lots.below(100);
        let operation = operation(tenant, db, lot, id, &mut seen);
        // One in ten is dropped after some polls.
        let times = match lots.below(10) {
            0 => usize::try_from(lots.below(12)).unwrap(),
            _ => usize::MAX,
        };
        let done = polls(times, operation).await;
        seen.figures.operations += 1;
        match done {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let kind = format!("{:?}", error.kind());
                let count = seen.figures.failed.entry(kind).or_default();
                *count += 1;
                if error.kind() == ErrorKind::Internal && *count == 1 {
                    eprintln!("strange: {error:?}");
                }
            }
            None => seen.figures.cancelled += 1,
        }
    }
    seen
}

/// One operation; writes have ids of their own, pairs `id` and `-id`.
async fn operation(
    tenant: &'static str,
    db: &TenantDb,
    lot: u64,
    id: i64,
    seen: &mut Seen,
) -> Result<(), Error> {
    let own = format!("{tenant} {id}");
    let seeded = id.rem_euclid(5) + 1;
    match lot {
        0..30 => {
            let title = db.query_scalar::<String>(TITLE).bind(seeded);
            seen.title(tenant, &title.fetch_one().await?);
        }
        30..55 => {
            db.execute(INSERT).bind(id).bind(&own).await?;
            seen.ledger.push((tenant, id));
        }
        55..65 => {
            let mut tx = db.begin().await?;
            tx.execute(INSERT).bind(id).bind(&own).await?;
            for title in tx.query_scalar::<String>(SOME).bind(id).fetch_all().await? {
                seen.title(tenant, &title);
            }
            tx.execute(INSERT).bind(-id).bind(&own).await?;
            tx.commit().await?;
            seen.ledger.extend([(tenant, id), (tenant, -id)]);
        }
        65..75 => {
            let mut tx = db.begin_scoped(Scope::Path).await?;
            let title: String = sqlx::query_scalar("SELECT title FROM blogs WHERE id = $1")
                .bind(seeded)
                .fetch_one(&mut tx)
                .await?;
            seen.title(tenant, &title);
            for id in [id, -id] {
                sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, $2)")
                    .bind(id)
                    .bind(&own)
                    .execute(&mut tx)
                    .await?;
            }
            tx.commit().await?;
            seen.ledger.extend([(tenant, id), (tenant, -id)]);
        }
        75..85 => {
            // Dropped with rows still to come.
            let mut titles = db.query_scalar::<String>(SOME).bind(1_i64).fetch();
            for _ in 0..3 {
                if let Some(title) = titles.try_next().await? {
                    seen.title(tenant, &title);
                }
            }
        }
        85..92 => {
            let mut tx = db.begin().await?;
            tx.execute(INSERT).bind(id).bind("rolled back").await?;
            drop(tx);
        }
        92..97 => {
            let own = format!("{tenant} {seeded}");
            db.execute(UPDATE).bind(seeded).bind(own).await?;
        }
        _ => {
            let error = db.execute(INSERT).bind(1_i64).bind("twice").await;
            if let Err(error) = error
                && error.kind() != ErrorKind::Conflict
            {
                return Err(error);
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_is_anothers_and_no_acknowledged_write_is_lost() {
    let world = World::new().await;
    let databases = [world.database(4).await, world.database(4).await];
    soak(&world, &databases, Plan::of(11), crate::topology::NAME).await;
}

/// Where another process finds the world of this test.
const WORLD: &str = "TENANCY_TEST_SOAK_WORLD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_see_no_row_of_another_tenant_and_lose_no_write() {
    let what = format!("{} in two processes", crate::topology::NAME);
    if let Ok(address) = std::env::var(WORLD) {
        let world = World::of(&address);
        let mut plan = Plan::of(13);
        // The first process ends the connections of both.
        plan.kill_every = 0;
        soak(&world, &[world.database(4).await], plan, &what).await;
        return;
    }
    let world = World::new().await;
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--quiet"])
        .arg("soak::two_processes_see_no_row_of_another_tenant_and_lose_no_write")
        .env(WORLD, world.address())
        .kill_on_drop(true)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    soak(&world, &[world.database(4).await], Plan::of(12), &what).await;
    let other = other.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(other.status.success(), "{said}");
    let figures = said.lines().find(|line| line.starts_with("soak "));
    eprintln!("{}", figures.expect("the other process says what it saw"));
}
