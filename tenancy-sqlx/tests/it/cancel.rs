//! Futures dropped after any number of polls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tenancy_sqlx::testing::spy;
use tenancy_sqlx::{Database, Error, ErrorKind, TenantDb, TenantTx};

use crate::server::{World, run};
use crate::statements::*;

/// More polls than any of the futures needs.
pub(crate) const MANY: usize = 200;

/// Drops a future after it was polled a number of times; gives its output if it was quicker.
pub(crate) struct Polls<F> {
    future: Option<Pin<Box<F>>>,
    left: usize,
}

pub(crate) fn polls<F: Future>(times: usize, future: F) -> Polls<F> {
    Polls {
        future: Some(Box::pin(future)),
        left: times,
    }
}

impl<F: Future> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left > 0 {
            self.left -= 1;
            let future = self.future.as_mut().expect("polled after its end");
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
        }
        if self.left > 0 {
            return Poll::Pending;
        }
        self.future = None;
        Poll::Ready(None)
    }
}

/// One pool of one connection, and the ids whose writes were acknowledged.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) database: Database,
    pub(crate) db: TenantDb,
    pub(crate) acknowledged: Vec<i64>,
    next: i64,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let database = world.database(1).await;
        let db = world.tenant(&database, "acme");
        // A connection is opened when it is needed.
        db.query(TITLES).fetch_all().await.unwrap();
        Self {
            world,
            database,
            db,
            acknowledged: Vec::new(),
            next: 1000,
        }
    }

    pub(crate) fn id(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// Drops what `act` gives after 0, 1, 2… polls, until it completes, and has the next borrower
    /// write something each time.
    pub(crate) async fn sweep<F>(&mut self, act: impl Fn(TenantDb, i64, i64) -> F)
    where
        F: Future<Output = Result<Vec<i64>, Error>>,
    {
        self.borrow_next().await;
        let backend = self.world.backend().await;
        self.sweep_closing(act).await;
        assert_eq!(
            self.world.backend().await,
            backend,
            "the connection was not kept"
        );
    }

    /// The same where what is cut off may cost its connection.
    pub(crate) async fn sweep_closing<F>(&mut self, act: impl Fn(TenantDb, i64, i64) -> F)
    where
        F: Future<Output = Result<Vec<i64>, Error>>,
    {
        for round in 0..12 {
            for times in 0..=MANY {
                assert!(times < MANY, "round {round} never completes");
                let (a, b) = (self.id(), self.id());
                let done = polls(times, act(self.db.clone(), a, b)).await;
                self.borrow_next().await;
                if let Some(result) = done {
                    self.acknowledged.extend(result.unwrap());
                    break;
                }
            }
        }
        self.check().await;
    }

    pub(crate) async fn borrow_next(&mut self) {
        let id = self.id();
        let write = self.db.execute(INSERT).bind(id).bind("acknowledged");
        assert_eq!(write.await.unwrap(), 1);
        self.acknowledged.push(id);
        // Whoever gets another's answer gets the one before.
        for seeded in 1..=3_i64 {
            let title = self.db.query_scalar::<String>(TITLE).bind(seeded);
            assert_eq!(title.fetch_one().await.unwrap(), format!("acme {seeded}"));
        }
        let question = "SELECT current_setting('search_path') IN ('', '\"\"') \
                        AND now() = statement_timestamp() AND current_user = session_user";
        let clean = spy(&self.database, question).await.unwrap();
        assert_eq!(
            clean[0].as_deref(),
            Some("t"),
            "the next borrower finds another's state"
        );
    }

    /// What belongs together, two ids in a row of one title, is there as a whole or not at all.
    pub(crate) async fn check_halves(&self, title: &str) {
        let text = "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
                SELECT FROM acme.blogs b WHERE b.title = $1 AND b.id IN (a.id - 1, a.id + 1)))
            FROM acme.blogs a WHERE title = $1";
        let (all, halves): (i64, i64) = sqlx::query_as(text)
            .bind(title)
            .fetch_one(&mut self.world.admin().await)
            .await
            .unwrap();
        assert!(all > 0, "nothing was ever committed");
        assert_eq!(halves, 0, "halves of transactions stay");
    }

    /// Everything acknowledged is there, as another session sees it.
    pub(crate) async fn check(&self) {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM acme.blogs")
            .fetch_all(&mut self.world.admin().await)
            .await
            .unwrap();
        let lost = self.acknowledged.iter().filter(|id| !ids.contains(id));
        assert_eq!(lost.count(), 0, "acknowledged writes are lost");
    }
}

#[tokio::test]
async fn a_query_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, _, _| {
        db.query(TITLES).fetch_all().await?;
        Ok(Vec::new())
    };
    Bench::new().await.sweep(act).await;
}

#[tokio::test]
async fn an_execute_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, id: i64, _| {
        db.execute(INSERT).bind(id).bind("single").await?;
        Ok(vec![id])
    };
    Bench::new().await.sweep(act).await;
}

#[tokio::test]
async fn a_failing_statement_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, _, _| {
        let error = db.execute(INSERT).bind(1_i64).bind("twice").await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
        Ok(Vec::new())
    };
    Bench::new().await.sweep(act).await;
}

