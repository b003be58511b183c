//! Hundreds of tenants: batches, canaries, waves, poison and locks.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tenancy_core::{Status, TenantContext};
use tenancy_sqlx::{
    Database, Fleet, MigrateEvent, Outcome, Pace, PoolSettings, Read, RunReport, Selection,
    TenantSql, Wave, tenant_sql,
};

use crate::support::*;

static TITLES: &TenantSql<Read> = tenant_sql!("SELECT title FROM notes ORDER BY id");

const ADD: &str = "ALTER TABLE notes ADD more int";

/// Makes tenants called `prefix` and a number of three digits.
async fn many(fleet: &Fleet, prefix: &str, count: usize) {
    stream::iter(0..count)
        .for_each_concurrent(4, async |n| {
            create(fleet, &format!("{prefix}{n:03}")).await;
        })
        .await;
}

fn batch(jobs: usize, batch: usize) -> Pace {
    Pace::new(crate::support::jobs(jobs)).batch(NonZeroUsize::new(batch).unwrap())
}

/// The slugs with each sort of outcome: applied, failed, not reached.
fn sorted(report: &RunReport) -> [Vec<&str>; 3] {
    let of = |fits: fn(&Outcome) -> bool| {
        let tenants = report.tenants.iter().filter(move |t| fits(&t.outcome));
        tenants.map(|t| t.slug.as_str()).collect()
    };
    [
        of(|o| matches!(o, Outcome::Applied { .. })),
        of(|o| matches!(o, Outcome::Failed(_))),
        of(|o| matches!(o, Outcome::NotReached)),
    ]
}

async fn poison(superuser: &mut PgConnection, schema: &str) {
    run(
        superuser,
        &format!("ALTER TABLE {schema}.notes ADD more text"),
    )
    .await;
}

/// The transactions in which tenants came to version 2.
const TRANSACTIONS: &str = "(SELECT DISTINCT xmin::text FROM tenancy.migrations
    WHERE scope = 'tenant' AND version = 2) t";

#[tokio::test]
async fn a_selection_leaves_out_whom_it_excepts_and_who_is_in_another_status() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    many(&old, "t", 5).await;
    old.suspend(&slug("t001")).await.unwrap();
    old.archive(&slug("t004"), None).await.unwrap();
    old.purge(&slug("t004"), &slug("t004")).await.unwrap();
    let new = fleet(&database, set([NOTES, ADD])).await;
    for nobody in ["nobody", "t004"] {
        let selection = Selection::tenants().except([slug("t000"), slug(nobody)]);
        let error = new.migrate(selection, jobs(1), |_| {}).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("tenant {nobody} does not exist")),
            "{error}"
        );
    }
    let selection = || Selection::tenants().except([slug("t000")]);
    let active = selection().in_status([Status::Active]);
    let plan = new.plan(active.clone()).await.unwrap();
    let planned: Vec<_> = plan.pending().map(|tenant| tenant.slug.as_str()).collect();
    assert_eq!(planned, ["t002", "t003"]);
    assert_eq!(plan.tenants[0].pending[0].file, "2_step.sql");
    let report = new.migrate(active, jobs(1), |_| {}).await.unwrap();
    assert_eq!(sorted(&report)[0], ["t002", "t003"]);
    let report = new.migrate(selection(), jobs(1), |_| {}).await.unwrap();
    assert_eq!(sorted(&report)[0], ["t001"]);
    assert_eq!(report.at_head, 2);
    let all = new.plan(Selection::all()).await.unwrap();
    assert_eq!(
        (all.tenants.len(), all.at_head, all.is_empty()),
        (1, 3, false)
    );
}

#[tokio::test]
async fn healthy_tenants_share_a_transaction_and_a_poisoned_one_costs_its_batch_one_repetition() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    many(&old, "t", 12).await;
    let mut superuser = database.superuser().await;
    poison(&mut superuser, "t005").await;
    let new = fleet(&database, set([NOTES, ADD])).await;
    let report = new
        .migrate(Selection::all(), batch(1, 4), |_| {})
        .await
        .unwrap();
    let [applied, failed, unreached] = sorted(&report);
    assert_eq!(
        (applied.len(), failed, unreached.len()),
        (11, vec!["t005"], 0)
    );
    // Two batches of four, and the three others of the third one by one.
    assert_eq!(count(&mut superuser, TRANSACTIONS).await, 2 + 3);
    assert_eq!(count(&mut superuser, LOCKS).await, 0);
    let failure = report.failures().next().unwrap();
    assert_eq!(failure.sqlstate.as_deref(), Some("42701"));
    assert_eq!(failure.file.as_deref(), Some("2_step.sql"));
}

