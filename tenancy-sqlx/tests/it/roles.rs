//! Scoped transactions that act as their tenant's role: what the database itself then refuses.

use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use axum::{Extension, Router};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgPool;
use sqlx::{Executor, Row};
use tenancy_sqlx::{
    Error, ErrorKind, Lease, Scope, ScopedDb, ScopedTx, TenantDb, TransactionLayer,
};
use tower::ServiceExt;

use crate::cancel::Bench;
use crate::extract::App;
use crate::proxy::Tap;
use crate::server::{TENANTS, World};
use crate::statements::*;
use crate::topology;

/// A database whose tenants have roles, and a pool of one connection that the test sees into.
async fn world() -> (World, PgPool, TenantDb) {
    let world = World::new().await;
    world.give_roles().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    (world, pool, db)
}

async fn current_user(pool: &PgPool) -> String {
    let row = sqlx::raw_sql("SELECT current_user::text").fetch_one(pool);
    row.await.unwrap().get(0)
}

/// Who the statements of a scoped transaction run as.
async fn acts_as(db: &TenantDb, scope: Scope) -> String {
    sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&db.scoped(scope))
        .await
        .unwrap()
}

#[tokio::test]
async fn statements_run_as_the_tenants_role_and_the_connection_has_its_own_again() {
    let (world, pool, acme) = world().await;
    let database = tenancy_sqlx::Database::from_pool(pool.clone())
        .await
        .unwrap();
    for _ in 0..3 {
        for name in TENANTS {
            let db = world.tenant(&database, name);
            assert_eq!(
                acts_as(&db, Scope::Role).await,
                world.role(name).to_string()
            );
            assert_eq!(current_user(&pool).await, world.login);
            let titles: Vec<String> = sqlx::query_scalar("SELECT title FROM blogs ORDER BY id")
                .fetch_all(&db.scoped(Scope::Role))
                .await
                .unwrap();
            assert_eq!(titles[0], format!("{name} 1"));
        }
    }
    assert_eq!(acts_as(&acme, Scope::Path).await, world.login);

    let mut tx = acme.begin_scoped(Scope::Role).await.unwrap();
    (&mut tx)
        .execute("UPDATE blogs SET title = 'kept' WHERE id = 1")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(current_user(&pool).await, world.login);
    for roll_back in [true, false] {
        let mut tx = acme.begin_scoped(Scope::Role).await.unwrap();
        (&mut tx).execute("DELETE FROM blogs").await.unwrap();
        if roll_back {
            tx.rollback().await.unwrap();
        } else {
            drop(tx);
        }
        assert_eq!(current_user(&pool).await, world.login);
    }
    let title: String = acme
        .scoped_transaction(Scope::Role, |mut tx| async move {
            let title = sqlx::query_scalar("SELECT title FROM blogs WHERE id = 1");
            title.fetch_one(&mut *tx).await.map_err(Error::from)
        })
        .await
        .unwrap();
    assert_eq!(title, "kept");
}

/// Texts that read another tenant's rows by their full name, or would show that they are there.
const READS: [&str; 20] = [
    "SELECT title FROM globex.blogs",
    "SELECT title FROM \"globex\".\"blogs\" WHERE id = 1",
    "SELECT b.title FROM blogs a JOIN globex.blogs b ON a.id = b.id",
    "SELECT (SELECT max(title) FROM globex.blogs)",
    "SELECT id FROM blogs WHERE EXISTS (SELECT FROM globex.blogs)",
    "SELECT id FROM blogs UNION ALL SELECT id FROM globex.blogs",
    "WITH theirs AS (SELECT title FROM globex.blogs) SELECT title FROM theirs",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION SELECT b.id::int FROM n, globex.blogs b) SELECT i FROM n",
    "SELECT t.title FROM blogs a, LATERAL (SELECT title FROM globex.blogs WHERE id = a.id) t",
    "TABLE globex.blogs",
    "SELECT b::text FROM globex.blogs b",
    "SELECT count(*) FROM ONLY globex.blogs",
    "SELECT ctid::text FROM globex.blogs",
    "SELECT title FROM globex.blogs TABLESAMPLE SYSTEM (100)",
    "SELECT title FROM globex.titles",
    "SELECT globex.first_title()",
    "SELECT query_to_xml('SELECT title FROM globex.blogs', true, false, '')::text",
    "SELECT pg_relation_size('globex.blogs')",
    "SELECT nextval('globex.numbers')",
    "EXPLAIN SELECT title FROM globex.blogs",
];

