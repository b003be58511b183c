//! Everything a transaction can do, dropped after any number of polls.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use futures_util::TryStreamExt;
use sqlx::Executor;
use tenancy_sqlx::{
    CopyTable, Error, ErrorKind, OutboxEntry, Scope, TenantDb, TransactionLayer, shared_sql,
};
use tokio::io::{AsyncRead, ReadBuf};
use tower::ServiceExt;

use crate::cancel::{Bench, MANY, polls};
use crate::extract::transaction::app;
use crate::server::run;
use crate::statements::*;
use crate::topology;

const BLOGS: CopyTable = CopyTable::csv("blogs", &["id", "title"]);

/// A source whose lines come one by one, each after a wait.
struct Lines {
    lines: Vec<String>,
    waited: bool,
}

impl Lines {
    fn of(ids: &[i64]) -> Self {
        let mut lines: Vec<_> = ids.iter().map(|id| format!("{id},copied\n")).collect();
        lines.reverse();
        Self {
            lines,
            waited: false,
        }
    }
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(line) = self.lines.pop() {
            into.put_slice(line.as_bytes());
        }
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_scoped_transaction_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin_scoped(Scope::Path).await?;
        for id in [a, b] {
            sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'scoped')")
                .bind(id)
                .execute(&mut tx)
                .await?;
        }
        (&mut tx)
            .fetch_all(sqlx::raw_sql("SELECT id FROM blogs"))
            .await?;
        if topology::describes() {
            (&mut tx)
                .describe(sqlx::SqlSafeStr::into_sql_str("SELECT title FROM blogs"))
                .await?;
        }
        tx.commit().await?;
        Ok(vec![a, b])
    };
    let mut bench = Bench::new().await;
    bench.sweep(act).await;
    bench.check_halves("scoped").await;
}

#[tokio::test]
async fn a_scoped_rollback_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, a: i64, _| {
        let mut tx = db.begin_scoped(Scope::Path).await?;
        sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'scoped')")
            .bind(a)
            .execute(&mut tx)
            .await?;
        tx.rollback().await?;
        Ok(Vec::new())
    };
    Bench::new().await.sweep(act).await;
}

#[tokio::test]
async fn savepoints_dropped_after_any_poll_leave_a_clean_connection() {
    let mut bench = Bench::new().await;
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin().await?;
        let mut kept = tx.begin().await?;
        kept.execute(INSERT).bind(a).bind("kept").await?;
        let mut undone = kept.begin().await?;
        undone.execute(INSERT).bind(b).bind("undone").await?;
        undone.rollback().await?;
        kept.commit().await?;
        let mut left = tx.begin().await?;
        left.execute(INSERT).bind(b).bind("undone").await?;
        drop(left);
        let mut failed = tx.begin().await?;
        failed
            .execute(INSERT)
            .bind(a)
            .bind("undone")
            .await
            .unwrap_err();
        failed.rollback().await?;
        tx.commit().await?;
        Ok(vec![a])
    };
    bench.sweep(act).await;
    let titles = bench.db.query_scalar::<String>(TITLES).fetch_all().await;
    assert!(!titles.unwrap().contains(&"undone".into()));
}

#[tokio::test]
async fn streams_dropped_after_any_poll_leave_a_clean_connection() {
    let act = async |db: TenantDb, a: i64, _| {
        db.query(TITLES).fetch().try_collect::<Vec<_>>().await?;
        let mut tx = db.begin().await?;
        tx.execute(INSERT).bind(a).bind("before").await?;
        tx.query(TITLES).fetch().try_collect::<Vec<_>>().await?;
        tx.commit().await?;
        let mut tx = db.begin_scoped(Scope::Path).await?;
        sqlx::query("SELECT id FROM blogs")
            .fetch(&mut tx)
            .try_collect::<Vec<_>>()
            .await?;
        tx.commit().await?;
        Ok(vec![a])
    };
    let mut bench = Bench::new().await;
    let fill = "INSERT INTO acme.blogs SELECT -id, 'x' FROM generate_series(1, 200) id";
    bench.world.run_as_admin(fill).await;
    bench.sweep(act).await;
}

#[tokio::test]
async fn copies_dropped_after_any_poll_leave_no_answer_to_the_next_user() {
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin().await?;
        assert_eq!(tx.copy_in(BLOGS, Lines::of(&[a, b])).await?, 2);
        tx.copy_out(BLOGS).try_collect::<Vec<_>>().await?;
        tx.commit().await?;
        Ok(vec![a, b])
    };
    let mut bench = Bench::new().await;
    bench.sweep_closing(act).await;
    bench.check_halves("copied").await;
}

#[tokio::test]
async fn a_rollback_after_a_copy_that_was_cut_off_leaves_no_answer_to_the_next_user() {
    let mut bench = Bench::new().await;
    for times in 0..MANY {
        let (a, b) = (bench.id(), bench.id());
        let mut tx = bench.db.begin().await.unwrap();
        let done = polls(times, tx.copy_in(BLOGS, Lines::of(&[a, b]))).await;
        // Whether it says so depends on where the copy was cut off; the rows are gone.
        let _ = tx.rollback().await;
        bench.borrow_next().await;
        let gone = bench.db.query(BLOG).bind(a).fetch_optional().await;
        assert!(gone.unwrap().is_none());
        if done.is_some() {
            break;
        }
    }
    bench.check().await;
}

