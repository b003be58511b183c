//! The fleet comes to head tenant by tenant, each wholly or not at all.

use futures_util::future::join_all;
use sqlx::{ConnectOptions, Connection};
use tenancy_sqlx::{ErrorKind, MigrateEvent, MigrationSet, Outcome, Selection};

use crate::proxy::Proxy;
use crate::support::*;

#[tokio::test]
async fn one_poisoned_tenant_of_twenty_stops_no_other_and_is_left_as_it_was() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for n in 0..20 {
        create(&old, &format!("t{n}")).await;
    }
    let mut superuser = database.superuser().await;
    run(&mut superuser, "CREATE TABLE t7.tags (poison int)").await;

    let new = fleet(&database, set([NOTES, "SELECT 1", TAGS])).await;
    let mut events = Vec::new();
    let report = new
        .migrate(Selection::all(), jobs(4), |event| events.push(event))
        .await
        .unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.tenants.len(), 20);
    assert_eq!(report.applied(), 19 * 2);
    let failure = report.failures().next().unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(failure.version, Some(3));
    assert_eq!(failure.file.as_deref(), Some("3_step.sql"));
    assert_eq!(failure.sqlstate.as_deref(), Some("42P07"));
    assert!(failure.message.contains("\"tags\" already exists"));
    let failed = report
        .tenants
        .iter()
        .find(|t| !t.outcome.is_complete())
        .unwrap();
    assert_eq!(failed.slug.as_str(), "t7");
    assert_eq!(
        events[0],
        MigrateEvent::Planned {
            pending: 20,
            at_head: 0,
            blocked: 0
        }
    );
    assert_eq!(events.len(), 21);

    // The failing tenant has neither migration of its turn, and no lock is left.
    let of_t7 = "tenancy.migrations WHERE tenant_id = (SELECT id FROM tenancy.tenants \
                 WHERE slug = 't7')";
    assert_eq!(count(&mut superuser, of_t7).await, 1);
    assert_eq!(count(&mut superuser, LOCKS).await, 0);

    run(&mut superuser, "DROP TABLE t7.tags").await;
    let report = new
        .migrate(Selection::all(), jobs(4), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete());
    assert_eq!((report.at_head, report.applied()), (19, 2));
}

#[tokio::test]
async fn two_migrators_at_once_apply_each_migration_exactly_once() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for n in 0..12 {
        create(&old, &format!("t{n}")).await;
    }
    // Applied twice, this fails or leaves two rows.
    let add = "INSERT INTO notes (title) VALUES ('once'); SELECT pg_sleep(0.01)";
    let new = fleet(&database, set([NOTES, TAGS, add])).await;
    let reports = join_all((0..2).map(|_| new.migrate(Selection::all(), jobs(3), |_| {}))).await;
    let reports: Vec<_> = reports.into_iter().map(Result::unwrap).collect();
    assert!(reports.iter().all(tenancy_sqlx::RunReport::is_complete));
    let applied: usize = reports.iter().map(tenancy_sqlx::RunReport::applied).sum();
    assert_eq!(applied, 24);
    let mut superuser = database.superuser().await;
    for n in 0..12 {
        assert_eq!(count(&mut superuser, &format!("t{n}.notes")).await, 1);
    }
}

#[tokio::test]
async fn a_run_with_nothing_to_do_asks_one_question() {
    let database = TestDatabase::new().await;
    let plain = fleet(&database, set([NOTES])).await;
    for n in 0..5 {
        create(&plain, &format!("t{n}")).await;
    }
    let proxy = Proxy::start(&database.owner_options());
    let migrations = plain.migrations().clone();
    let fleet = tenancy_sqlx::Fleet::connect(proxy.options(), Some(APP.into()), migrations)
        .await
        .unwrap();
    // Connecting asks who answers; from then on it is counted.
    let (connections, statements) = (proxy.connections(), proxy.statements());
    let asked = || {
        let connections = proxy.connections() - connections;
        (connections, proxy.statements() - statements)
    };
    let report = fleet
        .migrate(Selection::all(), jobs(4), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete());
    assert_eq!((report.at_head, report.tenants.len()), (5, 0));
    assert_eq!(asked(), (1, 1));

    assert!(fleet.status().await.unwrap().is_at_head());
    assert_eq!(asked(), (2, 2));
}

