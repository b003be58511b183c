//! Who gets a connection when there are too few, and what becomes of those that were cut off.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tenancy_core::{IntoProblem, ProblemCode};
use tenancy_sqlx::{CopyTable, Database, ErrorKind, PoolSettings, Scope, TenantDb, TenantTx};

use crate::server::{TENANTS, World};
use crate::statements::*;
use crate::wall::Wall;

async fn connect(world: &World, settings: PoolSettings) -> Database {
    let database = Database::connect(world.app.clone(), settings);
    database.await.unwrap()
}

fn few(connections: u32) -> PoolSettings {
    PoolSettings::default()
        .max_connections(connections)
        .acquire_timeout(Duration::from_millis(300))
}

/// Polls a future once, and says whether it has to wait.
async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_pending())).await
}

/// Opens transactions until there is no connection for another.
async fn take_all(db: &TenantDb) -> (Vec<TenantTx<'static>>, tenancy_sqlx::Error) {
    let mut taken = Vec::new();
    loop {
        match db.begin().await {
            Ok(tx) => taken.push(tx),
            Err(error) => return (taken, error),
        }
    }
}

#[tokio::test]
async fn one_tenant_cannot_take_every_connection() {
    let world = World::new().await;
    let database = connect(&world, few(8)).await;
    let greedy = world.tenant(&database, "acme");
    let (taken, error) = take_all(&greedy).await;
    assert_eq!(taken.len(), 6);
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("acme"), "{error}");
    let (problem, _) = error.into_problem();
    assert_eq!(problem.code(), ProblemCode::RateLimited);
    assert_eq!(problem.code().status(), 429);
    let response = problem.into_response::<axum::body::Body>();
    assert!(response.headers().contains_key("retry-after"));

    // The others have theirs at once, two at a time.
    for name in ["globex", "initech"] {
        let db = world.tenant(&database, name);
        let one = db.begin().await.unwrap();
        let two = db.begin().await.unwrap();
        for tx in [one, two] {
            tx.rollback().await.unwrap();
        }
    }
    drop(taken);
    greedy.query(TITLES).fetch_all().await.unwrap();
}

#[tokio::test]
async fn a_tenant_within_its_share_goes_before_one_beyond() {
    let world = World::new().await;
    let patient = few(4).acquire_timeout(Duration::from_secs(20));
    let database = connect(&world, patient).await;
    let greedy = world.tenant(&database, "acme");
    let modest = world.tenant(&database, "globex");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(greedy.begin().await.unwrap());
    }
    let kept = modest.begin().await.unwrap();
    let mut beyond = Box::pin(greedy.begin());
    assert!(waits(&mut beyond).await);
    let mut within = Box::pin(world_read(&world, &database));
    assert!(waits(&mut within).await);
    // The one that comes free is of the share that is kept.
    kept.rollback().await.unwrap();
    within.await;
    assert!(waits(&mut beyond).await);
    held.pop().unwrap().rollback().await.unwrap();
    beyond.await.unwrap().rollback().await.unwrap();
}

async fn world_read(world: &World, database: &Database) {
    let db = world.tenant(database, "initech");
    db.query(TITLES).fetch_all().await.unwrap();
}

#[tokio::test]
async fn only_so_many_requests_of_a_tenant_wait() {
    let world = World::new().await;
    let patient = few(1)
        .waiting_per_tenant(3)
        .acquire_timeout(Duration::from_secs(20));
    let database = connect(&world, patient).await;
    let db = world.tenant(&database, "acme");
    let tx = db.begin().await.unwrap();
    let mut waiting: Vec<_> = (0..3)
        .map(|_| Box::pin(db.query(TITLES).fetch_all()))
        .collect();
    for wait in &mut waiting {
        assert!(waits(wait).await);
    }
    let started = Instant::now();
    let error = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(started.elapsed() < Duration::from_secs(10), "it waited");
    assert_eq!(database.metrics().unwrap().refused, 1);
    // Whoever gives up makes room.
    waiting.pop();
    let mut another = Box::pin(db.query(TITLES).fetch_all());
    assert!(waits(&mut another).await);
    tx.rollback().await.unwrap();
    for wait in waiting {
        wait.await.unwrap();
    }
    another.await.unwrap();
}

#[tokio::test]
async fn asking_for_a_second_connection_while_holding_the_last_is_an_error_in_time() {
    let world = World::new().await;
    let database = connect(&world, few(1)).await;
    let db = world.tenant(&database, "acme");
    let tx = db.begin().await.unwrap();
    let error = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("transactions that stay open"),
        "{error}"
    );
    tx.rollback().await.unwrap();
    db.query(TITLES).fetch_all().await.unwrap();
}

