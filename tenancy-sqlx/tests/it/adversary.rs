//! What teams do by mistake, and what the driver leaves when something fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::routing::{get, post};
use futures_util::TryStreamExt;
use http::StatusCode;
use tenancy_sqlx::{CopyTable, Error, ErrorKind, Scope, TenantDb, TransactionLayer, Tx};
use tower::ServiceExt;

use crate::extract::App;
use crate::server::{World, run};
use crate::statements::*;
use crate::topology;

/// Whoever gets another's answer gets the one before.
pub(crate) async fn answers_are_its_own(db: &TenantDb) {
    for seeded in [3_i64, 1, 2] {
        let title = db.query_scalar::<String>(TITLE).bind(seeded);
        assert_eq!(title.fetch_one().await.unwrap(), format!("acme {seeded}"));
    }
}

#[tokio::test]
async fn a_failed_copy_leaves_no_answer_to_the_next_user() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    answers_are_its_own(&db).await;
    let missing = CopyTable::csv("missing", &["id"]);
    for rolled_back in [true, false] {
        let mut tx = db.begin().await.unwrap();
        let error = tx.copy_out(missing).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
        if rolled_back {
            // It may say that the connection is closed; the server rolls back then.
            let _ = tx.rollback().await;
        } else {
            tx.commit().await.unwrap_err();
        }
        answers_are_its_own(&db).await;
    }
}

/// A source that gives a line which is no row, and then fails.
struct Broken(Option<&'static [u8]>);

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let Some(line) = self.0.take() else {
            return std::task::Poll::Ready(Err(std::io::Error::other("cut")));
        };
        into.put_slice(line);
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_copy_that_fails_on_both_sides_leaves_no_answer_to_the_next_user() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let blogs = CopyTable::csv("blogs", &["id", "title"]);
    for data in [&b"not a number,x\n"[..], b"77,x\n"] {
        let mut tx = db.begin().await.unwrap();
        tx.copy_in(blogs, Broken(Some(data))).await.unwrap_err();
        let _ = tx.rollback().await;
        answers_are_its_own(&db).await;
        assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 5);
    }
}

#[tokio::test]
async fn a_failed_copy_into_a_savepoint_costs_the_savepoint_alone() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let blogs = CopyTable::csv("blogs", &["id", "title"]);
    let mut tx = db.begin().await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    let twice = savepoint.copy_in(blogs, &b"1,twice\n"[..]).await;
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Conflict);
    savepoint.rollback().await.unwrap();
    assert_eq!(tx.copy_in(blogs, &b"9,new\n"[..]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 6);
}

/// Makes the schema of acme another owner's, with the same name and tables.
const RECREATE: &str = "ALTER SCHEMA acme RENAME TO acme_before;
     CREATE SCHEMA acme;
     CREATE TABLE acme.blogs (LIKE acme_before.blogs INCLUDING ALL);
     INSERT INTO acme.blogs SELECT id, 'of the new owner ' || id FROM acme_before.blogs;
     GRANT USAGE ON SCHEMA acme TO {login};
     GRANT SELECT, INSERT, UPDATE, DELETE ON acme.blogs TO {login}";

#[tokio::test]
async fn nothing_is_written_for_the_new_owner_of_a_name_by_a_transaction_of_the_old() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    sqlx::query("UPDATE blogs SET title = 'first' WHERE id = 1")
        .execute(&mut tx)
        .await
        .unwrap();
    world
        .run_as_admin(RECREATE.replace("{login}", &world.login))
        .await;
    // Only the reservation of freed names keeps this from being reached and read.
    sqlx::query("UPDATE blogs SET title = 'second' WHERE id = 2")
        .execute(&mut tx)
        .await
        .unwrap();
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{error}");
    let mut admin = world.admin().await;
    for schema in ["acme", "acme_before"] {
        let text =
            format!("SELECT count(*) FROM {schema}.blogs WHERE title IN ('first', 'second')");
        let written: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert_eq!(written, 0, "{schema}");
    }
}

#[tokio::test]
async fn a_schema_renamed_under_an_open_transaction_is_an_error_and_nothing_is_committed() {
    if topology::lacks_sessions(2) {
        return;
    }
    let world = World::new().await;
    let database = world.database(2).await;
    let db = world.tenant(&database, "acme");
    let mut plain = db.begin().await.unwrap();
    plain.execute(INSERT).bind(9_i64).bind("x").await.unwrap();
    let mut scoped = db.begin_scoped(Scope::Path).await.unwrap();
    sqlx::query("INSERT INTO blogs (id, title) VALUES (10, 'x')")
        .execute(&mut scoped)
        .await
        .unwrap();
    world
        .run_as_admin("ALTER SCHEMA acme RENAME TO acme_before")
        .await;
    let error = plain.query(TITLES).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    plain.commit().await.unwrap_err();
    // Nothing was asked under the old name since, but the proof is.
    scoped.commit().await.unwrap_err();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM acme_before.blogs")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(count, 5);
}