#[tokio::test]
async fn a_begin_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, _, _| {
        drop(db.begin().await?);
        Ok(Vec::new())
    };
    Bench::new().await.sweep(act).await;
}

#[tokio::test]
async fn a_whole_transaction_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin().await?;
        tx.execute(INSERT).bind(a).bind("whole").await?;
        tx.execute(INSERT).bind(b).bind("whole").await?;
        tx.commit().await?;
        Ok(vec![a, b])
    };
    let mut bench = Bench::new().await;
    bench.sweep(act).await;
    bench.check_halves("whole").await;
}

#[tokio::test]
async fn a_rollback_dropped_after_any_poll_leaves_a_clean_connection() {
    let mut bench = Bench::new().await;
    let act = async |db: TenantDb, id: i64, _| {
        let mut tx = db.begin().await?;
        tx.execute(INSERT).bind(id).bind("rolled back").await?;
        tx.rollback().await?;
        Ok(Vec::new())
    };
    bench.sweep(act).await;
    let titles = bench.db.query_scalar::<String>(TITLES).fetch_all().await;
    assert!(!titles.unwrap().contains(&"rolled back".into()));
}

#[tokio::test]
async fn a_commit_dropped_after_any_poll_leaves_a_clean_connection() {
    let mut bench = Bench::new().await;
    for times in 0..MANY {
        let id = bench.id();
        let mut tx = bench.db.begin().await.unwrap();
        tx.execute(INSERT).bind(id).bind("maybe").await.unwrap();
        let done = polls(times, tx.commit()).await;
        bench.borrow_next().await;
        if let Some(result) = done {
            result.unwrap();
            bench.acknowledged.push(id);
            break;
        }
    }
    bench.check().await;
}

#[tokio::test]
async fn a_transaction_goes_on_after_a_statement_that_was_never_sent() {
    let mut bench = Bench::new().await;
    let (first, never, third) = (bench.id(), bench.id(), bench.id());
    let mut tx = bench.db.begin().await.unwrap();
    tx.execute(INSERT).bind(first).bind("first").await.unwrap();
    let statement = async { tx.execute(INSERT).bind(never).bind("never").await };
    assert!(polls(0, statement).await.is_none());
    tx.execute(INSERT).bind(third).bind("third").await.unwrap();
    tx.commit().await.unwrap();
    bench.acknowledged.extend([first, third]);
    bench.check().await;
}

/// A transaction of which one statement was sent and dropped before its answer could come.
async fn cut_off(bench: &Bench, id: i64) -> TenantTx<'static> {
    let mut locker = bench.world.admin().await;
    run(
        &mut locker,
        "BEGIN; UPDATE acme.blogs SET title = 'x' WHERE id = 2".into(),
    )
    .await;
    let mut tx = bench.db.begin().await.unwrap();
    tx.execute(INSERT).bind(id).bind("first").await.unwrap();
    // Prepared without waiting for the lock, so that one poll sends it.
    tx.execute(UPDATE).bind(-1_i64).bind("none").await.unwrap();
    let statement = async { tx.execute(UPDATE).bind(2_i64).bind("cut off").await };
    assert!(polls(1, statement).await.is_none());
    run(&mut locker, "ROLLBACK".into()).await;
    tx
}

#[tokio::test]
async fn a_transaction_cannot_be_committed_after_a_statement_that_was_cut_off() {
    let mut bench = Bench::new().await;
    for go_on in [true, false] {
        let id = bench.id();
        let mut tx = cut_off(&bench, id).await;
        if go_on {
            let error = tx.execute(INSERT).bind(id + 1).bind("late").await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::TransactionAborted);
        }
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        bench.borrow_next().await;
        let exists = bench.db.query(BLOG).bind(id).fetch_optional().await;
        assert!(exists.unwrap().is_none(), "half a transaction stays");
    }
    bench.check().await;
}

#[tokio::test]
async fn a_rollback_after_a_statement_that_was_cut_off_waits_for_its_answer() {
    let mut bench = Bench::new().await;
    bench.borrow_next().await;
    let before = bench.world.backend().await;
    let id = bench.id();
    cut_off(&bench, id).await.rollback().await.unwrap();
    bench.borrow_next().await;
    let exists = bench.db.query(BLOG).bind(id).fetch_optional().await;
    assert!(exists.unwrap().is_none());
    assert_eq!(bench.world.backend().await, before);
}

#[tokio::test]
async fn an_abandoned_statement_that_does_not_end_loses_its_connection_and_not_the_pool() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let globex = world.tenant(&database, "globex");
    let mut locker = world.admin().await;
    run(&mut locker, "BEGIN; LOCK TABLE acme.blogs".into()).await;
    let waiting = db.query(TITLES).fetch_all();
    let given_up = tokio::time::timeout(Duration::from_millis(100), waiting).await;
    assert!(given_up.is_err());
    let deadline = Instant::now() + Duration::from_secs(30);
    while globex.query(TITLES).fetch_all().await.is_err() {
        assert!(Instant::now() < deadline, "the pool does not come back");
    }
}
