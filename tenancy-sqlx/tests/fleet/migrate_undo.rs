//! The way back: one run is undone, and what was made otherwise is entered.

use sqlx::postgres::PgConnection;
use tenancy_sqlx::{
    ErrorKind, Fleet, Migration, MigrationSet, Migrations, Outcome, Pace, RunKind, Selection, Undo,
};

use crate::support::*;

/// Steps with their ways back.
fn steps(count: usize) -> MigrationSet {
    let all = [
        Migration::new(1, "notes", NOTES).with_down("DROP TABLE notes"),
        Migration::new(2, "tags", TAGS).with_down("ALTER TABLE notes DROP tag; DROP TABLE tags"),
        Migration::new(3, "view", "CREATE VIEW titles AS SELECT title FROM notes")
            .with_down("DROP VIEW titles"),
        Migration::new(4, "more", "ALTER TABLE notes ADD more int"),
    ];
    MigrationSet::new(all.into_iter().take(count)).unwrap()
}

async fn shared_and_tenant(database: &TestDatabase, shared: usize, tenant: usize) -> Fleet {
    let plans = Migration::new(1, "plans", "CREATE TABLE shared.plans (id int)")
        .with_down("DROP TABLE shared.plans");
    let users =
        Migration::new(2, "users", "CREATE TABLE users (id int)").with_down("DROP TABLE users");
    let shared = MigrationSet::new([plans, users].into_iter().take(shared)).unwrap();
    let migrations = Migrations {
        shared,
        tenant: steps(tenant),
    };
    Fleet::connect(database.owner_options(), Some(APP.to_owned()), migrations)
        .await
        .unwrap()
}

/// Everything that migrations make, and the ledger without what differs from run to run.
async fn fingerprint(superuser: &mut PgConnection) -> String {
    sqlx::query_scalar(
        "SELECT concat_ws(E'\n',
            (SELECT string_agg(concat_ws(' ', n.nspname, c.relname, c.relkind, a.attname,
                        format_type(a.atttypid, a.atttypmod), a.attnotnull),
                    E'\n' ORDER BY n.nspname, c.relname, a.attname)
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE n.nspname !~ '^(pg_|information_schema|tenancy)'),
            (SELECT string_agg(conrelid::regclass || pg_get_constraintdef(oid), E'\n'
                    ORDER BY conrelid::regclass::text, conname)
             FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^(pg_|info|tenancy)'),
            (SELECT string_agg(concat_ws(' ', scope, tenant_id, version, name, checksum), E'\n'
                    ORDER BY scope, tenant_id, version)
             FROM tenancy.migrations))",
    )
    .fetch_one(superuser)
    .await
    .unwrap()
}