#[tokio::test]
async fn a_ledger_that_does_not_fit_is_reported_and_not_touched() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES, TAGS])).await;
    create(&old, "changed").await;
    create(&old, "newer").await;
    let mut superuser = database.superuser().await;
    let of = |slug| format!("tenant_id = (SELECT id FROM tenancy.tenants WHERE slug = '{slug}')");
    run(
        &mut superuser,
        &format!(
            "UPDATE tenancy.migrations SET checksum = 'x' WHERE version = 2 AND {}; \
             INSERT INTO tenancy.migrations SELECT scope, tenant_id, 9, name, checksum, run_id, \
             applied_at, 0 FROM tenancy.migrations WHERE version = 2 AND {}",
            of("changed"),
            of("newer")
        ),
    )
    .await;
    let new = fleet(&database, set([NOTES, TAGS, "CREATE TABLE more (a int)"])).await;
    create(&old, "behind").await;
    let before = traces(&mut superuser).await;

    let status = new.status().await.unwrap();
    let ledgers: Vec<_> = status
        .tenants
        .iter()
        .map(|t| (t.slug.as_str(), &t.ledger.pending[..], &t.ledger.mismatch))
        .map(|(slug, pending, m)| (slug, pending.to_vec(), m.unknown.clone(), m.changed.clone()))
        .collect();
    assert_eq!(
        ledgers,
        [
            ("behind", vec![3], vec![], vec![]),
            ("changed", vec![3], vec![], vec![2]),
            ("newer", vec![3], vec![9], vec![])
        ]
    );
    assert!(!status.is_at_head());

    let only = Selection::only([slug("changed"), slug("newer")]);
    let mut events = Vec::new();
    let report = new
        .migrate(only, jobs(2), |event| events.push(event))
        .await
        .unwrap();
    assert_eq!(
        events[0],
        MigrateEvent::Planned {
            pending: 0,
            at_head: 0,
            blocked: 2
        }
    );
    assert_eq!(traces(&mut superuser).await, before);
    let blocked: Vec<_> = report.tenants.iter().map(|t| &t.outcome).collect();
    assert!(
        matches!(blocked[..], [Outcome::Blocked(a), Outcome::Blocked(b)]
            if a.changed == [2] && b.unknown == [9]),
        "{blocked:?}"
    );

    // A changed file shows also where nothing is behind.
    let only = Selection::only([slug("changed")]);
    let report = old.migrate(only, jobs(2), |_| {}).await.unwrap();
    assert_eq!((report.at_head, report.is_complete()), (0, false));

    let report = new
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert_eq!(report.applied(), 1);
    assert!(!report.is_complete());
}

#[tokio::test]
async fn a_report_is_json() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    let new = fleet(&database, set([NOTES, "SELECT 1;\nSELECT nothing"])).await;
    let report = new
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let tenant = &json["tenants"][0];
    assert_eq!(tenant["slug"], "acme");
    assert_eq!(tenant["outcome"], "failed");
    assert_eq!(tenant["position"]["line"], 2);
    assert_eq!(tenant["sqlstate"], "42703");
    assert!(json["duration_ms"].is_number() && json["run"].is_string());
    let status = serde_json::to_value(new.status().await.unwrap()).unwrap();
    assert_eq!(status["tenants"][0]["pending"], serde_json::json!([2]));
}