#[tokio::test]
async fn a_batch_in_which_the_path_was_left_is_nobodys() {
    let database = TestDatabase::new().await;
    let astray = "CREATE FUNCTION astray() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        PERFORM set_config('search_path', 'public', true); RETURN ''; END $$";
    let old = fleet(&database, set([NOTES, astray])).await;
    many(&old, "t", 4).await;
    let leave = "INSERT INTO notes (title) VALUES (astray())";
    let table = "CREATE TABLE astray (id int)";
    let new = fleet(&database, set([NOTES, astray, leave, table])).await;
    let report = new
        .migrate(Selection::all(), batch(1, 4), |_| {})
        .await
        .unwrap();
    let messages: Vec<_> = report.failures().map(|f| f.message.as_str()).collect();
    assert_eq!(messages.len(), 4);
    assert!(
        messages[3].contains("the path was left at public instead of t003"),
        "{messages:?}"
    );
    let mut superuser = database.superuser().await;
    let tables = "pg_class WHERE relname = 'astray' AND relkind = 'r'";
    assert_eq!(count(&mut superuser, tables).await, 0);
    assert_eq!(count(&mut superuser, "t000.notes").await, 0);
}

#[tokio::test]
async fn a_failing_canary_keeps_everybody_else_from_the_migration() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    many(&old, "t", 10).await;
    let mut superuser = database.superuser().await;
    poison(&mut superuser, "t001").await;
    let new = fleet(&database, set([NOTES, ADD])).await;
    let pace = batch(4, 10).canary(2);
    let report = new.migrate(Selection::all(), pace, |_| {}).await.unwrap();
    let [applied, failed, unreached] = sorted(&report);
    assert_eq!((applied, failed), (vec!["t000"], vec!["t001"]));
    assert_eq!(unreached.len(), 8);
    assert_eq!((report.not_reached(), report.is_complete()), (8, false));
    assert_eq!(new.status().await.unwrap().tenants[2].ledger.pending, [2]);

    // A canary may be named, and waves follow: of eight, a quarter each.
    run(&mut superuser, "ALTER TABLE t001.notes DROP more").await;
    poison(&mut superuser, "t005").await;
    let wave: Wave = "25%".parse().unwrap();
    let pace = batch(4, 10).canary_tenants([slug("t009")]).wave(wave);
    let report = new.migrate(Selection::all(), pace, |_| {}).await.unwrap();
    let [applied, failed, unreached] = sorted(&report);
    assert_eq!(applied, ["t001", "t002", "t003", "t004", "t006", "t009"]);
    assert_eq!((failed, unreached), (vec!["t005"], vec!["t007", "t008"]));
    let error = new
        .migrate(
            Selection::all(),
            Pace::default().canary_tenants([slug("nobody")]),
            |_| {},
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");

    let pace = batch(1, 1).stop_at_first_failure();
    let report = new.migrate(Selection::all(), pace, |_| {}).await.unwrap();
    let [applied, failed, unreached] = sorted(&report);
    assert_eq!(
        (applied.len(), failed, unreached.len()),
        (0, vec!["t005"], 2)
    );
    run(&mut superuser, "ALTER TABLE t005.notes DROP more").await;
    let report = new
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete());
}

