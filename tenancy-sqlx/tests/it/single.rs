//! SQL of others, each statement by itself.

use futures_util::TryStreamExt;
use sqlx::{Executor, PgExecutor};
use tenancy_sqlx::{Error, ErrorKind, Scope, ScopedDb};

use crate::server::World;
use crate::statements::*;

/// As written for a pool, with the type of its argument changed and nothing else.
async fn rename(pool: &ScopedDb, id: i64, title: &str) -> Result<String, sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("UPDATE blogs SET title = $2 WHERE id = $1")
        .bind(id)
        .bind(title)
        .execute(&mut tx)
        .await?;
    tx.commit().await?;
    sqlx::query_scalar("SELECT title FROM blogs WHERE id = $1")
        .bind(id)
        .fetch_one(pool)
        .await
}

/// As written for whatever runs SQL.
async fn count(executor: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM blogs")
        .fetch_one(executor)
        .await
}

#[tokio::test]
async fn code_for_a_pool_runs_for_its_tenant_and_commits_each_statement() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let pool = db.scoped(Scope::Path);

    assert_eq!(rename(&pool, 1, "new").await.unwrap(), "new");
    let added = sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'added')")
        .bind(9_i64)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(added.rows_affected(), 1);
    assert_eq!(count(&pool).await.unwrap(), 6);
    let mut tx = pool.begin().await.unwrap();
    assert_eq!(count(&mut tx).await.unwrap(), 6);
    tx.rollback().await.unwrap();
    let titles: Vec<(String,)> = sqlx::query_as("SELECT title FROM blogs ORDER BY id")
        .fetch(&pool)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(titles.len(), 6);
    let deleted = (&pool).execute("DELETE FROM blogs WHERE id = 9").await;
    assert_eq!(deleted.unwrap().rows_affected(), 1);

    assert_eq!(db.query(TITLES).fetch_all().await.unwrap().len(), 5);
    let other = world.tenant(&database, "globex").scoped(Scope::Path);
    let title: String = sqlx::query_scalar("SELECT title FROM blogs WHERE id = 1")
        .fetch_one(&other)
        .await
        .unwrap();
    assert_eq!(title, "globex 1");
}

#[tokio::test]
async fn what_fails_is_undone_and_costs_nobody_the_connection() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    let scoped = db.scoped(Scope::Path);
    for sql in [
        "INSERT INTO blogs (id, title) VALUES (20, 'x'), (1, 'twice')",
        "COMMIT",
    ] {
        sqlx::query(sql).execute(&scoped).await.unwrap_err();
        sqlx::query(sql)
            .fetch(&scoped)
            .try_next()
            .await
            .unwrap_err();
    }
    let none = sqlx::query("SELECT id FROM blogs WHERE id = 20")
        .fetch_one(&scoped)
        .await;
    assert!(matches!(none, Err(sqlx::Error::RowNotFound)));
    assert_eq!(db.query(TITLES).fetch_all().await.unwrap().len(), 5);
    assert_eq!(pool.size(), 1);
}

#[test]
fn a_row_that_is_not_there_is_the_drivers_own_error() {
    let error = Error::new(ErrorKind::RowNotFound, "no row of blogs is as asked for");
    assert!(matches!(sqlx::Error::from(error), sqlx::Error::RowNotFound));
    let error = Error::new(ErrorKind::InvalidInput, "order x is not offered");
    let back = Error::from(sqlx::Error::from(error));
    assert_eq!(back.kind(), ErrorKind::InvalidInput);
}