#[tokio::test]
async fn a_transaction_that_got_no_connection_is_not_committed() {
    let world = World::new().await;
    let settings = crate::server::settings()
        .max_connections(1)
        .acquire_timeout(std::time::Duration::from_millis(50));
    let database = tenancy_sqlx::Database::connect(world.app.clone(), settings);
    let database = database.await.unwrap();
    let db = world.tenant(&database, "acme");
    let busy = db.begin().await.unwrap();
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    let first = sqlx::query("DELETE FROM blogs WHERE id = 1")
        .execute(&mut tx)
        .await;
    assert_eq!(
        Error::from(first.unwrap_err()).kind(),
        ErrorKind::Unavailable
    );
    busy.rollback().await.unwrap();
    // The first half is missing, so there is no second.
    let second = sqlx::query("DELETE FROM blogs WHERE id = 2")
        .execute(&mut tx)
        .await;
    assert_eq!(
        Error::from(second.unwrap_err()).kind(),
        ErrorKind::TransactionAborted
    );
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 5);
}

/// A function of the tenant that fails as the server does with `code`.
async fn troublesome(world: &World, code: &str) {
    world
        .run_as_admin(format!(
            "CREATE OR REPLACE FUNCTION acme.fails() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END $$",
        ))
        .await;
}

#[tokio::test]
async fn a_closure_is_not_run_again_when_nobody_knows_whether_it_was_committed() {
    let world = World::new().await;
    troublesome(&world, "40001").await;
    // Its connection is lost while it is being committed.
    let lost = "CREATE FUNCTION acme.leaves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER leaves AFTER UPDATE ON acme.blogs
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION acme.leaves()";
    world.run_as_admin(lost).await;
    let db = world.tenant(&world.database(1).await, "acme");
    let runs = &AtomicUsize::new(0);
    let done = db
        .scoped_transaction(Scope::Path, |mut tx| async move {
            runs.fetch_add(1, Ordering::Relaxed);
            sqlx::query("UPDATE blogs SET title = 'x' WHERE id = 1")
                .execute(&mut *tx)
                .await?;
            // What failed here is left behind, and may succeed next time.
            let mut savepoint = tx.begin().await?;
            let failed = sqlx::query("SELECT fails()").execute(&mut savepoint).await;
            failed.unwrap_err();
            Ok::<_, Error>(())
        })
        .await;
    assert_eq!(done.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_closure_is_run_five_times_at_most_and_only_for_what_another_run_may_help() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    for (code, kind, wanted) in [
        ("40001", ErrorKind::Serialization, 5),
        ("40P01", ErrorKind::Serialization, 5),
        ("23505", ErrorKind::Conflict, 1),
        ("0A000", ErrorKind::SchemaMismatch, 1),
        ("57014", ErrorKind::Timeout, 1),
        ("42501", ErrorKind::Forbidden, 1),
        ("P0001", ErrorKind::Internal, 1),
    ] {
        troublesome(&world, code).await;
        for swallowed in [false, true] {
            let runs = &AtomicUsize::new(0);
            let done = db
                .scoped_transaction(Scope::Path, |mut tx| async move {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let failed = sqlx::query("SELECT fails()").execute(&mut *tx).await;
                    match failed {
                        Err(error) if !swallowed => Err(Error::from(error)),
                        _ => Ok(()),
                    }
                })
                .await;
            let error = done.unwrap_err().kind();
            let kind = if swallowed {
                ErrorKind::TransactionAborted
            } else {
                kind
            };
            assert_eq!(error, kind, "{code} {swallowed}");
            assert_eq!(runs.load(Ordering::Relaxed), wanted, "{code} {swallowed}");
            answers_are_its_own(&db).await;
        }
    }
}

#[tokio::test]
async fn a_lease_that_never_comes_back_is_an_error_and_nothing_is_committed() {
    if topology::lacks_sessions(3) {
        return;
    }
    let world = World::new().await;
    let database = world.database(3).await;
    let db = world.tenant(&database, "acme");
    let error = db
        .transaction(|mut tx| async move {
            tx.execute(DELETE).bind(1_i64).await?;
            std::mem::forget(tx);
            Ok::<_, Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    let own = db
        .transaction(|mut tx| async move {
            tx.execute(DELETE).bind(2_i64).await?;
            std::mem::forget(tx);
            Err::<(), _>(Error::new(
                ErrorKind::RowNotFound,
                "what the work itself says",
            ))
        })
        .await
        .unwrap_err();
    assert_eq!(own.kind(), ErrorKind::RowNotFound);
    let mut tx = db.begin().await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    savepoint
        .execute(INSERT)
        .bind(9_i64)
        .bind("x")
        .await
        .unwrap();
    std::mem::forget(savepoint);
    let mut next = tx.begin().await.unwrap();
    next.execute(INSERT).bind(10_i64).bind("x").await.unwrap();
    drop(next);
    tx.rollback().await.unwrap();
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 5);
}

#[test]
fn an_error_is_the_same_after_it_went_through_code_that_speaks_sqlx() {
    let reason = "the login app would look elsewhere: run ALTER ROLE";
    let error = Error::new(ErrorKind::Configuration, reason).with_source(sqlx::Error::PoolTimedOut);
    let back = Error::from(sqlx::Error::from(error));
    assert_eq!(back.kind(), ErrorKind::Configuration);
    assert!(back.to_string().contains("ALTER ROLE"), "{back}");
    let error = Error::from(sqlx::Error::RowNotFound);
    assert!(matches!(sqlx::Error::from(error), sqlx::Error::RowNotFound));
}

async fn insert(tx: &mut Tx, id: i64) -> Result<StatusCode, Error> {
    tx.execute(INSERT).bind(id).bind("by a handler").await?;
    Ok(StatusCode::CREATED)
}

async fn ids(world: &World) -> Vec<i64> {
    sqlx::query_scalar("SELECT id FROM acme.blogs WHERE id > 5 ORDER BY id")
        .fetch_all(&mut world.admin().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_request_ends_its_transaction_whatever_is_around_its_handler() {
    let world = World::new().await;
    let database = world.database(1).await;
    let inner = Router::new().route(
        "/twice",
        post(async |mut tx: Tx| insert(&mut tx, 20).await).layer(TransactionLayer::new()),
    );
    let app = Router::new()
        .route("/head", get(async |mut tx: Tx| insert(&mut tx, 10).await))
        .route(
            "/late",
            post(async |mut tx: Tx, _: Bytes| insert(&mut tx, 11).await)
                .layer(DefaultBodyLimit::max(4)),
        )
        .route(
            "/away",
            post(async |mut tx: Tx| {
                let status = insert(&mut tx, 12).await;
                tokio::spawn(async move {
                    let _tx = tx;
                    std::future::pending::<()>().await;
                });
                status
            }),
        )
        .merge(inner)
        .with_state(App {
            database: database.clone(),
        })
        .layer(TransactionLayer::new())
        .layer(axum::Extension(world.context("acme")));
    let ask = async |request: Request| app.clone().oneshot(request).await.unwrap().status();
    let head = Request::head("/head").body(Body::empty()).unwrap();
    assert_eq!(ask(head).await, 201);
    let long = Request::post("/late").body(Body::from("too long")).unwrap();
    assert_eq!(ask(long).await, 413);
    let short = Request::post("/late").body(Body::from("ok")).unwrap();
    assert_eq!(ask(short).await, 201);
    let twice = Request::post("/twice").body(Body::empty()).unwrap();
    assert_eq!(ask(twice).await, 201);
    assert_eq!(ids(&world).await, [10, 11, 20]);
    let away = Request::post("/away").body(Body::empty()).unwrap();
    assert_eq!(ask(away).await, 500);
    assert_eq!(ids(&world).await, [10, 11, 20]);
}

#[tokio::test]
async fn an_answer_does_not_wait_for_a_statement_that_its_handler_gave_up() {
    let world = World::new().await;
    let database = world.database(1).await;
    let impatient = async |mut tx: Tx| {
        let update = async { tx.execute(UPDATE).bind(1_i64).bind("late").await };
        let limit = std::time::Duration::from_millis(50);
        match tokio::time::timeout(limit, update).await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    };
    let app = Router::new()
        .route("/", post(impatient))
        .with_state(App {
            database: database.clone(),
        })
        .layer(TransactionLayer::new())
        .layer(axum::Extension(world.context("acme")));
    world
        .tenant(&database, "acme")
        .query(TITLES)
        .fetch_all()
        .await
        .unwrap();
    let before = world.backend().await;
    let mut locker = world.admin().await;
    run(&mut locker, "BEGIN; LOCK TABLE acme.blogs".into()).await;
    let request = Request::post("/").body(Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    run(&mut locker, "ROLLBACK".into()).await;
    let db = world.tenant(&database, "acme");
    answers_are_its_own(&db).await;
    assert_eq!(world.backend().await, before, "the connection was given up");
}

/// A row that cannot be read without a panic.
struct Panics;

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Panics {
    fn from_row(_: &'r sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        std::panic::resume_unwind(Box::new("a panic in a row"));
    }
}

#[tokio::test]
async fn a_panic_while_rows_are_read_leaves_no_answer_to_the_next_user() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    for in_transaction in [true, false] {
        let own = db.clone();
        let task = tokio::spawn(async move {
            if in_transaction {
                let mut tx = own.begin().await.unwrap();
                tx.execute(DELETE).bind(1_i64).await.unwrap();
                let _ = tx
                    .query_as::<Panics>(BLOG)
                    .bind(2_i64)
                    .fetch()
                    .try_next()
                    .await;
            } else {
                let _ = own
                    .query_as::<Panics>(BLOG)
                    .bind(2_i64)
                    .fetch()
                    .try_next()
                    .await;
            }
        });
        assert!(task.await.unwrap_err().is_panic());
        answers_are_its_own(&db).await;
    }
}
