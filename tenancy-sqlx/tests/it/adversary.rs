//! What teams do by mistake, and what the driver leaves when something fails.

use futures_util::TryStreamExt;
use tenancy_sqlx::{CopyTable, ErrorKind, TenantDb};

use crate::server::World;
use crate::statements::*;

/// Whoever gets another's answer gets the one before.
async fn answers_are_its_own(db: &TenantDb) {
    for seeded in [3_i64, 1, 2] {
        let title = db.query_scalar::<String>(TITLE).bind(seeded);
        assert_eq!(title.fetch_one().await.unwrap(), format!("acme {seeded}"));
    }
}

#[tokio::test]
async fn a_failed_copy_leaves_no_answer_to_the_next_user() {
    let world = World::new().await;
    let (_pool, database) = world.glass_pool(1).await;
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
        context: &mut std::task::Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        match self.0.take() {
            Some(line) => {
                into.put_slice(line);
                std::task::Poll::Ready(Ok(()))
            }
            None => {
                let _ = context;
                std::task::Poll::Ready(Err(std::io::Error::other("cut")))
            }
        }
    }
}

#[tokio::test]
async fn a_copy_that_fails_on_both_sides_leaves_no_answer_to_the_next_user() {
    let world = World::new().await;
    let (_pool, database) = world.glass_pool(1).await;
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
