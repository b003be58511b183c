//! Connections that a fleet keeps: clean, alive, few, and not for long.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgConnection;
use tenancy_sqlx::Fleet;

use crate::support::*;

/// As long as none of these tests lasts.
const LONG: Duration = Duration::from_mins(10);

/// A fleet that keeps connections, whose second step is `dirt`.
async fn keeping(database: &TestDatabase, dirt: &'static str, span: Duration) -> Fleet {
    fleet(database, set([NOTES, dirt]))
        .await
        .keep_connections(span)
}

/// The sessions of the owner in this database that do nothing.
async fn idle(superuser: &mut PgConnection) -> Vec<i32> {
    sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
         AND usename <> current_user AND state = 'idle' ORDER BY pid",
    )
    .fetch_all(superuser)
    .await
    .unwrap()
}

/// Waits for the end of sessions that were closed.
async fn eventually_idle(superuser: &mut PgConnection, most: usize) -> Vec<i32> {
    eventually("the end of connections", async || {
        Some(idle(superuser).await).filter(|pids| pids.len() <= most)
    })
    .await
}

#[tokio::test]
async fn the_next_tenant_is_made_on_the_connection_of_the_last_and_on_its_own_when_none_is_kept() {
    let database = TestDatabase::new().await;
    let fleet = keeping(&database, TAGS, LONG).await;
    let mut superuser = database.superuser().await;
    create(&fleet, "a").await;
    let first = eventually_idle(&mut superuser, 1).await;
    assert_eq!(first.len(), 1);
    create(&fleet.clone(), "b").await;
    assert_eq!(eventually_idle(&mut superuser, 1).await, first);

    let fleet = fleet.keep_connections(Duration::ZERO);
    assert!(eventually_idle(&mut superuser, 0).await.is_empty());
    create(&fleet, "c").await;
    assert!(eventually_idle(&mut superuser, 0).await.is_empty());
}

#[tokio::test]
async fn what_migrations_leave_in_a_session_is_gone_before_the_next_operation() {
    let database = TestDatabase::new().await;
    let mut superuser = database.superuser().await;
    // Each but the last can be taken away; with that one the session ends.
    for (turn, dirt) in [
        "CREATE TEMP TABLE dirt ()",
        "IF EXISTS (SELECT pg_listening_channels()) THEN RAISE 'met'; END IF;
         EXECUTE 'LISTEN dirt'",
        "PERFORM pg_advisory_lock(42)",
        "IF current_setting('work_mem') = '77kB' THEN RAISE 'met'; END IF;
         PERFORM set_config('work_mem', '77kB', false)",
        "EXECUTE 'DEALLOCATE ALL'",
        "EXECUTE 'PREPARE dirt AS SELECT 1'",
    ]
    .into_iter()
    .enumerate()
    {
        let dirt = format!("DO $$ BEGIN {dirt}; END $$").leak();
        let fleet = keeping(&database, dirt, LONG).await;
        let mut pids = Vec::new();
        for name in ["a", "b"] {
            create(&fleet, &format!("{name}{turn}")).await;
            let expected = usize::from(!dirt.contains("PREPARE"));
            pids.push(eventually_idle(&mut superuser, expected).await);
            assert_eq!(pids[0].len(), expected, "{dirt}");
            assert_eq!(count(&mut superuser, LOCKS).await, 0, "{dirt}");
        }
        assert_eq!(pids[0], pids[1], "{dirt}");
        drop(fleet);
        eventually_idle(&mut superuser, 0).await;
    }
}

#[tokio::test]
async fn a_connection_that_died_is_replaced_and_one_whose_operation_failed_is_not_kept() {
    let database = TestDatabase::new().await;
    let fleet = keeping(&database, TAGS, LONG).await;
    let mut superuser = database.superuser().await;
    create(&fleet, "a").await;
    let before = eventually_idle(&mut superuser, 1).await;
    run(
        &mut superuser,
        &format!("SELECT pg_terminate_backend({}, 20000)", before[0]),
    )
    .await;
    create(&fleet, "b").await;
    let after = eventually_idle(&mut superuser, 1).await;
    assert_ne!(after, before);

    let taken = tenancy_sqlx::NewTenant::new(slug("b"));
    fleet.create(taken, |_| {}).await.unwrap_err();
    assert!(eventually_idle(&mut superuser, 0).await.is_empty());
    create(&fleet, "c").await;
}

#[tokio::test]
async fn four_are_kept_at_most_and_none_for_longer_than_is_said_or_than_there_is_a_fleet() {
    let database = TestDatabase::new().await;
    let fleet = keeping(&database, TAGS, LONG).await;
    let mut superuser = database.superuser().await;
    let names: Vec<_> = (0..7).map(|number| format!("t{number}")).collect();
    join_all(names.iter().map(|name| create(&fleet, name))).await;
    assert_eq!(eventually_idle(&mut superuser, 4).await.len(), 4);
    let clone = fleet.clone();
    drop(fleet);
    assert_eq!(idle(&mut superuser).await.len(), 4);
    drop(clone);
    eventually_idle(&mut superuser, 0).await;

    let fleet = keeping(&database, TAGS, Duration::from_millis(50)).await;
    for name in ["a", "b"] {
        create(&fleet, name).await;
        eventually_idle(&mut superuser, 0).await;
    }
}
