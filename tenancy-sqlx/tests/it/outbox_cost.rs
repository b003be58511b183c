//! What it costs to find the tenants that have something to tell.

use std::collections::BTreeSet;
use std::time::Duration;

use tenancy_core::outbox::{Claim, Feed, Next};

use crate::outbox::{TOPICS, World, claim, connect, eventually};
use tenancy_sqlx::PgOutbox;

/// What was read of these tables, whichever way.
const READ: &str = "SELECT coalesce(sum(coalesce(seq_tup_read, 0) + coalesce((
        SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid), 0)), 0)::int8
    FROM pg_stat_user_tables t WHERE schemaname = 'tenancy'
      AND relname IN ('outbox', 'outbox_leases', 'tenants')";

async fn read(world: &World) -> i64 {
    let mut superuser = world.test.superuser().await;
    sqlx::query_scalar(READ)
        .fetch_one(&mut superuser)
        .await
        .unwrap()
}

/// How many rows and index entries `work` reads, as the server counts. It counts a session's when
/// that ends.
async fn cost(world: &World, work: impl AsyncFnOnce(&PgOutbox)) -> i64 {
    let before = read(world).await;
    let database = connect(world.test.app_options()).await;
    work(&PgOutbox::new(&database)).await;
    database.close().await;
    eventually("the end of the session", async || {
        let sessions = "pg_stat_activity WHERE datname = current_database() AND usename = \
             (SELECT rolname FROM pg_roles WHERE rolname = 'tenancy_app')";
        (world.count(sessions).await == 0).then_some(())
    })
    .await;
    let read = read(world).await - before;
    eprintln!("rows and index entries read: {read}");
    read
}

#[tokio::test]
async fn finding_work_costs_a_step_for_each_tenant_that_has_some() {
    let world = World::new().await;
    // In the order of their ids.
    let [before, large, after] = <[_; 3]>::try_from(world.tenants(3).await).unwrap();
    world.tenants(2_000).await;
    world.database.close().await;
    let fill = |tenant, count, topic| {
        format!(
            "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload)
             SELECT gen_random_uuid(), '{tenant}', '{topic}', n::text, '{{}}'
             FROM generate_series(1, {count}) n"
        )
    };
    // Nobody looked at the tables since they were empty.
    world.run(fill(large.id(), 100_000, TOPICS[0])).await;
    world.run(fill(large.id(), 10_000, "something.else")).await;
    for small in [&before, &after] {
        world.run(fill(small.id(), 10, TOPICS[0])).await;
    }
    for analyzed in [false, true] {
        if analyzed {
            world.run("ANALYZE").await;
        }
        let claimed = cost(&world, async |feed| {
            let leases = feed.claim(&claim(), 10).await.unwrap();
            assert_eq!(leases.len(), 3);
            for lease in leases {
                feed.release(lease, Next::Now).await.unwrap();
            }
        })
        .await;
        assert!(claimed < 60, "{claimed} were read to find three tenants");
        let batch = cost(&world, async |feed| {
            let lease = feed
                .claim_tenant(&claim(), large.id())
                .await
                .unwrap()
                .unwrap();
            let messages = feed.messages(&lease, &TOPICS, 100).await.unwrap();
            assert_eq!(messages.len(), 100);
            feed.done(&lease, &messages).await.unwrap();
            feed.renew(&lease, Duration::from_secs(1)).await.unwrap();
            feed.release(lease, Next::Now).await.unwrap();
        })
        .await;
        assert!(batch < 600, "{batch} were read to tell 100 messages");
        for small in [&before, &after] {
            let few = cost(&world, async |feed| {
                let lease = feed
                    .claim_tenant(&claim(), small.id())
                    .await
                    .unwrap()
                    .unwrap();
                let messages = feed.messages(&lease, &TOPICS, 100).await.unwrap();
                assert_eq!(messages.len(), 10);
                feed.release(lease, Next::Now).await.unwrap();
            })
            .await;
            assert!(few < 300, "{few} were read to read ten messages");
        }
        let counted = cost(&world, async |feed| {
            let backlog = feed.backlog(&TOPICS).await.unwrap();
            assert_eq!((backlog.messages, backlog.tenants), (10_000, 3));
        })
        .await;
        assert!(
            counted < 25_000,
            "{counted} were read to count ten thousand"
        );
    }
    world.run("DELETE FROM tenancy.outbox").await;
    world.run("VACUUM ANALYZE tenancy.outbox").await;
    let idle = cost(&world, async |feed| {
        for _ in 0..10 {
            assert!(feed.claim(&claim(), 10).await.unwrap().is_empty());
        }
    })
    .await;
    assert!(
        idle < 10,
        "{idle} were read although there is nothing to tell"
    );
}

#[tokio::test]
async fn of_many_tenants_with_messages_a_part_is_looked_at_and_each_has_its_turn() {
    let world = World::new().await;
    let tenants = world.tenants(1_000).await;
    let topics = [TOPICS[0], "something.else"];
    let claim = Claim {
        topics: &topics,
        ..claim()
    };
    world.database.close().await;
    let tell = |topic, offset| {
        format!(
            "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload)
             SELECT gen_random_uuid(), id, '{topic}', '1', '{{}}'
             FROM tenancy.tenants ORDER BY id OFFSET {offset}"
        )
    };
    world.run(tell(topics[0], 0)).await;
    // Few have messages about something else, and they are the last ones.
    world.run(tell(topics[1], 995)).await;
    for analyzed in [false, true] {
        if analyzed {
            world.run("ANALYZE").await;
        }
        let claimed = cost(&world, async |feed| {
            for lease in feed.claim(&claim, 4).await.unwrap() {
                feed.release(lease, Next::Now).await.unwrap();
            }
        })
        .await;
        assert!(claimed < 1_500, "{claimed} were read to find four tenants");
    }
    let database = connect(world.test.app_options()).await;
    let feed = PgOutbox::new(&database);
    let mut seen = BTreeSet::new();
    let mut claims = 0;
    while seen.len() < tenants.len() {
        let leases = feed.claim(&claim, 4).await.unwrap();
        assert!(!leases.is_empty(), "nobody has a lease");
        for lease in leases {
            seen.insert(lease.tenant());
            feed.release(lease, Next::Now).await.unwrap();
        }
        claims += 1;
        assert!(claims < 1_000, "{} tenants had a turn", seen.len());
    }
}
