//! Bulk data into and out of a tenant's table.

use futures_util::TryStreamExt;
use tenancy_sqlx::{CopyTable, ErrorKind};

use crate::server::World;
use crate::statements::*;

const BLOGS: CopyTable = CopyTable::csv("blogs", &["id", "title"]);

#[tokio::test]
async fn data_goes_into_and_out_of_the_tenants_own_table() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let mut tx = db.begin().await.unwrap();
    let rows = (10..1010).map(|id| format!("{id},\"title, {id}\"\n"));
    let rows: String = rows.collect();
    assert_eq!(tx.copy_in(BLOGS, rows.as_bytes()).await.unwrap(), 1000);
    tx.commit().await.unwrap();

    let mut tx = db.begin_read_only().await.unwrap();
    let pieces: Vec<_> = tx.copy_out(BLOGS).try_collect().await.unwrap();
    let text = String::from_utf8(pieces.concat()).unwrap();
    assert_eq!(text.lines().count(), 1005);
    assert!(text.contains("\n1009,\"title, 1009\"\n") && text.contains("1,acme 1\n"));
    tx.commit().await.unwrap();

    let other = world.tenant(&database, "globex");
    assert_eq!(other.query(TITLES).fetch_all().await.unwrap().len(), 5);
}

#[tokio::test]
async fn what_cannot_be_copied_is_an_error_and_nothing_is_kept() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    for (table, data, kind) in [
        (BLOGS, "10,a\nnot a number,b\n", ErrorKind::InvalidInput),
        (BLOGS, "1,twice\n", ErrorKind::Conflict),
        (
            CopyTable::csv("globex.blogs", &["id"]),
            "1\n",
            ErrorKind::SchemaMismatch,
        ),
        (
            CopyTable::csv("blogs\" (id) FROM STDIN; --", &["id"]),
            "1\n",
            ErrorKind::SchemaMismatch,
        ),
        (CopyTable::text("", &["id"]), "1\n", ErrorKind::InvalidInput),
        (
            CopyTable::text("blogs", &[]),
            "1\n",
            ErrorKind::InvalidInput,
        ),
    ] {
        let mut tx = db.begin().await.unwrap();
        tx.execute(INSERT).bind(9_i64).bind("lost").await.unwrap();
        let error = tx.copy_in(table, data.as_bytes()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{table:?}: {error}");
        if !matches!(kind, ErrorKind::InvalidInput) {
            tx.commit().await.unwrap_err();
        }
    }
    let ids = db.query_scalar::<i64>(IDS).fetch_all().await.unwrap();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}

/// A source that fails after some bytes.
struct Failing(usize);

impl tokio::io::AsyncRead for Failing {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.0 == 0 {
            return std::task::Poll::Ready(Err(std::io::Error::other("the upload was cut")));
        }
        self.0 -= 1;
        into.put_slice(b"77,x\n");
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_source_that_fails_keeps_nothing_and_gives_a_usable_connection_back() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    let mut tx = db.begin().await.unwrap();
    let error = tx.copy_in(BLOGS, Failing(1)).await.unwrap_err();
    assert!(error.to_string().contains("the upload was cut"), "{error}");
    tx.commit().await.unwrap_err();
    assert_eq!(db.query(TITLES).fetch_all().await.unwrap().len(), 5);

    // Half-read output.
    let fill =
        "INSERT INTO acme.blogs SELECT id, repeat('x', 100) FROM generate_series(6, 9000) id";
    world.run_as_admin(fill).await;
    let mut tx = db.begin().await.unwrap();
    {
        let mut pieces = tx.copy_out(BLOGS);
        pieces.try_next().await.unwrap().unwrap();
    }
    tx.commit().await.unwrap_err();
    assert_eq!(db.query(TITLES).fetch_all().await.unwrap().len(), 9000);
    assert_eq!(pool.size(), 1);
}
