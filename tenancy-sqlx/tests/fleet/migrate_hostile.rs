//! Migrations that want to escape, and everything that may happen between a plan and its turn.

use std::num::NonZeroUsize;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use tenancy_core::Status;
use tenancy_sqlx::{
    ErrorKind, Fleet, MigrateEvent, Migration, MigrationSet, Outcome, Pace, Rename, Selection, Wave,
};

use crate::support::*;

const ADD: &str = "ALTER TABLE notes ADD more int";

/// Does something while a run stands still, as another program would.
fn meanwhile(fleet: &Fleet, work: impl AsyncFnOnce(&Fleet) + Send) {
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(work(fleet));
        });
        work.join().unwrap();
    });
}

fn one_by_one() -> Pace {
    Pace::new(jobs(1)).batch(NonZeroUsize::MIN)
}

fn together() -> Pace {
    Pace::new(jobs(1))
}

#[tokio::test]
async fn what_a_migration_does_to_the_transaction_or_the_ledger_is_taken_back_with_it() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for name in ["acme", "globex", "initech"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    // Blocks keep their secrets, so that only what they do can give them away.
    for (hostile, told) in [
        (
            "CREATE TABLE a (b int); DO $$ BEGIN EXECUTE 'COMMIT'; END $$",
            "EXECUTE of transaction commands",
        ),
        (
            "CREATE TABLE a (b int); DO $$ BEGIN COMMIT; END $$",
            "invalid transaction termination",
        ),
        (
            "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$; CALL p()",
            "invalid transaction termination",
        ),
        (
            "DO $$ BEGIN PERFORM set_config('search_path', 'public', true); END $$",
            "the path was left at public",
        ),
        (
            "DO $$ BEGIN EXECUTE 'SET search_path TO public'; END $$; CREATE TABLE a (b int)",
            "the path was left at public",
        ),
        (
            "DO $$ BEGIN INSERT INTO tenancy.migrations (scope, tenant_id, version, name, checksum,
                 run_id, applied_at, duration_us)
             SELECT scope, tenant_id, version + 8, name, checksum, run_id, applied_at, 0
             FROM tenancy.migrations WHERE scope = 'tenant' AND version = 1; END $$",
            "the ledger was written by a migration",
        ),
        (
            "DO $$ BEGIN DELETE FROM tenancy.migrations WHERE scope = 'tenant'; END $$",
            "the ledger was written by a migration",
        ),
    ] {
        let new = fleet(&database, set([NOTES, hostile])).await;
        let report = new
            .migrate(Selection::all(), together(), |_| {})
            .await
            .unwrap();
        assert_eq!(report.tenants.len(), 3, "{hostile}: {report:?}");
        for tenant in &report.tenants {
            let Outcome::Failed(failure) = &tenant.outcome else {
                panic!("{hostile}: {report:?}")
            };
            assert!(failure.message.contains(told), "{hostile}: {failure}");
        }
        assert_eq!(traces(&mut superuser).await, before, "{hostile}");
    }
}

#[tokio::test]
async fn a_batch_in_which_the_ledger_was_written_is_nobodys() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for name in ["acme", "globex", "initech"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    // A trigger on what all tenants may write does it, where no statement tells.
    run(
        &mut superuser,
        "CREATE FUNCTION public.sly() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO tenancy.migrations (scope, tenant_id, version, name, checksum, run_id,
                 applied_at, duration_us)
             SELECT m.scope, m.tenant_id, 77, m.name, m.checksum, m.run_id, m.applied_at, 0
             FROM tenancy.migrations m JOIN tenancy.tenants t ON t.id = m.tenant_id
             WHERE t.schema_name = current_schema() AND t.slug = 'globex' AND m.version = 1
             ON CONFLICT DO NOTHING; END $$;
         CREATE EVENT TRIGGER sly ON ddl_command_end EXECUTE FUNCTION public.sly()",
    )
    .await;
    let new = fleet(&database, set([NOTES, ADD])).await;
    let report = new
        .migrate(Selection::all(), together(), |_| {})
        .await
        .unwrap();
    run(
        &mut superuser,
        "DROP EVENT TRIGGER sly; DROP FUNCTION public.sly()",
    )
    .await;
    let failed: Vec<_> = report
        .tenants
        .iter()
        .filter(|tenant| matches!(tenant.outcome, Outcome::Failed(_)))
        .map(|tenant| tenant.slug.as_str())
        .collect();
    assert_eq!(failed, ["globex"], "{report:?}");
    let sly = "tenancy.migrations WHERE version = 77";
    assert_eq!(count(&mut superuser, sly).await, 0);
}

