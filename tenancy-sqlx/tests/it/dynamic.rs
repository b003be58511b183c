//! Statements composed at run time.

use tenancy_sqlx::{DynSql, ErrorKind, TenantDb};

use crate::server::World;
use crate::statements::*;

fn list(title: Option<&str>, sort: &str, limit: i64) -> DynSql {
    let mut sql = DynSql::new("SELECT id FROM blogs WHERE true");
    if let Some(title) = title {
        sql.push(" AND title =").bind(title);
    }
    sql.order_by(sort, &[("id", "id"), ("newest", "id DESC")]);
    sql.push(" LIMIT").bind(limit);
    sql
}

async fn ids(db: &TenantDb, sql: DynSql) -> Vec<i64> {
    db.query_scalar::<i64>(sql).fetch_all().await.unwrap()
}

#[tokio::test]
async fn filters_and_orders_are_composed_and_run_for_their_tenant() {
    let world = World::new().await;
    let database = world.database(1).await;
    let acme = world.tenant(&database, "acme");
    let globex = world.tenant(&database, "globex");
    for _ in 0..2 {
        assert_eq!(ids(&acme, list(None, "id", 2)).await, [1, 2]);
        assert_eq!(ids(&acme, list(None, "newest", 2)).await, [5, 4]);
        assert_eq!(ids(&acme, list(Some("acme 3"), "id", 2)).await, [3]);
        assert_eq!(
            ids(&globex, list(Some("acme 3"), "id", 2)).await,
            [0_i64; 0]
        );
    }
    let quote = list(Some("' OR true; DROP TABLE blogs; --"), "id", 2);
    assert_eq!(ids(&acme, quote).await, [0_i64; 0]);

    let mut tx = acme.begin().await.unwrap();
    let mut update = DynSql::new("UPDATE blogs SET title =");
    update.bind("composed").push(" WHERE id =").bind(1_i64);
    assert_eq!(tx.execute(update).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let title = acme.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    assert_eq!(title.await.unwrap(), "composed");
}

#[tokio::test]
async fn a_fault_is_an_error_and_nothing_is_sent() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    for (sql, kind) in [
        (
            list(None, "id; DROP TABLE blogs", 1),
            ErrorKind::InvalidInput,
        ),
        (
            DynSql::new("SELECT id FROM globex.blogs"),
            ErrorKind::Configuration,
        ),
        (DynSql::new("SELECT * FROM blogs"), ErrorKind::Configuration),
        (
            DynSql::new("SELECT pg_sleep(0), id FROM blogs"),
            ErrorKind::Configuration,
        ),
        (DynSql::new("DROP TABLE blogs"), ErrorKind::Configuration),
        (
            DynSql::new("SELECT id FROM blogs; SELECT 1"),
            ErrorKind::Configuration,
        ),
        (
            DynSql::new("SELECT id FROM blogs WHERE id = $2"),
            ErrorKind::Configuration,
        ),
        (
            DynSql::new("SELECT id FROM blogs WHERE id = $1"),
            ErrorKind::InvalidInput,
        ),
    ] {
        let shown = format!("{sql:?}");
        let error = db.query(sql).fetch_all().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.to_string().starts_with("tenant acme: "), "{error}");
    }
    assert_eq!(db.query(TITLES).fetch_all().await.unwrap().len(), 5);
}

#[tokio::test]
async fn what_is_made_to_read_runs_where_only_reading_is_granted() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin_read_only().await.unwrap();
    let mut sql = DynSql::read("SELECT id FROM blogs WHERE id =");
    sql.bind(2_i64);
    assert_eq!(tx.query_scalar::<i64>(sql).fetch_one().await.unwrap(), 2);
    let writes = DynSql::read("DELETE FROM blogs");
    let error = tx.query(writes).fetch_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    tx.commit().await.unwrap();
}