#[tokio::test]
async fn a_selection_takes_what_it_names_and_refuses_who_is_not_there() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for name in ["aa", "bb", "cc"] {
        create(&old, name).await;
    }
    let shared = set(["CREATE TABLE plans (id int PRIMARY KEY)"]);
    let new = unprepared(&database, shared, set([NOTES, TAGS])).await;
    let error = new
        .migrate(
            Selection::only([slug("aa"), slug("nobody")]),
            jobs(1),
            |_| {},
        )
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("tenant nobody does not exist"),
        "{error}"
    );

    let only = Selection::only([slug("aa"), slug("aa")]);
    let report = new.migrate(only, jobs(1), |_| {}).await.unwrap();
    assert_eq!((report.applied(), report.shared.is_none()), (1, true));
    let report = new
        .migrate(Selection::shared(), jobs(1), |_| {})
        .await
        .unwrap();
    assert_eq!((report.applied(), report.tenants.len()), (1, 0));
    let report = new
        .migrate(Selection::tenants(), jobs(1), |_| {})
        .await
        .unwrap();
    assert_eq!((report.applied(), report.at_head), (2, 1));
    assert!(new.status().await.unwrap().is_at_head());
}

#[tokio::test]
async fn a_stray_lock_costs_only_the_tenant_that_it_lies_on() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for name in ["aa", "bb", "cc"] {
        create(&old, name).await;
    }
    let mut stray = database.superuser().await;
    let mut held = stray.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE bb.notes")
        .execute(&mut *held)
        .await
        .unwrap();
    let step = "SET LOCAL lock_timeout = '30ms'; ALTER TABLE notes ADD more int";
    let new = fleet(&database, set([NOTES, step])).await;
    let report = new
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    let done: Vec<_> = report
        .tenants
        .iter()
        .map(|t| t.outcome.is_complete())
        .collect();
    assert_eq!(done, [true, false, true]);
    assert_eq!(
        report.failures().next().unwrap().sqlstate.as_deref(),
        Some("55P03")
    );
    held.rollback().await.unwrap();
    assert!(
        new.migrate(Selection::all(), jobs(1), |_| {})
            .await
            .unwrap()
            .is_complete()
    );
}

#[tokio::test]
async fn a_migration_that_strays_or_a_schema_that_is_gone_is_that_tenants_failure() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for name in ["aa", "bb"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    run(&mut superuser, "ALTER SCHEMA aa RENAME TO away").await;
    let stray = "DO $$ BEGIN PERFORM set_config('search_path', 'public', true); END $$; \
                 CREATE TABLE astray (a int)";
    let new = fleet(&database, set([NOTES, stray])).await;
    let report = new
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    let messages: Vec<_> = report.failures().map(|f| f.message.as_str()).collect();
    assert!(messages[0].contains("the schema is gone"), "{messages:?}");
    assert!(
        messages[1].contains("the path was left at public instead of bb"),
        "{messages:?}"
    );
    for table in [
        "public.astray",
        "away.astray",
        "bb.astray",
        "extensions.astray",
    ] {
        let there = format!("(SELECT 1 WHERE to_regclass('{table}') IS NOT NULL) t");
        assert_eq!(count(&mut superuser, &there).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_whole_tenants_and_no_lock() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for n in 0..6 {
        create(&old, &format!("t{n}")).await;
    }
    let step = "ALTER TABLE notes ADD more int; SELECT pg_sleep(0.1)";
    let new = fleet(&database, set([NOTES, step])).await;
    let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
    let run = new.migrate(Selection::all(), jobs(2), move |event| {
        if matches!(event, MigrateEvent::Tenant(_)) {
            sender.send(()).unwrap();
        }
    });
    tokio::select! {
        _ = run => panic!("it was to be dropped"),
        _ = done.recv() => {}
    }
    let mut superuser = database.superuser().await;
    eventually("the end of every lock", async || {
        (count(&mut superuser, LOCKS).await == 0).then_some(())
    })
    .await;
    let entered = count(
        &mut superuser,
        "tenancy.migrations WHERE scope = 'tenant' AND version = 2",
    )
    .await;
    let altered = "pg_attribute WHERE attname = 'more' AND NOT attisdropped";
    assert_eq!(count(&mut superuser, altered).await, entered);
    assert!((1..6).contains(&entered), "{entered}");
    // What it did, and that it did not come to its end, is to be seen.
    let last = new.runs(1).await.unwrap().remove(0);
    assert_eq!((last.kind.as_str(), last.finished_at), ("migrate", None));
    assert_eq!(last.applied, entered);
    let report = new
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete());
    assert_eq!(i64::try_from(report.at_head).unwrap(), entered);
}

#[tokio::test]
async fn preparing_is_idempotent_and_safe_to_do_at_once() {
    let database = TestDatabase::new().await;
    let shared = set([
        "CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)",
        "CREATE TABLE shared.plans (id int PRIMARY KEY); INSERT INTO shared.plans VALUES (1)",
    ]);
    let fleet = unprepared(&database, shared, MigrationSet::default()).await;
    let error = fleet.tenants().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert_eq!(
        fleet.status().await.unwrap_err().kind(),
        ErrorKind::Configuration
    );

    let reports = join_all((0..4).map(|_| fleet.prepare())).await;
    let applied: usize = reports.iter().map(|r| r.as_ref().unwrap().applied()).sum();
    assert_eq!(applied, 10);
    assert_eq!(fleet.prepare().await.unwrap().applied(), 0);

    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, "INSERT INTO public.users (name) VALUES ('x')").await;
    run(&mut app, "INSERT INTO shared.plans VALUES (2)").await;
    assert_eq!(count(&mut app, "shared.plans").await, 2);
    let shaped = sqlx::raw_sql("ALTER TABLE shared.plans ADD more int")
        .execute(&mut app)
        .await;
    let error = shaped.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501");
}