#[tokio::test]
async fn a_text_may_end_as_it_likes_or_is_refused_before_anything_runs() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    let fine = [
        "CREATE TABLE a1 (b int) -- no line end",
        "CREATE TABLE a2 (b int); /* a /* nested */ one */",
        "CREATE TABLE a3 (b int); -- a quote \' and $$",
        "COMMENT ON TABLE a1 IS $q$ it's; COMMIT; $q$",
        "INSERT INTO notes (title) VALUES (E'a\\'; COMMIT; --')",
        "\u{feff}CREATE TABLE a4 (b int);;;",
        "-- nothing at all",
        "",
    ];
    let steps = (2..)
        .zip(fine)
        .map(|(version, sql)| Migration::new(version, "step", sql));
    let all = std::iter::once(Migration::new(1, "step", NOTES)).chain(steps);
    let new = fleet(&database, MigrationSet::new(all).unwrap()).await;
    create(&new, "globex").await;
    let report = new
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    assert_eq!(
        report.tenants[0].outcome.applied().len(),
        fine.len(),
        "{report:?}"
    );
    let mut superuser = database.superuser().await;
    let tables = "pg_class WHERE relname ~ '^a[1-4]$' AND relkind = 'r'";
    assert_eq!(count(&mut superuser, tables).await, 8);

    for open in [
        "SELECT 'a",
        "SELECT \"a",
        "SELECT $a$ $b$",
        "/* /* */",
        "SELECT E'a\\'",
        "SELECT 1 \\; SELECT 2",
    ] {
        let refused = MigrationSet::new([Migration::new(1, "open", open)]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration, "{open}");
        assert!(
            refused.to_string().contains("1_open.sql, line 1"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_tenant_that_changed_between_the_plan_and_its_turn_costs_nobody_else_anything() {
    for pace in [together(), one_by_one()] {
        let database = TestDatabase::new().await;
        let old = fleet(&database, set([NOTES])).await;
        for name in ["gone", "moved", "other", "shelved", "stopped"] {
            create(&old, name).await;
        }
        let new = fleet(&database, set([NOTES, ADD])).await;
        let report = new
            .migrate(Selection::all(), pace, |event| {
                if matches!(event, MigrateEvent::Planned { .. }) {
                    meanwhile(&new, async |fleet| {
                        let gone = slug("gone");
                        fleet.archive(&gone, None).await.unwrap();
                        fleet.purge(&gone, &gone).await.unwrap();
                        let to = Rename::to(slug("renamed"));
                        fleet.rename(&slug("moved"), to).await.unwrap();
                        fleet.archive(&slug("shelved"), None).await.unwrap();
                        fleet.suspend(&slug("stopped")).await.unwrap();
                    });
                }
            })
            .await
            .unwrap();
        for tenant in &report.tenants {
            match tenant.slug.as_str() {
                "gone" | "moved" => {
                    let Outcome::Failed(failure) = &tenant.outcome else {
                        panic!("{report:?}")
                    };
                    assert!(failure.message.contains("run again"), "{failure}");
                }
                _ => assert_eq!(tenant.outcome.applied(), [2], "{report:?}"),
            }
        }
        let report = new
            .migrate(Selection::all(), together(), |_| {})
            .await
            .unwrap();
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(report.tenants.len(), 1, "{report:?}");
        assert_eq!(report.tenants[0].slug.as_str(), "renamed");
        let shelved = new.tenant(&slug("shelved")).await.unwrap().unwrap();
        assert_eq!(shelved.status(), Status::Archived);
    }
}

#[tokio::test]
async fn programs_with_different_migrations_at_once_leave_every_tenant_at_one_of_them() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for n in 0..12 {
        create(&old, &format!("t{n:02}")).await;
    }
    let shorter = fleet(&database, set([NOTES, TAGS])).await;
    let longer = fleet(&database, set([NOTES, TAGS, ADD])).await;
    let (one, two) = tokio::join!(
        shorter.migrate(Selection::all(), Pace::new(jobs(2)), |_| {}),
        longer.migrate(Selection::all(), Pace::new(jobs(2)), |_| {}),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    for tenant in &one.tenants {
        let fits = match &tenant.outcome {
            Outcome::Applied { .. } => true,
            // The newer program was there before.
            Outcome::Blocked(mismatch) => mismatch.unknown == [3] && mismatch.changed.is_empty(),
            _ => false,
        };
        assert!(fits, "{one:?}");
    }
    assert!(two.is_complete(), "{two:?}");
    assert_eq!(one.applied() + two.applied(), 24);
    assert!(longer.status().await.unwrap().is_at_head());
}

#[tokio::test]
async fn a_canary_that_cannot_warn_anybody_is_refused_or_stops_the_run() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    for name in ["acme", "globex", "initech"] {
        create(&old, name).await;
    }
    let new = fleet(&database, set([NOTES, ADD])).await;
    let pace = || together().canary_tenants([slug("globex")]);
    for selection in [
        Selection::all().except([slug("globex")]),
        Selection::only([slug("acme")]),
    ] {
        let error = new.migrate(selection, pace(), |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            error.to_string().contains("tenant globex is to go first"),
            "{error}"
        );
    }
    // Somebody changed what was applied: the canary is not touched, and so is nobody else.
    let mut superuser = database.superuser().await;
    let of_globex = "WHERE tenant_id = (SELECT id FROM tenancy.tenants WHERE slug = 'globex')";
    let damage = format!("UPDATE tenancy.migrations SET checksum = 'x' {of_globex}");
    run(&mut superuser, &damage).await;
    let report = new.migrate(Selection::all(), pace(), |_| {}).await.unwrap();
    assert_eq!(report.not_reached(), 2, "{report:?}");
    let added = "pg_attribute WHERE attname = 'more'";
    assert_eq!(count(&mut superuser, added).await, 0);
    let whole: Wave = "100%".parse().unwrap();
    let report = new
        .migrate(
            Selection::all().except([slug("globex")]),
            together().wave(whole),
            |_| {},
        )
        .await
        .unwrap();
    assert!(report.is_complete(), "{report:?}");
    // A canary that is at head has warned already.
    let at_head = together().canary_tenants([slug("acme")]);
    let report = new
        .migrate(Selection::all(), at_head, |_| {})
        .await
        .unwrap();
    assert_eq!((report.at_head, report.not_reached()), (2, 0));
    // Nobody is left: nothing is done, and that is no failure.
    let everybody = ["acme", "globex", "initech"].map(slug);
    let nobody = Selection::tenants().except(everybody);
    let report = new.migrate(nobody, together(), |_| {}).await.unwrap();
    assert!(report.is_complete() && report.tenants.is_empty());
}

#[tokio::test]
async fn a_run_that_is_taken_back_while_it_is_under_way_begins_nothing_more() {
    let database = TestDatabase::new().await;
    let first = Migration::new(1, "notes", NOTES).with_down("DROP TABLE notes");
    let second = Migration::new(2, "more", ADD).with_down("ALTER TABLE notes DROP more");
    let old = fleet(&database, MigrationSet::new([first.clone()]).unwrap()).await;
    for n in 0..6 {
        create(&old, &format!("t{n}")).await;
    }
    let mut superuser = database.superuser().await;
    let added = "pg_attribute WHERE attname = 'more'";
    let new = fleet(&database, MigrationSet::new([first, second]).unwrap()).await;
    for pace in [
        one_by_one(),
        Pace::new(jobs(1)).batch(NonZeroUsize::new(2).unwrap()),
    ] {
        let mut undone = false;
        let seen = Arc::new(std::sync::Mutex::new(None));
        let report = new
            .migrate(Selection::all(), pace, |event| {
                if matches!(event, MigrateEvent::Tenant(_)) && !undone {
                    undone = true;
                    meanwhile(&new, async |fleet| {
                        let run = fleet.runs(1).await.unwrap().remove(0);
                        assert!(run.finished_at.is_none());
                        let nobody = Pace::new(jobs(1)).canary_tenants([slug("t5")]);
                        let error = fleet.undo(run.id, nobody, |_| {}).await.unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                        let report = fleet.undo(run.id, jobs(1), |_| {}).await.unwrap();
                        assert!(report.is_complete() && report.undone() > 0, "{report:?}");
                        *seen.lock().unwrap() = Some(run.id);
                    });
                }
            })
            .await
            .unwrap();
        let ended = report
            .failures()
            .filter(|failure| failure.message.contains("ended by an undo"));
        assert!(ended.count() >= 4, "{report:?}");
        assert_eq!(Some(report.run), *seen.lock().unwrap());
        let left = format!("tenancy.migrations WHERE run_id = '{}'", report.run);
        assert_eq!(count(&mut superuser, &left).await, 0);
        assert_eq!(count(&mut superuser, added).await, 0);
        let record = new.runs(10).await.unwrap();
        let record = record.iter().find(|run| run.id == report.run).unwrap();
        assert!(record.undone_by.is_some(), "{record:?}");
    }
    let report = new
        .migrate(Selection::all(), together(), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete() && report.applied() == 6, "{report:?}");
}

#[tokio::test]
async fn an_index_of_any_name_is_looked_at_and_what_follows_it_may_fail() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('twice'), ('twice')",
    )
    .await;
    let long = "x".repeat(70);
    let names = [
        "\"Title \"\"of\"\" a Note\"".to_owned(),
        "Größe_ÄÖ".to_owned(),
        format!("\"{long}\""),
        long,
    ];
    let invalid = "pg_index WHERE NOT indisvalid";
    for name in names {
        let sql = format!(
            "-- no-transaction\nANALYZE notes;\n\
             CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {name} ON notes (title);\n\
             VACUUM nowhere"
        );
        let all = [(1, NOTES.to_owned()), (2, sql)];
        let steps = all.map(|(version, sql)| Migration::new(version, "step", sql));
        let new = fleet(&database, MigrationSet::new(steps).unwrap()).await;
        // The index cannot be built, and the repetition does not take the ruin for one.
        for _ in 0..2 {
            let report = new
                .migrate(Selection::all(), jobs(1), |_| {})
                .await
                .unwrap();
            let failure = report.failures().next().unwrap();
            assert_eq!(
                failure.sqlstate.as_deref(),
                Some("23505"),
                "{name}: {failure}"
            );
            assert_eq!(count(&mut superuser, invalid).await, 1, "{name}");
        }
        run(&mut superuser, "DELETE FROM acme.notes WHERE id = 1").await;
        // Then it can, and the statement behind it fails: nothing is entered.
        let report = new
            .migrate(Selection::all(), jobs(1), |_| {})
            .await
            .unwrap();
        let failure = report.failures().next().unwrap();
        assert_eq!(
            failure.sqlstate.as_deref(),
            Some("42P01"),
            "{name}: {failure}"
        );
        assert!(report.tenants[0].outcome.applied().is_empty());
        assert_eq!(count(&mut superuser, invalid).await, 0, "{name}");
        let index: String = sqlx::query_scalar(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'acme.notes'::regclass
             AND indisunique AND NOT indisprimary",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        sqlx::query(AssertSqlSafe(format!("DROP INDEX {index}")))
            .execute(&mut superuser)
            .await
            .unwrap();
        run(
            &mut superuser,
            "TRUNCATE acme.notes RESTART IDENTITY;
             INSERT INTO acme.notes (title) VALUES ('twice'), ('twice')",
        )
        .await;
    }
}
