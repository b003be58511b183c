//! A connection never carries a tenant over.

use tenancy_sqlx::testing::spy;
use tenancy_sqlx::{Database, ErrorKind};

use crate::server::{Lots, World};
use crate::statements::*;

const OPERATIONS: u64 = 10_000;

/// The path, the schema and the openness of a transaction, on the pool's one connection.
async fn probe(database: &Database) {
    let question = "SELECT current_setting('search_path') IN ('', '\"\"'), \
                    current_schema(), now() = statement_timestamp(), current_setting('role')";
    let found = spy(database, question).await.unwrap();
    let clean = [Some("t"), None, Some("t"), Some("none")];
    assert_eq!(found, clean.map(|value| value.map(str::to_owned)));
}

#[tokio::test]
async fn ten_thousand_operations_of_random_tenants_leave_nothing_on_the_connection() {
    let world = World::new().await;
    let database = world.database(1).await;
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
            _ => probe(&database).await,
        }
    }
    probe(&database).await;
}