#[tokio::test]
async fn preparing_refuses_what_a_program_must_not_start_with() {
    let database = TestDatabase::new().await;
    let prepare = async |shared: MigrationSet| {
        unprepared(&database, shared, MigrationSet::default())
            .await
            .prepare()
            .await
    };
    let error = prepare(set(["CREATE TABLE a (a int)", "SELEC"]))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("2_step.sql, line 1, column 1"),
        "{error}"
    );
    let mut superuser = database.superuser().await;
    assert_eq!(
        count(&mut superuser, "tenancy.migrations WHERE scope = 'shared'").await,
        0
    );

    prepare(set(["CREATE TABLE a (a int)", "SELECT 1"]))
        .await
        .unwrap();
    let error = prepare(set(["CREATE TABLE a (a int, b int)"]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("[1]"), "{error}");

    // An older program may go on: it is told, and nothing is touched.
    let report = prepare(set(["CREATE TABLE a (a int)"])).await.unwrap();
    assert!(matches!(&report.shared, Some(Outcome::Blocked(m)) if m.unknown == [2]));

    let stranger = tenancy_sqlx::Fleet::connect(
        database.owner_options(),
        Some("nobody's login".into()),
        tenancy_sqlx::Migrations::default(),
    );
    let error = stranger.await.unwrap().prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("nobody's login"), "{error}");
}

#[tokio::test]
async fn no_tenant_is_touched_while_what_they_share_cannot_come_to_head() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    let bad = unprepared(&database, set(["SELECT nothing"]), set([NOTES, TAGS])).await;
    let mut events = Vec::new();
    let report = bad
        .migrate(Selection::all(), jobs(1), |event| events.push(event))
        .await
        .unwrap();
    assert!(matches!(report.shared, Some(Outcome::Failed(_))));
    assert!(report.tenants.is_empty() && !report.is_complete());
    assert!(matches!(
        events[..],
        [
            MigrateEvent::Planned { pending: 1, .. },
            MigrateEvent::Shared(Outcome::Failed(_))
        ]
    ));
    let mut superuser = database.superuser().await;
    let failed = "tenancy.migration_runs WHERE failed = 1 AND applied = 0 \
                  AND finished_at IS NOT NULL";
    assert_eq!(count(&mut superuser, failed).await, 1);
    assert!(old.status().await.unwrap().is_at_head());
}
