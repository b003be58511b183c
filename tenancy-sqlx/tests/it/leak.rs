//! A connection never carries a tenant over.

use sqlx::Row;
use sqlx::postgres::PgPool;
use tenancy_sqlx::ErrorKind;

use crate::server::{Lots, World};
use crate::statements::*;

const OPERATIONS: u64 = 10_000;

/// The path, the schema and the openness of a transaction, on the pool's one connection.
async fn probe(pool: &PgPool) {
    let question = "SELECT current_setting('search_path'), current_schema()::text, \
                    (now() = statement_timestamp())::text, \
                    current_setting('role')";
    let row = sqlx::raw_sql(question).fetch_one(pool).await.unwrap();
    assert!(matches!(row.get::<&str, _>(0), "" | "\"\""));
    assert_eq!(row.get::<Option<&str>, _>(1), None);
    assert_eq!(row.get::<&str, _>(2), "true", "a transaction is open");
    assert_eq!(row.get::<&str, _>(3), "none");
}

#[tokio::test]
async fn ten_thousand_operations_of_random_tenants_leave_nothing_on_the_connection() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let mut lots = Lots::new(1);
    for _ in 0..OPERATIONS {
        let name = lots.tenant();
        let db = world.tenant(&database, name);
        let id = i64::try_from(lots.below(5)).unwrap() + 1;
        let own = format!("{name} {id}");
        match lots.below(8) {
            0..=2 => {
                let title = db.query_scalar::<String>(TITLE).bind(id).fetch_one();
                assert_eq!(title.await.unwrap(), own);
            }
            3 => {
                let touched = db.execute(UPDATE).bind(id).bind(&own).await.unwrap();
                assert_eq!(touched, 1);
            }
            4 => {
                let mut tx = db.begin().await.unwrap();
                let title = tx.query_scalar::<String>(TITLE).bind(id).fetch_one();
                assert_eq!(title.await.unwrap(), own);
                tx.execute(UPDATE).bind(id).bind(&own).await.unwrap();
                tx.commit().await.unwrap();
            }
            5 => {
                let mut tx = db.begin().await.unwrap();
                tx.execute(UPDATE).bind(id).bind("other").await.unwrap();
                drop(tx);
            }
            6 => {
                let error = db.execute(INSERT).bind(id).bind("twice").await;
                assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
            }
            _ => probe(&pool).await,
        }
    }
    probe(&pool).await;
}