#[tokio::test]
async fn closures_dropped_after_any_poll_leave_a_clean_connection() {
    let act = async |db: TenantDb, a: i64, b: i64| {
        db.transaction(|mut tx| async move { tx.execute(INSERT).bind(a).bind("closure").await })
            .await?;
        db.scoped_transaction(Scope::Path, |mut tx| async move {
            sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'closure')")
                .bind(b)
                .execute(&mut *tx)
                .await
                .map_err(Error::from)
        })
        .await?;
        Ok(vec![a, b])
    };
    Bench::new().await.sweep(act).await;
}

#[tokio::test]
async fn a_request_dropped_after_any_poll_leaves_a_clean_connection_and_no_lost_201() {
    let mut bench = Bench::new().await;
    let context = bench.world.context("acme");
    let app = app(bench.database.clone(), context, TransactionLayer::new());
    let act = async |_, a: i64, b: i64| {
        for (id, status) in [(a, 201), (b, 409)] {
            let path = format!("/answer/{id}/{status}");
            let request = Request::post(path).body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status);
        }
        Ok(vec![a])
    };
    bench.sweep(act).await;
}

#[tokio::test]
async fn an_append_dropped_after_any_poll_is_there_exactly_when_its_change_is() {
    let mut bench = Bench::new().await;
    bench
        .world
        .run_as_admin(format!(
            "CREATE SCHEMA tenancy;
             CREATE TABLE tenancy.outbox
                 (id uuid, tenant_id uuid, topic text, key text, payload jsonb);
             GRANT USAGE ON SCHEMA tenancy TO {login};
             GRANT INSERT ON tenancy.outbox TO {login}",
            login = bench.world.login
        ))
        .await;
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin().await?;
        tx.execute(INSERT).bind(a).bind("appended").await?;
        tx.append(OutboxEntry::new("created", a.to_string()))
            .await?;
        tx.commit().await?;
        let mut tx = db.begin_scoped(Scope::Path).await?;
        tx.append(OutboxEntry::new("created", b.to_string()))
            .await?;
        sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'appended')")
            .bind(b)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(vec![a, b])
    };
    bench.sweep(act).await;
    let text = "SELECT count(o.key), count(*) - count(o.key), count(*) - count(b.id)
        FROM (SELECT id FROM acme.blogs WHERE title = 'appended') b
        FULL JOIN tenancy.outbox o ON o.key = b.id::text";
    let (appended, missing, surplus): (i64, i64, i64) = sqlx::query_as(text)
        .fetch_one(&mut bench.world.admin().await)
        .await
        .unwrap();
    assert!(appended > 0);
    assert_eq!((missing, surplus), (0, 0));
}

#[tokio::test]
async fn shared_and_read_only_transactions_dropped_after_any_poll_leave_a_clean_connection() {
    let mut bench = Bench::new().await;
    bench
        .world
        .run_as_admin(format!(
            "CREATE TABLE public.users (id bigint);
             GRANT INSERT ON public.users TO {}",
            bench.world.login
        ))
        .await;
    let database = bench.database.clone();
    let act = async |db: TenantDb, a: i64, _| {
        let mut tx = db.begin_read_only().await?;
        tx.query(TITLES).fetch_all().await?;
        tx.commit().await?;
        let mut tx = database.shared().begin().await?;
        tx.execute(shared_sql!("INSERT INTO public.users (id) VALUES ($1)"))
            .bind(a)
            .await?;
        tx.commit().await?;
        Ok(Vec::new())
    };
    bench.sweep(act).await;
}

#[tokio::test]
async fn a_statement_that_is_cut_off_in_a_savepoint_costs_the_whole_transaction() {
    let mut bench = Bench::new().await;
    for rolled_back in [true, false] {
        let mut locker = bench.world.admin().await;
        let lock = "BEGIN; UPDATE acme.blogs SET title = 'x' WHERE id = 2";
        run(&mut locker, lock.into()).await;
        let id = bench.id();
        let mut tx = bench.db.begin().await.unwrap();
        tx.execute(INSERT).bind(id).bind("first").await.unwrap();
        let mut savepoint = tx.begin().await.unwrap();
        // Prepared without waiting for the lock, so that one poll sends it.
        let prepared = savepoint.execute(UPDATE).bind(-1_i64).bind("none");
        prepared.await.unwrap();
        let statement = async { savepoint.execute(UPDATE).bind(2_i64).bind("cut").await };
        assert!(polls(1, statement).await.is_none());
        run(&mut locker, "ROLLBACK".into()).await;
        if rolled_back {
            let error = savepoint.rollback().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        } else {
            drop(savepoint);
        }
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted);
        bench.borrow_next().await;
        let kept = bench.db.query(BLOG).bind(id).fetch_optional().await;
        assert!(kept.unwrap().is_none());
    }
    bench.check().await;
}
