//! Tables that are no tenant's.

use tenancy_sqlx::{ErrorKind, shared_sql};

use crate::server::World;

async fn prepared() -> World {
    let world = World::new().await;
    world
        .run_as_admin(format!(
            "CREATE SCHEMA IF NOT EXISTS shared;
             CREATE TABLE shared.plans (name text PRIMARY KEY, price bigint NOT NULL);
             CREATE TABLE public.users (id bigint PRIMARY KEY, name text NOT NULL);
             GRANT USAGE ON SCHEMA shared, public TO {login};
             GRANT SELECT, INSERT, UPDATE, DELETE ON shared.plans, public.users TO {login}",
            login = world.login
        ))
        .await;
    world
}

#[tokio::test]
async fn shared_rows_are_read_and_written_alone_and_in_transactions() {
    let world = prepared().await;
    let shared = world.database(1).await.shared();
    let add = shared_sql!("INSERT INTO shared.plans (name, price) VALUES ($1, $2)");
    let names = shared_sql!("SELECT name FROM shared.plans ORDER BY name");
    shared.execute(add).bind("small").bind(1_i64).await.unwrap();

    let mut tx = shared.begin().await.unwrap();
    tx.execute(add).bind("large").bind(9_i64).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    let twice = savepoint.execute(add).bind("small").bind(2_i64).await;
    let twice = twice.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Conflict);
    assert!(
        twice.to_string().starts_with("the shared side: "),
        "{twice}"
    );
    savepoint.rollback().await.unwrap();
    tx.execute(shared_sql!(
        "INSERT INTO public.users (id, name) VALUES (1, 'root')"
    ))
    .await
    .unwrap();
    tx.commit().await.unwrap();

    drop(shared.begin().await.unwrap());
    let mut tx = shared.begin_read_only().await.unwrap();
    let plans = tx.query_scalar::<String>(names).fetch_all().await.unwrap();
    assert_eq!(plans, ["large", "small"]);
    tx.commit().await.unwrap();

    let user = shared_sql!("SELECT name FROM public.users WHERE id = $1");
    let name: String = shared
        .transaction(|mut tx| async move { tx.query_scalar(user).bind(1_i64).fetch_one().await })
        .await
        .unwrap();
    assert_eq!(name, "root");
    let nobody = shared.query_scalar::<String>(user).bind(2_i64).fetch_one();
    let nobody = nobody.await.unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::RowNotFound);
    assert!(nobody.to_string().contains("public.users"), "{nobody}");
}