#[tokio::test]
async fn connections_that_were_cut_off_at_rest_cost_no_read_and_no_transaction() {
    let world = World::new().await;
    let database = connect(&world, few(4).reserved_connections(0)).await;
    let db = world.tenant(&database, "acme");
    for _ in 0..3 {
        let (taken, _) = take_all(&db).await;
        assert_eq!(taken.len(), 4);
        for tx in taken {
            tx.rollback().await.unwrap();
        }
        world
            .run_as_admin(format!(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                 WHERE datname = current_database() AND usename = '{}'",
                world.login
            ))
            .await;
        for name in TENANTS {
            let db = world.tenant(&database, name);
            let titles = db.query_scalar::<String>(TITLES).fetch_all().await.unwrap();
            assert!(titles.iter().all(|title| title.starts_with(name)));
            let mut tx = db.begin().await.unwrap();
            tx.query(TITLES).fetch_all().await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    // One request found out each time; the others were asked before they were used.
    let metrics = database.metrics().unwrap();
    assert_eq!(metrics.retried, 3, "{metrics:?}");
}

#[tokio::test]
async fn a_server_that_refuses_is_told_at_once_and_forgiven_later() {
    let world = World::new().await;
    let patient = few(2).acquire_timeout(Duration::from_mins(1));
    let database = connect(&world, patient).await;
    let db = world.tenant(&database, "acme");
    let name = world.admin.get_database().unwrap().to_owned();
    let mut admin = world.admin().await;
    let refuse = format!(
        "ALTER ROLE {} IN DATABASE {name} SET search_path = public",
        world.login
    );
    crate::server::run(&mut admin, refuse).await;
    let started = Instant::now();
    let error = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "it waited for nothing"
    );
    let forgive = format!(
        "ALTER ROLE {} IN DATABASE {name} SET search_path = ''",
        world.login
    );
    crate::server::run(&mut admin, forgive).await;
    db.query(TITLES).fetch_all().await.unwrap();
}

#[tokio::test]
async fn a_request_that_leaves_while_its_connection_is_opened_does_not_waste_it() {
    let world = World::new().await;
    let database = connect(&world, few(2)).await;
    let db = world.tenant(&database, "acme");
    for _ in 0..50 {
        let mut impatient = Box::pin(db.query(TITLES).fetch_all());
        assert!(waits(&mut impatient).await);
    }
    db.query(TITLES).fetch_all().await.unwrap();
    let metrics = database.metrics().unwrap();
    assert_eq!(metrics.opened, 1, "{metrics:?}");
}

#[tokio::test]
async fn connections_that_are_old_or_rest_for_long_are_closed() {
    let world = World::new().await;
    let settings = few(3)
        .idle_timeout(Duration::from_millis(1))
        .max_lifetime(None)
        .reserved_connections(0);
    let database = connect(&world, settings.min_connections(1)).await;
    let db = world.tenant(&database, "acme");
    let (taken, _) = take_all(&db).await;
    assert_eq!(taken.len(), 3);
    drop(taken);
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.backends("true").await != 1 {
        assert!(Instant::now() < deadline, "{:?}", database.metrics());
    }
    db.query(TITLES).fetch_all().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_answers_no_more_costs_a_second_and_not_for_ever() {
    let world = World::new().await;
    let wall = Wall::new(&world.app).await;
    let settings = few(1).trusted_for(Duration::ZERO);
    let settings = settings.acquire_timeout(Duration::from_secs(20));
    let database = Database::connect(wall.options.clone(), settings)
        .await
        .unwrap();
    let db = world.tenant(&database, "acme");
    db.query(TITLES).fetch_all().await.unwrap();
    wall.swallow();
    let asked = tokio::time::timeout(Duration::from_secs(30), db.query(TITLES).fetch_all());
    asked.await.expect("it waits for ever").unwrap();
    assert_eq!(database.metrics().unwrap().opened, 2);
}

#[tokio::test]
async fn a_good_connection_is_kept_while_no_other_can_be_opened() {
    let world = World::new().await;
    let settings = few(2)
        .tenants_per_connection(1)
        .retirement_interval(Duration::ZERO)
        .reserved_connections(0);
    let database = connect(&world, settings).await;
    let db = world.tenant(&database, "acme");
    let tx = db.begin().await.unwrap();
    world
        .run_as_admin(format!(
            "ALTER ROLE {} IN DATABASE {} SET search_path = public",
            world.login,
            world.admin.get_database().unwrap()
        ))
        .await;
    let refused = db.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration, "{refused}");
    tx.rollback().await.unwrap();
    for _ in 0..5 {
        for name in TENANTS {
            let db = world.tenant(&database, name);
            db.query(TITLES).fetch_all().await.unwrap();
        }
    }
    assert_eq!(database.metrics().unwrap().retired, 0);
}

#[tokio::test]
async fn a_first_statement_that_was_given_up_is_not_left_out_of_what_is_committed() {
    let world = World::new().await;
    let patient = few(1).acquire_timeout(Duration::from_secs(20));
    let database = connect(&world, patient).await;
    let db = world.tenant(&database, "acme");
    for second in [true, false] {
        let held = db.begin().await.unwrap();
        let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
        let mut first = Box::pin(sqlx::query("DELETE FROM blogs WHERE id = 1").execute(&mut tx));
        assert!(waits(&mut first).await);
        drop(first);
        held.rollback().await.unwrap();
        if second {
            let second = sqlx::query("DELETE FROM blogs WHERE id = 2").execute(&mut tx);
            second.await.unwrap_err();
        }
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
    }
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 5);
}

/// A source of lines that cannot be read.
struct Unreadable;

impl tokio::io::AsyncRead for Unreadable {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Err(std::io::Error::other("the file is bad")))
    }
}

#[tokio::test]
async fn a_copy_whose_source_fails_costs_its_savepoint_and_no_connection() {
    let world = World::new().await;
    let database = connect(&world, few(1)).await;
    let db = world.tenant(&database, "acme");
    let mut tx = db.begin().await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    let blogs = CopyTable::csv("blogs", &["id", "title"]);
    savepoint.copy_in(blogs, Unreadable).await.unwrap_err();
    savepoint.rollback().await.unwrap();
    tx.execute(INSERT).bind(9_i64).bind("kept").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 6);
    let metrics = database.metrics().unwrap();
    assert_eq!((metrics.opened, metrics.closed_unclean), (1, 0));
}