#[tokio::test]
async fn a_thousand_reads_by_a_foreign_name_are_a_thousand_refusals_where_the_path_alone_gives_rows()
 {
    let (world, _pool, db) = world().await;
    world
        .run_as_admin(format!(
            "CREATE VIEW globex.titles AS SELECT title FROM globex.blogs;
             CREATE SEQUENCE globex.numbers;
             CREATE FUNCTION globex.first_title() RETURNS text LANGUAGE sql
                 AS 'SELECT title FROM globex.blogs WHERE id = 1';
             GRANT SELECT ON globex.titles TO {login};
             GRANT USAGE ON globex.numbers TO {login}",
            login = world.login
        ))
        .await;
    let as_role = db.scoped(Scope::Role);
    let (mut refused, mut rows) = (0, 0);
    for _ in 0..50 {
        for sql in READS {
            match sqlx::query(sql).fetch_all(&as_role).await {
                Ok(some) => rows += some.len(),
                Err(error) => {
                    let code = error.as_database_error().and_then(DatabaseError::code);
                    assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
                    assert_eq!(Error::from(error).kind(), ErrorKind::Forbidden, "{sql}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((refused, rows), (1000, 0));

    // The path alone does not stop a name that is written in full.
    for sql in READS {
        let read = sqlx::query(sql).fetch_all(&db.scoped(Scope::Path)).await;
        assert!(!read.unwrap().is_empty(), "{sql}");
    }
}

#[tokio::test]
async fn what_writes_or_makes_anything_by_a_foreign_name_is_refused_too() {
    let (world, _pool, db) = world().await;
    world
        .run_as_admin("CREATE TABLE public.users (id bigint)")
        .await;
    let as_role = db.scoped(Scope::Role);
    for sql in [
        "INSERT INTO globex.blogs (id, title) VALUES (99, 'x')",
        "INSERT INTO blogs (id, title) SELECT id + 100, title FROM globex.blogs",
        "UPDATE globex.blogs SET title = 'x'",
        "UPDATE blogs SET title = b.title FROM globex.blogs b WHERE b.id = blogs.id",
        "DELETE FROM globex.blogs",
        "DELETE FROM blogs USING globex.blogs b WHERE b.id = blogs.id",
        "MERGE INTO globex.blogs b USING blogs a ON a.id = b.id WHEN MATCHED THEN DELETE",
        "TRUNCATE globex.blogs",
        "LOCK TABLE globex.blogs",
        "SELECT title FROM globex.blogs FOR UPDATE",
        "WITH gone AS (DELETE FROM globex.blogs RETURNING title) SELECT title FROM gone",
        "DECLARE page CURSOR FOR SELECT title FROM globex.blogs",
        "DO $$ BEGIN DELETE FROM globex.blogs; END $$",
        "DO $$ BEGIN EXECUTE 'TABLE public.users'; END $$",
        "CREATE TABLE globex.more (id int)",
        "CREATE TABLE more (id int)",
        "CREATE VIEW mine AS SELECT title FROM globex.blogs",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TEMP TABLE blogs (id int)",
        "CREATE SCHEMA other",
        "CREATE ROLE other",
        "ALTER TABLE globex.blogs ADD more int",
        "ALTER TABLE blogs ADD more int",
        "DROP TABLE globex.blogs",
        "DROP SCHEMA globex CASCADE",
        "GRANT SELECT ON globex.blogs TO PUBLIC",
        "COMMENT ON TABLE globex.blogs IS 'x'",
    ] {
        let error = sqlx::raw_sql(sql).execute(&as_role).await.expect_err(sql);
        let code = error.as_database_error().and_then(DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
    }
    let theirs: (i64, String) =
        sqlx::query_as("SELECT count(*), min(title) FROM globex.blogs WHERE title LIKE 'globex %'")
            .fetch_one(&mut world.admin().await)
            .await
            .unwrap();
    assert_eq!(theirs, (5, "globex 1".to_owned()));
}

#[tokio::test]
async fn a_role_that_is_not_there_or_not_granted_is_an_error_that_says_what_to_run() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    let backend = world.backend().await;
    let (role, login) = (world.role("acme"), world.login.clone());
    for (change, kind, says) in [
        (String::new(), ErrorKind::SchemaMismatch, "has no role"),
        (
            format!("CREATE ROLE {role}"),
            ErrorKind::Configuration,
            "may not act as",
        ),
        (
            format!("GRANT {role} TO {login}"),
            ErrorKind::Configuration,
            "may not use schema acme",
        ),
        (
            format!("GRANT USAGE ON SCHEMA extensions TO {role}"),
            ErrorKind::SchemaMismatch,
            "the tenant's role may not use it",
        ),
    ] {
        world.run_as_admin(change).await;
        let mut tx = db.begin_scoped(Scope::Role).await.unwrap();
        let error = (&mut tx).execute("SELECT 1").await.unwrap_err();
        let error = Error::from(error);
        assert_eq!(error.kind(), kind, "{error}");
        let message = error.to_string();
        assert!(
            message.contains(says) && message.contains("`migrate`"),
            "{message}"
        );
        tx.commit().await.unwrap_err();
        assert_eq!(current_user(&pool).await, login);
        // Who does not ask for the role is not concerned.
        assert_eq!(acts_as(&db, Scope::Path).await, login);
    }
    let grant = format!("GRANT USAGE ON SCHEMA acme TO {role}");
    world.run_as_admin(grant).await;
    assert_eq!(acts_as(&db, Scope::Role).await, role.to_string());
    assert_eq!(world.backend().await, backend, "the connection was closed");
    let end = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    world.run_as_admin(end).await;
}

#[tokio::test]
async fn statements_that_would_change_the_role_are_not_sent() {
    let (world, _pool, db) = world().await;
    let mut tx = db.begin_scoped(Scope::Role).await.unwrap();
    for sql in [
        "RESET ROLE",
        "reset all",
        "SET ROLE none",
        "/* x */ SET LOCAL ROLE tenancy_owner",
        "SET SESSION AUTHORIZATION DEFAULT",
        "SELECT set_config('role', 'none', true)",
        "SELECT pg_catalog.\"set_config\"('role', 'none', false)",
        "COPY globex.blogs TO STDOUT",
        "COPY (SELECT title FROM globex.blogs) TO STDOUT",
        "SELECT 1; RESET ROLE",
    ] {
        let error = (&mut tx).execute(sqlx::raw_sql(sql)).await.unwrap_err();
        assert_eq!(Error::from(error).kind(), ErrorKind::InvalidInput, "{sql}");
    }
    let who: String = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert_eq!(who, world.role("acme").to_string());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_role_that_a_function_changed_is_noticed_before_the_commit() {
    let (world, pool, db) = world().await;
    let [own, other] = ["acme", "globex"].map(|name| world.role(name).to_string());
    for (id, role, local, kept) in [
        (101_i64, "none", true, false),
        (102, "none", false, false),
        (103, other.as_str(), true, false),
        (104, other.as_str(), false, false),
        (105, world.login.as_str(), true, false),
        (106, own.as_str(), true, true),
        (107, own.as_str(), false, true),
    ] {
        world
            .run_as_admin(format!(
                "CREATE OR REPLACE FUNCTION acme.leaves() RETURNS text LANGUAGE sql
                 AS $$ SELECT set_config('role', '{role}', {local}) $$"
            ))
            .await;
        let mut tx = db.begin_scoped(Scope::Role).await.unwrap();
        sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'as somebody')")
            .bind(id)
            .execute(&mut tx)
            .await
            .unwrap();
        (&mut tx)
            .execute(sqlx::raw_sql("SELECT leaves()"))
            .await
            .unwrap();
        let ended = tx.commit().await;
        if kept {
            ended.unwrap();
        } else {
            let error = ended.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{role}");
            assert!(error.to_string().contains("role was changed"), "{error}");
        }
        let there = db.query(BLOG).bind(id).fetch_optional().await.unwrap();
        assert_eq!(there.is_some(), kept, "{role} {local}");
        assert_eq!(current_user(&pool).await, world.login);
    }
}

#[tokio::test]
async fn the_role_stays_through_savepoints_and_their_rollbacks() {
    let (world, _pool, db) = world().await;
    let own = world.role("acme").to_string();
    let mut tx = db.begin_scoped(Scope::Role).await.unwrap();
    let mut kept = tx.begin().await.unwrap();
    (&mut kept)
        .execute("UPDATE blogs SET title = 'kept' WHERE id = 1")
        .await
        .unwrap();
    let mut undone = kept.begin().await.unwrap();
    let error = (&mut undone).execute("TABLE globex.blogs").await;
    assert_eq!(Error::from(error.unwrap_err()).kind(), ErrorKind::Forbidden);
    undone.rollback().await.unwrap();
    kept.commit().await.unwrap();
    let mut left = tx.begin().await.unwrap();
    (&mut left).execute("DELETE FROM blogs").await.unwrap();
    drop(left);
    let who: String = sqlx::query_scalar("SELECT current_user::text")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert_eq!(who, own);
    let error = (&mut tx).execute("TABLE globex.blogs").await;
    assert!(error.is_err());
    tx.rollback().await.unwrap();

    db.scoped_transaction(Scope::Role, |mut tx| async move {
        let mut inner = tx.begin().await?;
        sqlx::query("UPDATE blogs SET title = 'inner' WHERE id = 1")
            .execute(&mut inner)
            .await?;
        inner.commit().await
    })
    .await
    .unwrap();
    let title = db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    assert_eq!(title.await.unwrap(), "inner");
}

#[tokio::test]
async fn a_role_costs_no_round_trip() {
    if topology::leaves_out("round trips are counted in a place of their own") {
        return;
    }
    let world = World::new().await;
    world.give_roles().await;
    let tap = Tap::new(&world.app).await;
    let settings = tenancy_sqlx::PoolSettings::default().max_connections(1);
    let database = tenancy_sqlx::Database::connect(tap.options.clone(), settings);
    let db = world.tenant(&database.await.unwrap(), "acme");
    let mut turns = Vec::new();
    for scope in [Scope::Path, Scope::Path, Scope::Role, Scope::Path] {
        let before = tap.count().0;
        let mut tx = db.begin_scoped(scope).await.unwrap();
        for _ in 0..3 {
            (&mut tx)
                .execute(sqlx::raw_sql("UPDATE blogs SET title = 'x' WHERE id = 1"))
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        turns.push(tap.count().0 - before);
    }
    assert_eq!(turns[1], turns[2], "{turns:?}");
    assert_eq!(turns[2], turns[3], "{turns:?}");
}

#[tokio::test]
async fn a_transaction_as_a_role_dropped_after_any_poll_leaves_a_clean_connection() {
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin_scoped(Scope::Role).await?;
        for id in [a, b] {
            sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'as a role')")
                .bind(id)
                .execute(&mut tx)
                .await?;
        }
        tx.commit().await?;
        Ok(vec![a, b])
    };
    let mut bench = Bench::new().await;
    bench.world.give_roles().await;
    bench.sweep(act).await;
    bench.check_halves("as a role").await;
}

#[tokio::test]
async fn rollbacks_savepoints_and_refusals_as_a_role_dropped_after_any_poll_leave_a_clean_connection()
 {
    let act = async |db: TenantDb, a: i64, b: i64| {
        let mut tx = db.begin_scoped(Scope::Role).await?;
        sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'undone')")
            .bind(a)
            .execute(&mut tx)
            .await?;
        tx.rollback().await?;
        let foreign = sqlx::query("SELECT title FROM globex.blogs");
        foreign
            .fetch_all(&db.scoped(Scope::Role))
            .await
            .unwrap_err();
        db.scoped_transaction(Scope::Role, |mut tx| async move {
            let mut inner = tx.begin().await?;
            sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'kept')")
                .bind(b)
                .execute(&mut inner)
                .await?;
            inner.commit().await
        })
        .await?;
        Ok(vec![b])
    };
    let mut bench = Bench::new().await;
    bench.world.give_roles().await;
    bench.sweep(act).await;
    let titles = bench.db.query_scalar::<String>(TITLES).fetch_all().await;
    assert!(!titles.unwrap().contains(&"undone".into()));
}

#[tokio::test]
async fn handlers_act_as_the_role_where_the_database_says_so() {
    async fn single(db: ScopedDb) -> Result<String, Error> {
        let who = sqlx::query_scalar("SELECT current_user::text");
        Ok(who.fetch_one(&db).await?)
    }
    async fn whole(mut tx: Lease<ScopedTx<'static>>) -> Result<String, Error> {
        let who = sqlx::query_scalar("SELECT current_user::text");
        Ok(who.fetch_one(&mut *tx).await?)
    }
    let world = World::new().await;
    world.give_roles().await;
    for (scope, who) in [
        (None, world.login.clone()),
        (Some(Scope::Path), world.login.clone()),
        (Some(Scope::Role), world.role("acme").to_string()),
    ] {
        let database = world.database(1).await;
        let database = match scope {
            Some(scope) => database.scope_in_handlers(scope),
            None => database,
        };
        let app = Router::new()
            .route("/single", get(single))
            .route("/whole", get(whole))
            .layer(TransactionLayer::new())
            .layer(Extension(world.context("acme")))
            .with_state(App { database });
        for path in ["/single", "/whole"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            let body = axum::body::to_bytes(answer.into_body(), 1000).await;
            assert_eq!(body.unwrap(), who.as_bytes(), "{scope:?} {path}");
        }
    }
}
