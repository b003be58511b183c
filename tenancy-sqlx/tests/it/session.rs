//! Whatever SQL leaves in a session, the next user of the connection does not find it.

use futures_util::TryStreamExt;
use tenancy_sqlx::testing::spy;
use tenancy_sqlx::{Database, Pooler, Scope, TenantDb, TenantSql, Write, tenant_sql};

use crate::server::World;
use crate::statements::*;
use crate::topology;

/// What functions of a tenant can leave, as the body of one.
const GARBAGE: [(&str, &str); 9] = [
    (
        "a path",
        "PERFORM set_config('search_path', 'globex', false);",
    ),
    (
        "a setting",
        "PERFORM set_config('statement_timeout', '54321', false);",
    ),
    ("a role", "SET SESSION ROLE postgres_is_not_granted;"),
    ("a lock", "PERFORM pg_advisory_lock(42);"),
    ("a subscription", "LISTEN news;"),
    (
        "a temporary table",
        "CREATE TEMP TABLE blogs (id bigint, title text);",
    ),
    (
        "a cursor",
        "EXECUTE 'DECLARE leftover CURSOR WITH HOLD FOR SELECT 1';",
    ),
    (
        "a prepared statement",
        "EXECUTE 'PREPARE leftover AS SELECT 1';",
    ),
    (
        "a path for good",
        "SET SESSION search_path TO globex, public;",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Commit,
    RollBack,
    Drop,
    Panic,
}

/// Everything that a session can hold, on the pool's one connection.
async fn probe(database: &Database) -> Vec<Option<String>> {
    let question = "SELECT current_setting('search_path'),
            current_setting('statement_timeout'),
            (current_user = session_user)::text,
            (SELECT count(*) FROM pg_locks
             WHERE locktype = 'advisory' AND pid = pg_backend_pid())::text,
            (SELECT count(*) FROM pg_listening_channels())::text,
            (SELECT count(*) FROM pg_cursors WHERE is_holdable)::text,
            (SELECT count(*) FROM pg_prepared_statements WHERE from_sql)::text,
            (SELECT count(*) FROM pg_class
             WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema())::text,
            (now() = statement_timestamp())::text";
    spy(database, question).await.unwrap()
}

async fn leave_garbage(db: &TenantDb, end: End) {
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    // Some of it changes what the path check sees, so the commit may be refused as well.
    let run = sqlx::query("SELECT acme.garbage()").execute(&mut tx).await;
    match end {
        End::Commit => {
            let committed = tx.commit().await;
            assert_eq!(run.is_ok(), committed.is_ok() || run.is_ok());
        }
        End::RollBack => tx.rollback().await.unwrap(),
        End::Drop => drop(tx),
        End::Panic => {
            let task = tokio::spawn(async move {
                let _tx = tx;
                std::panic::resume_unwind(Box::new("a panic with an open transaction"));
            });
            task.await.unwrap_err();
        }
    }
}

/// Lets the application do what some of the garbage takes: temporary tables and another role.
async fn allow_garbage(world: &World) {
    let grant = format!(
        "GRANT TEMP ON DATABASE {database} TO {login}; CREATE ROLE {database}_other;
         GRANT {database}_other TO {login}",
        database = world.admin.get_database().unwrap(),
        login = world.login
    );
    world.run_as_admin(grant).await;
}

/// Makes the function of the tenant's that leaves `body` behind.
async fn plant_garbage(world: &World, body: &str) {
    let body = body.replace(
        "postgres_is_not_granted",
        &format!("{}_other", world.admin.get_database().unwrap()),
    );
    let function = format!(
        "CREATE OR REPLACE FUNCTION acme.garbage() RETURNS void LANGUAGE plpgsql
         AS $body$ BEGIN {body} END $body$;
         GRANT EXECUTE ON FUNCTION acme.garbage() TO {}",
        world.login
    );
    world.run_as_admin(function).await;
}

#[tokio::test]
async fn nothing_that_sql_leaves_in_a_session_reaches_its_next_user() {
    let world = World::new().await;
    allow_garbage(&world).await;
    let mut dirty = 0;
    for (what, body) in GARBAGE {
        plant_garbage(&world, body).await;
        for end in [End::Commit, End::RollBack, End::Drop, End::Panic] {
            let database = world.database(1).await;
            let clean = probe(&database).await;
            let db = world.tenant(&database, "acme");
            leave_garbage(&db, end).await;
            assert_eq!(probe(&database).await, clean, "{what} after {end:?}");
            let titles = db.query_scalar::<String>(TITLES).fetch_all().await;
            assert_eq!(titles.unwrap()[0], "acme 1", "{what} after {end:?}");
            database.close().await;
        }
        dirty += leaves_something(&world).await;
    }
    assert_eq!(dirty, GARBAGE.len(), "some garbage was none");
}

/// One when the function of the moment leaves something on a connection that nobody cleans.
async fn leaves_something(world: &World) -> usize {
    let database = world.database(1).await;
    let clean = probe(&database).await;
    spy(&database, "SELECT acme.garbage()").await.unwrap();
    let dirty = probe(&database).await != clean;
    database.close().await;
    // A pooler would keep the session.
    world
        .run_as_admin(format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND usename = '{}'",
            world.login
        ))
        .await;
    usize::from(dirty)
}

