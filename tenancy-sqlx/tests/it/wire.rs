//! What goes over the wire, and what the server says when it knows better than the client.

use sqlx::postgres::PgPoolOptions;
use tenancy_sqlx::{Database, ErrorKind, PoolSettings, TenantDb};

use crate::proxy::Tap;
use crate::server::World;
use crate::statements::*;

/// A pool of one connection that is open already, behind a tap.
async fn tapped(world: &World, settings: PoolSettings) -> (Tap, TenantDb) {
    let tap = Tap::new(&world.app).await;
    let database = Database::connect(tap.options.clone(), settings.max_connections(1));
    let db = world.tenant(&database.await.unwrap(), "acme");
    (tap, db)
}

/// The turns that `$work` takes.
macro_rules! turns {
    ($tap:ident, $work:expr) => {{
        let (before, _) = $tap.count();
        $work;
        let (after, _) = $tap.count();
        after - before
    }};
}

#[tokio::test]
async fn a_prepared_statement_is_one_round_trip() {
    let world = World::new().await;
    let (tap, db) = tapped(&world, PoolSettings::default()).await;
    let ask = || db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    ask().await.unwrap();
    for _ in 0..20 {
        assert_eq!(turns!(tap, ask().await.unwrap()), 1);
    }

    let mut tx = db.begin().await.unwrap();
    let ten = turns!(tap, {
        for _ in 0..10 {
            let title = tx.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
            title.await.unwrap();
        }
    });
    assert_eq!(ten, 10);
    assert_eq!(turns!(tap, tx.commit().await.unwrap()), 1);
}

#[tokio::test]
async fn texts_beyond_what_a_connection_keeps_are_sent_unprepared_and_right() {
    let world = World::new().await;
    let settings = PoolSettings::default().statement_cache_capacity(1);
    let (_tap, db) = tapped(&world, settings).await;
    for _ in 0..3 {
        let title = db.query_scalar::<String>(TITLE).bind(2_i64).fetch_one();
        assert_eq!(title.await.unwrap(), "acme 2");
        let count = db.query_scalar::<i64>(COUNT).fetch_one();
        assert_eq!(count.await.unwrap(), 5);
    }
    let mut tx = db.begin().await.unwrap();
    tx.query(BLOG).bind(1_i64).fetch_one().await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_wrong_number_of_values_is_not_sent() {
    let world = World::new().await;
    let (tap, db) = tapped(&world, PoolSettings::default()).await;
    let mut tx = db.begin().await.unwrap();
    let before = tap.count();
    tx.execute(UPDATE).bind(1_i64).await.unwrap_err();
    assert_eq!(tap.count(), before);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_the_server_knows_to_be_aborted_is_not_committed() {
    let world = World::new().await;
    let (tap, db) = tapped(&world, PoolSettings::default()).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(10_i64).bind("lost").await.unwrap();
    tap.say("SELECT 1/0").await;
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
    let blog = db.query(BLOG).bind(10_i64).fetch_optional().await.unwrap();
    assert!(blog.is_none());
}

#[tokio::test]
async fn a_transaction_that_ended_behind_its_back_is_not_committed() {
    let world = World::new().await;
    let (tap, db) = tapped(&world, PoolSettings::default()).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(INSERT).bind(10_i64).bind("lost").await.unwrap();
    tap.say("ROLLBACK").await;
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
}

#[tokio::test]
async fn a_pool_of_ones_own_is_taken_when_its_login_is_right() {
    let world = World::new().await;
    let pool = PgPoolOptions::new().connect_with(world.app.clone()).await;
    let database = Database::from_pool(pool.unwrap()).await.unwrap();
    let db = world.tenant(&database, "globex");
    let title = db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    assert_eq!(title.await.unwrap(), "globex 1");
}
