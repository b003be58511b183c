//! A migrator that is killed at any of its messages; whoever comes after it does the rest.

use std::num::NonZeroUsize;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tenancy_sqlx::{Fleet, Migration, MigrationSet, Migrations, Pace, Selection, Undo};

use crate::crash::{Crash, Last};
use crate::support::*;

/// More than any of these programs says.
const MESSAGES: usize = 500;

fn migrations() -> MigrationSet {
    let index =
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS by_title ON notes (title)";
    MigrationSet::new([
        Migration::new(1, "notes", NOTES),
        Migration::new(
            2,
            "two",
            "ALTER TABLE notes ADD more int; INSERT INTO notes (title) VALUES ('two')",
        )
        .with_down("ALTER TABLE notes DROP more; DELETE FROM notes WHERE title = 'two'"),
        Migration::new(3, "index", index).with_down("DROP INDEX IF EXISTS by_title"),
        Migration::new(4, "four", "INSERT INTO notes (title) VALUES ('four')")
            .with_down("DELETE FROM notes WHERE title = 'four'"),
    ])
    .unwrap()
}

fn pace() -> Pace {
    Pace::new(jobs(1)).batch(NonZeroUsize::new(2).unwrap())
}

async fn connect(options: sqlx::postgres::PgConnectOptions) -> Fleet {
    let migrations = Migrations {
        tenant: migrations(),
        ..Migrations::default()
    };
    let fleet = Fleet::connect(options, Some(APP.to_owned()), migrations).await;
    fleet.unwrap().keep_connections(Duration::from_mins(10))
}

async fn versions(superuser: &mut PgConnection, slug: &str) -> Vec<i64> {
    sqlx::query_scalar(
        "SELECT version FROM tenancy.migrations m JOIN tenancy.tenants t ON t.id = m.tenant_id
         WHERE slug = $1 ORDER BY version",
    )
    .bind(slug)
    .fetch_all(superuser)
    .await
    .unwrap()
}

async fn killed_at_every_message(last: Last) {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    let old = old.keep_connections(Duration::from_mins(10));
    let mut superuser = database.superuser().await;
    let sane = connect(database.owner_options()).await;
    let crash = Crash::never(&database.owner_options());
    let doomed = connect(crash.options()).await;
    for at in 0..MESSAGES {
        let names: Vec<_> = (0..5).map(|n| format!("t{at:03}x{n}")).collect();
        for name in &names {
            // The first step is the same, whatever its name is.
            old.create(tenancy_sqlx::NewTenant::new(slug(name)), |_| {})
                .await
                .unwrap();
        }
        let these = || Selection::only(names.iter().map(|name| slug(name)));
        crash.rise(at, last);
        let _ = doomed.migrate(these(), pace(), |_| {}).await;
        let report = sane.migrate(these(), pace(), |_| {}).await.unwrap();
        assert!(report.is_complete(), "killed at {at}: {report:?}");
        for name in &names {
            assert_eq!(versions(&mut superuser, name).await, [1, 2, 3, 4], "{at}");
            let schema = name;
            let rows = |title| format!("{schema}.notes WHERE title = '{title}'");
            for title in ["two", "four"] {
                assert_eq!(
                    count(&mut superuser, &rows(title)).await,
                    1,
                    "{at}, {title}"
                );
            }
            let index = format!(
                "pg_index WHERE indrelid = '{schema}.notes'::regclass AND NOT indisprimary"
            );
            assert_eq!(count(&mut superuser, &index).await, 1, "{at}");
            let valid = format!("{index} AND indisvalid");
            assert_eq!(count(&mut superuser, &valid).await, 1, "{at}");
        }
        if !crash.happened() {
            assert!(at > 20, "only {at} messages");
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn a_run_that_is_killed_before_any_message_is_completed_by_the_next() {
    killed_at_every_message(Last::Lost).await;
}

#[tokio::test]
async fn a_run_that_is_killed_after_any_message_is_completed_by_the_next() {
    killed_at_every_message(Last::Unanswered).await;
}

#[tokio::test]
async fn an_undo_that_is_killed_at_any_message_is_completed_by_the_next() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    let old = old.keep_connections(Duration::from_mins(10));
    let mut superuser = database.superuser().await;
    let sane = connect(database.owner_options()).await;
    let crash = Crash::never(&database.owner_options());
    let doomed = connect(crash.options()).await;
    for last in [Last::Lost, Last::Unanswered] {
        for at in 0..MESSAGES {
            let letter = if last == Last::Lost { 'a' } else { 'b' };
            let names: Vec<_> = (0..2).map(|n| format!("{letter}{at:03}x{n}")).collect();
            for name in &names {
                create(&old, name).await;
            }
            let these = Selection::only(names.iter().map(|name| slug(name)));
            let run = sane.migrate(these, pace(), |_| {}).await.unwrap().run;
            crash.rise(at, last);
            let _ = doomed.undo(run, pace(), |_| {}).await;
            let report = sane.undo(Undo::run(run), pace(), |_| {}).await.unwrap();
            assert!(report.is_complete(), "killed at {at}: {report:?}");
            for name in &names {
                assert_eq!(versions(&mut superuser, name).await, [1], "{at}");
                assert_eq!(
                    count(&mut superuser, &format!("{name}.notes")).await,
                    0,
                    "{at}"
                );
            }
            let undone = format!("tenancy.undone_migrations WHERE run_id = '{run}'");
            assert_eq!(count(&mut superuser, &undone).await, 6, "{at}");
            let marked =
                format!("tenancy.migration_runs WHERE id = '{run}' AND undone_by IS NOT NULL");
            assert_eq!(count(&mut superuser, &marked).await, 1, "{at}");
            if !crash.happened() {
                break;
            }
        }
    }
}
