//! What each kind of pooler costs, counted on the wire.

use tenancy_sqlx::{Database, PoolSettings, Pooler};

use crate::bouncer::{Bouncer, Kind, program, tracks_statements};
use crate::proxy::Tap;
use crate::server::World;
use crate::statements::*;

/// The round trips of a read once everything is warm, and of a transaction with two reads.
async fn trips(pooler: Pooler) -> Option<(u64, u64)> {
    program()?;
    let world = World::new().await;
    let kind = Kind {
        sessions: 1,
        pooler,
    };
    let bouncer = Bouncer::start(kind, &world.direct);
    let tap = Tap::new(&bouncer.options(&world.direct)).await;
    let options = tap.options.clone().extra_float_digits(None);
    let settings = PoolSettings::default().max_connections(1).pooler(pooler);
    let database = Database::connect(options, settings).await.unwrap();
    let db = world.tenant(&database, "acme");
    let read = || db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    for _ in 0..3 {
        read().await.unwrap();
    }
    let before = tap.count().0;
    read().await.unwrap();
    let single = tap.count().0 - before;

    let mut tx = db.begin().await.unwrap();
    let before = tap.count().0;
    for _ in 0..2 {
        let title = tx.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
        title.await.unwrap();
    }
    tx.commit().await.unwrap();
    let two = tap.count().0 - before;
    Some((single, two))
}

/// One trip may be the pool's own, which greets a connection that comes back; nobody waits for it.
fn about(counted: u64, wanted: u64) {
    assert!(
        (wanted..=wanted + 1).contains(&counted),
        "{counted} round trips instead of {wanted}"
    );
}

#[tokio::test]
async fn without_statements_a_read_is_four_round_trips() {
    if let Some((single, two)) = trips(Pooler::Transaction).await {
        about(single, 4);
        assert_eq!(two, 5, "two each, and the commit");
    }
}

#[tokio::test]
async fn with_statements_a_read_is_one_round_trip() {
    if !tracks_statements() {
        return;
    }
    if let Some((single, two)) = trips(Pooler::TransactionWithStatements).await {
        about(single, 1);
        assert_eq!(two, 3, "one each, and the commit");
    }
}