#[tokio::test]
async fn three_poisoned_of_two_hundred_are_reported_while_the_others_are_read_without_an_error() {
    let database = TestDatabase::new().await;
    let old = fleet(
        &database,
        set([NOTES, "INSERT INTO notes (title) VALUES ('first')"]),
    )
    .await;
    many(&old, "t", 200).await;
    let mut superuser = database.superuser().await;
    let poisoned = ["t017", "t018", "t144"];
    for schema in poisoned {
        poison(&mut superuser, schema).await;
    }
    let app = Database::connect(database.app_options(), PoolSettings::default())
        .await
        .unwrap();
    let healthy: Vec<_> = old
        .tenants()
        .await
        .unwrap()
        .into_iter()
        .filter(|tenant| !poisoned.contains(&tenant.slug().as_str()))
        .map(|tenant| app.tenant(&TenantContext::new(tenant.into(), "test").unwrap()))
        .collect();
    let new = fleet(
        &database,
        set([NOTES, "INSERT INTO notes (title) VALUES ('first')", ADD]),
    )
    .await;
    let (over, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let readers = (0..2).map(async |reader| {
        for db in healthy.iter().cycle().skip(reader * 90) {
            if over.load(Ordering::SeqCst) && reads.load(Ordering::SeqCst) > 400 {
                break;
            }
            let titles: Vec<String> = db.query_scalar(TITLES).fetch_all().await.unwrap();
            assert_eq!(titles, ["first"]);
            reads.fetch_add(1, Ordering::SeqCst);
        }
    });
    let migration = async {
        let report = new.migrate(Selection::all(), jobs(2), |_| {}).await;
        over.store(true, Ordering::SeqCst);
        report.unwrap()
    };
    let (report, _) = tokio::join!(migration, join_all(readers));
    let [applied, failed, _] = sorted(&report);
    assert_eq!((applied.len(), failed), (197, poisoned.to_vec()));
}

#[tokio::test]
async fn a_stray_session_delays_only_the_tenant_that_it_holds() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    many(&old, "t", 9).await;
    let mut stray = database.superuser().await;
    let mut held = stray.begin().await.unwrap();
    let holds = "SELECT pg_advisory_xact_lock(('x' || substr(encode(sha256(convert_to(
            'tenancy:tenant:' || id::text, 'UTF8')), 'hex'), 1, 16))::bit(64)::bigint)
        FROM tenancy.tenants WHERE slug = 't001'";
    run(&mut held, holds).await;
    run(&mut held, "LOCK TABLE t004.notes").await;
    let new = fleet(&database, set([NOTES, ADD])).await;
    let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    let pace = batch(1, 3)
        .attempts(NonZeroU32::new(9).unwrap())
        .lock_timeout(Duration::from_secs(1));
    let migration = tokio::spawn(async move {
        new.migrate(Selection::all(), pace, move |event| {
            if let MigrateEvent::Tenant(tenant) = event {
                sender.send(tenant).unwrap();
            }
        })
        .await
        .unwrap()
    });
    let mut others = Vec::new();
    while others.len() < 7 {
        let tenant = done.recv().await.unwrap();
        assert!(tenant.outcome.is_complete(), "{tenant:?}");
        others.push(tenant.slug.to_string());
    }
    // All of the others, by the same worker, before either was let go.
    assert!(
        !others
            .iter()
            .any(|slug| ["t001", "t004"].contains(&slug.as_str()))
    );
    held.rollback().await.unwrap();
    let report = migration.await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    // Two tenants of the first batch, the three of the last, and four by themselves.
    let mut superuser = database.superuser().await;
    assert_eq!(count(&mut superuser, TRANSACTIONS).await, 1 + 1 + 4);
}

#[tokio::test]
async fn four_migrators_at_once_apply_each_migration_exactly_once() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    many(&old, "t", 40).await;
    let once = "INSERT INTO notes (title) VALUES ('once')";
    let index =
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_title ON notes (title)";
    let new = fleet(&database, set([NOTES, TAGS, once, index, once])).await;
    let runs = (0..4).map(|_| new.migrate(Selection::all(), batch(2, 5), |_| {}));
    let reports: Vec<_> = join_all(runs)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    for report in &reports {
        assert!(report.is_complete(), "{:?}", report.failures().next());
    }
    let applied: usize = reports.iter().map(RunReport::applied).sum();
    assert_eq!(applied, 40 * 4);
    let mut superuser = database.superuser().await;
    for n in 0..40 {
        assert_eq!(count(&mut superuser, &format!("t{n:03}.notes")).await, 2);
    }
    let valid = "pg_index WHERE indexrelid::regclass::text ~ 'by_title' AND indisvalid";
    assert_eq!(count(&mut superuser, valid).await, 40);
}

#[tokio::test]
async fn a_change_of_every_table_of_sixty_tenants_fits_the_servers_table_of_locks() {
    let database = TestDatabase::new().await;
    let each = |change: fn(usize) -> String| -> &'static str {
        (0..40).map(change).collect::<Vec<_>>().join(";\n").leak()
    };
    let tables = each(|n| format!("CREATE TABLE wide{n} (id int PRIMARY KEY, body text)"));
    let columns = each(|n| format!("ALTER TABLE wide{n} ADD more text"));
    let old = fleet(&database, set([tables])).await;
    many(&old, "t", 60).await;
    let new = fleet(&database, set([tables, columns])).await;
    let report = new
        .migrate(Selection::all(), Pace::default(), |_| {})
        .await
        .unwrap();
    assert_eq!((report.applied(), report.failures().count()), (60, 0));
}