#[tokio::test]
async fn an_undone_run_leaves_the_fleet_as_it_was_before_it_and_touches_no_other_run() {
    let database = TestDatabase::new().await;
    let first = shared_and_tenant(&database, 1, 1).await;
    first.prepare().await.unwrap();
    for n in 0..5 {
        create(&first, &format!("t{n}")).await;
    }
    let mut superuser = database.superuser().await;
    // One tenant was moved on by an earlier run.
    let second = shared_and_tenant(&database, 1, 2).await;
    let earlier = second
        .migrate(Selection::only([slug("t0")]), jobs(1), |_| {})
        .await
        .unwrap();
    let before = fingerprint(&mut superuser).await;

    let third = shared_and_tenant(&database, 2, 3).await;
    let report = third
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert_eq!(report.applied(), 1 + 1 + 4 * 2);
    assert_ne!(fingerprint(&mut superuser).await, before);
    let plan = third.undo_plan(report.run).await.unwrap();
    assert_eq!((plan.shared, plan.tenants.len()), (vec![2], 5));
    assert_eq!(
        (
            plan.tenants[0].versions.clone(),
            plan.tenants[1].versions.clone()
        ),
        (vec![3], vec![3, 2])
    );
    assert_eq!(plan.refusals, [""; 0]);

    let undo = third.undo(report.run, jobs(2), |_| {}).await.unwrap();
    assert!(undo.is_complete(), "{undo:?}");
    assert_eq!((undo.undone(), undo.kind), (10, RunKind::Undo));
    assert_eq!(fingerprint(&mut superuser).await, before);
    assert_eq!(count(&mut superuser, LOCKS).await, 0);

    // Undoing it again is nothing, and nothing can be undone of that; tenants are behind now.
    let again = third.undo(report.run, jobs(2), |_| {}).await.unwrap();
    assert_eq!((again.undone(), again.tenants.len()), (0, 0));
    assert_eq!(
        third.undo_plan(report.run).await.unwrap().run.undone_by,
        Some(undo.run)
    );
    let error = third.undo(undo.run, jobs(2), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let report = third
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert_eq!(report.applied(), 10);

    // What is below a later run stays until that is undone.
    let error = third.undo(earlier.run, jobs(2), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("t0"), "{error}");
    let runs = third.runs(20).await.unwrap();
    let kinds: Vec<_> = runs.iter().map(|run| run.kind.as_str()).collect();
    let made = ["create"; 5];
    assert_eq!(kinds[..4], ["migrate", "undo", "migrate", "migrate"]);
    assert_eq!(kinds[4..9], made);
    assert_eq!(kinds[9..], ["prepare"]);
    assert!(runs.iter().all(|run| run.finished_at.is_some()));
    assert_eq!(runs[2].undone_by, Some(undo.run));
    let error = third.undo(runs[5].id, jobs(1), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("purge the tenant"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused_before_anything_is() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, steps(1)).await;
    for name in ["aa", "bb"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    let new = fleet(&database, steps(4)).await;
    let report = new
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    let before = traces(&mut superuser).await;
    let error = new.undo(report.run, jobs(1), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("4_more.down.sql"), "{error}");

    let changed = fleet(
        &database,
        MigrationSet::new(steps(4).iter().map(|migration| match migration.version() {
            4 => migration.clone().with_down("ALTER TABLE notes DROP more"),
            3 => Migration::new(3, "view", "SELECT 1").with_down("SELECT 1"),
            _ => migration.clone(),
        }))
        .unwrap(),
    )
    .await;
    let error = changed.undo(report.run, jobs(1), |_| {}).await.unwrap_err();
    assert!(
        error.to_string().contains("3_view.sql was changed"),
        "{error}"
    );
    let error = old.undo(report.run, jobs(1), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("no migration 4"), "{error}");
    let nobody = uuid::Uuid::now_v7();
    let error = new.undo(nobody, jobs(1), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RowNotFound);
    assert_eq!(traces(&mut superuser).await, before);
}

#[tokio::test]
async fn a_down_script_that_fails_is_its_tenants_failure_and_later_runs_can_be_skipped() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, steps(1)).await;
    for name in ["aa", "bb", "cc"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    let second = fleet(&database, steps(2)).await;
    let undone = second
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    let third = fleet(&database, steps(3)).await;
    let only = Selection::only([slug("cc")]);
    third.migrate(only, jobs(1), |_| {}).await.unwrap();
    run(
        &mut superuser,
        "CREATE VIEW bb.mine AS SELECT name FROM bb.tags",
    )
    .await;

    assert!(third.undo(undone.run, jobs(1), |_| {}).await.is_err());
    let undo = Undo::run(undone.run).skip_superseded();
    let report = third.undo(undo, Pace::default(), |_| {}).await.unwrap();
    let outcomes: Vec<_> = report.tenants.iter().map(|t| &t.outcome).collect();
    let [
        Outcome::Undone { versions },
        Outcome::Failed(failure),
        Outcome::Superseded { versions: later },
    ] = outcomes[..]
    else {
        panic!("{report:?}")
    };
    assert_eq!((&versions[..], &later[..]), (&[2][..], &[3][..]));
    assert_eq!(failure.file.as_deref(), Some("2_tags.down.sql"));
    assert_eq!(failure.sqlstate.as_deref(), Some("2BP01"));
    run(&mut superuser, "DROP VIEW bb.mine").await;
    let report = third.undo(undo, Pace::default(), |_| {}).await.unwrap();
    assert_eq!((report.undone(), report.tenants.len()), (1, 2));
}

#[tokio::test]
async fn what_is_marked_is_in_the_ledger_is_not_run_and_can_be_taken_out() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, steps(1)).await;
    for name in ["aa", "bb"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    run(&mut superuser, "SET search_path TO aa").await;
    run(&mut superuser, TAGS).await;
    let new = fleet(&database, steps(4)).await;
    let aa = || Selection::only([slug("aa")]);
    let error = new.mark_applied(aa(), Some(9)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let report = new.mark_applied(aa(), Some(2)).await.unwrap();
    assert_eq!(report.tenants[0].outcome.applied(), [2]);
    assert_eq!((report.kind, report.tenants.len()), (RunKind::Mark, 1));
    let all = new
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    assert_eq!(all.applied(), 2 + 3);
    assert!(new.status().await.unwrap().is_at_head());
    let views = "pg_class WHERE relname = 'titles' AND relkind = 'v'";
    assert_eq!(count(&mut superuser, views).await, 2);

    // Its undo takes entries out and leaves tables alone, without any down file.
    let behind = fleet(&database, steps(1)).await;
    create(&behind, "cc").await;
    let report = new
        .mark_applied(Selection::only([slug("cc")]), None)
        .await
        .unwrap();
    assert_eq!(report.applied(), 3);
    let report = new.undo(report.run, jobs(1), |_| {}).await.unwrap();
    assert_eq!(report.undone(), 3);
    assert_eq!(count(&mut superuser, "cc.notes").await, 0);
}