/// What a function of the tenant's leaves when a checked statement calls it, alone, in a
/// transaction or in a stream.
#[tokio::test]
async fn nothing_that_a_tenants_function_leaves_reaches_the_next_user() {
    const CALL: &TenantSql<Write> = tenant_sql!("SELECT tenant.garbage()::text");
    let world = World::new().await;
    allow_garbage(&world).await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let clean = probe(&database).await;
    for (what, body) in GARBAGE {
        plant_garbage(&world, body).await;
        for way in 0..6 {
            match way {
                0 => drop(db.query(CALL).fetch_all().await.unwrap()),
                1 => drop(db.execute(CALL).await.unwrap()),
                2 => drop(
                    db.query(CALL)
                        .fetch()
                        .try_collect::<Vec<_>>()
                        .await
                        .unwrap(),
                ),
                _ => {
                    let mut tx = db.begin().await.unwrap();
                    tx.query(CALL).fetch_all().await.unwrap();
                    match way {
                        3 => tx.commit().await.unwrap(),
                        4 => tx.rollback().await.unwrap(),
                        _ => drop(tx),
                    }
                }
            }
            assert_eq!(probe(&database).await, clean, "{what} in way {way}");
            let titles = db.query_scalar::<String>(TITLES).fetch_all().await;
            assert_eq!(titles.unwrap()[0], "acme 1", "{what} in way {way}");
        }
    }
    // Nothing takes a statement away that SQL has prepared, but for those of the driver as well.
    // Behind a pooler that does not look at statements it is that one's session that ends.
    let pool = database.metrics().unwrap();
    let closed = if topology::pooler() == Pooler::None {
        6
    } else {
        0
    };
    assert_eq!(
        (pool.opened, pool.closed_unclean),
        (1 + closed, closed),
        "{pool:?}"
    );
}

#[tokio::test]
async fn a_transaction_whose_path_was_changed_inside_is_not_committed() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let function = format!(
        "CREATE FUNCTION acme.wander() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
             PERFORM set_config('search_path', 'globex', true); END $$;
         GRANT EXECUTE ON FUNCTION acme.wander() TO {}",
        world.login
    );
    world.run_as_admin(function).await;
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    sqlx::query("UPDATE blogs SET title = 'first'")
        .execute(&mut tx)
        .await
        .unwrap();
    sqlx::query("SELECT wander()")
        .execute(&mut tx)
        .await
        .unwrap();
    let error = tx.commit().await.unwrap_err();
    assert_eq!(error.kind(), tenancy_sqlx::ErrorKind::TransactionAborted);
    assert!(error.to_string().contains("path"), "{error}");
    let titles = db.query_scalar::<String>(TITLES).fetch_all().await.unwrap();
    assert_eq!(titles[0], "acme 1");
}
