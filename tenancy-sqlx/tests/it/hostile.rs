//! Texts and functions that a scoped transaction meets, and what of them must not matter.

use sqlx::{Column, Executor, Row, SqlSafeStr, Statement};
use tenancy_sqlx::{Error, ErrorKind, Scope};

use crate::adversary::answers_are_its_own;
use crate::server::{TENANTS, World};
use crate::statements::*;
use crate::topology;

type Id = sqlx::types::Text<i64>;

/// One text on one connection, by turns for tenants that are at different migrations, more often
/// than the server plans anew by itself.
#[tokio::test]
async fn one_text_means_every_tenants_own_tables_whatever_their_columns_are() {
    let world = World::new().await;
    let database = world.database(1).await;
    world
        .run_as_admin(
            "ALTER TABLE globex.blogs ALTER COLUMN title TYPE varchar(80);
             ALTER TABLE globex.blogs ALTER COLUMN id TYPE int;
             ALTER TABLE initech.blogs DROP COLUMN body;
             ALTER TABLE initech.blogs RENAME COLUMN id TO number;
             ALTER TABLE initech.blogs ADD COLUMN id text;
             UPDATE initech.blogs SET id = number::text",
        )
        .await;
    for round in 0..8 {
        for name in TENANTS {
            let db = world.tenant(&database, name);
            let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
            let titles: Vec<(String,)> = sqlx::query_as("SELECT title FROM blogs ORDER BY id")
                .fetch_all(&mut tx)
                .await
                .unwrap();
            assert_eq!(titles[1].0, format!("{name} 2"));
            let ids = sqlx::query("SELECT id FROM blogs WHERE title = $1");
            let row = ids.bind(&titles[2].0).fetch_one(&mut tx).await.unwrap();
            let id = match name {
                "acme" => row.get::<i64, _>(0),
                "globex" => row.get::<i32, _>(0).into(),
                _ => row.get::<String, _>(0).parse().unwrap(),
            };
            assert_eq!(id, 3);
            // What a cursor gives depends on what it was declared for.
            sqlx::query("DECLARE page CURSOR FOR SELECT id, title FROM blogs ORDER BY id")
                .execute(&mut tx)
                .await
                .unwrap();
            let fetch = sqlx::query("FETCH FORWARD 2 FROM page");
            let rows = fetch.fetch_all(&mut tx).await.unwrap();
            assert_eq!(rows[0].get::<String, _>(1), format!("{name} 1"));
            assert_eq!(rows[1].column(0).type_info(), row.column(0).type_info());
            let text = "SELECT title FROM blogs ORDER BY title".into_sql_str();
            let prepared = (&mut tx).prepare(text.clone()).await.unwrap();
            let row = prepared.query().fetch_one(&mut tx).await.unwrap();
            assert_eq!(row.get::<String, _>(0), format!("{name} 1"));
            if topology::describes() {
                let described = (&mut tx).describe(text).await.unwrap();
                assert_eq!(described.columns().len(), 1);
            }
            sqlx::query("INSERT INTO blogs (id, title) VALUES (9, $1)")
                .bind(format!("{name} {round}"))
                .execute(&mut tx)
                .await
                .map(drop)
                .or_else(|error| match name {
                    // Its number is not given.
                    "initech" if error.as_database_error().is_some() => Ok(()),
                    _ => Err(error),
                })
                .unwrap();
            drop(tx);
        }
    }
}

#[tokio::test]
async fn a_statement_prepared_for_one_tenant_runs_for_another_as_its_own() {
    let world = World::new().await;
    let database = world.database(1).await;
    let alter = "ALTER TABLE globex.blogs ALTER COLUMN id TYPE int";
    world.run_as_admin(alter).await;
    let text = "SELECT title, id::text FROM blogs WHERE id = $1 ORDER BY id";
    let acme = world.tenant(&database, "acme");
    let mut tx = acme.begin_scoped(Scope::Path).await.unwrap();
    let prepared = (&mut tx).prepare(text.into_sql_str()).await.unwrap();
    tx.commit().await.unwrap();
    for _ in 0..8 {
        for name in TENANTS {
            let db = world.tenant(&database, name);
            let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
            let (title, id): (String, Id) = prepared
                .query_as()
                .bind(4_i64)
                .fetch_one(&mut tx)
                .await
                .unwrap();
            assert_eq!((title, id.0), (format!("{name} 4"), 4));
            tx.commit().await.unwrap();
        }
    }
}

/// Text that is no mistake of a tenant's, but that some code sends.
#[tokio::test]
async fn odd_texts_are_sent_or_refused_and_never_leave_the_transaction() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    let long = format!("SELECT '{}'::text", "x".repeat(1 << 20));
    let commented = format!("SELECT 1 /* {} */", "/* ; COMMIT */".repeat(1000));
    for (sql, allowed) in [
        ("", true),
        (";", true),
        (" -- nothing", true),
        ("SELECT 1;", true),
        ("SELECT ';' ; -- ;", true),
        (r"SELECT 'a\', '; COMMIT'", true),
        (r"SELECT E'a\'; COMMIT'", true),
        ("SELECT $a$; COMMIT; $$ $a$", true),
        ("DO $$ BEGIN PERFORM 1; END $$", true),
        ("SELECT pg_advisory_xact_lock(7)", true),
        ("NOTIFY news, 'x'", true),
        (&*long, true),
        (&*commented, true),
        ("SELECT 1\0", false),
        ("SELECT 1\0; COMMIT", false),
        ("SELECT U&\"\\0069d\" FROM blogs", false),
        ("SELECT 1 -- a\r; COMMIT", false),
    ] {
        for simple in [true, false] {
            let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
            sqlx::query("INSERT INTO blogs (id, title) VALUES (9, 'undone')")
                .execute(&mut tx)
                .await
                .unwrap();
            let text = sqlx::AssertSqlSafe(sql.to_owned());
            let done = if simple {
                (&mut tx).execute(sqlx::raw_sql(text)).await
            } else {
                (&mut tx).execute(sqlx::query(text)).await
            };
            let shown = &sql[..sql.len().min(40)];
            assert_eq!(done.is_ok(), allowed, "{shown}: {:?}", done.err());
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM blogs")
                .fetch_one(&mut tx)
                .await
                .unwrap();
            assert_eq!(count, 6, "{shown}");
            tx.rollback().await.unwrap();
            answers_are_its_own(&db).await;
        }
    }
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 5);
}

/// What functions and blocks do that the text does not show.
#[tokio::test]
async fn blocks_and_procedures_cannot_end_the_transaction_or_hide_the_tenants_tables() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    world
        .run_as_admin(format!(
            "GRANT TEMP ON DATABASE {} TO {login};
             CREATE PROCEDURE acme.ends() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
             CREATE FUNCTION acme.copes() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
                 BEGIN
                     UPDATE blogs SET title = 'undone' WHERE id = 1;
                     PERFORM 1 / 0;
                 EXCEPTION WHEN division_by_zero THEN NULL;
                 END;
                 RETURN (SELECT count(*) FROM blogs WHERE title = 'undone');
             END $$;
             CREATE FUNCTION acme.local() RETURNS text LANGUAGE plpgsql SET work_mem = '1MB'
             AS $$ BEGIN SET LOCAL statement_timeout = '7s'; RETURN 'x'; END $$;
             GRANT EXECUTE ON ALL ROUTINES IN SCHEMA acme TO {login}",
            world.admin.get_database().unwrap(),
            login = world.login
        ))
        .await;
    for ends in [
        "CALL ends()",
        "DO $$ BEGIN COMMIT; END $$",
        "DO $$ BEGIN ROLLBACK; END $$",
    ] {
        let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
        sqlx::query("DELETE FROM blogs")
            .execute(&mut tx)
            .await
            .unwrap();
        (&mut tx).execute(sqlx::raw_sql(ends)).await.unwrap_err();
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionAborted, "{ends}");
    }
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    let undone: i64 = sqlx::query_scalar("SELECT copes()")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert_eq!(undone, 0);
    for sql in [
        "SELECT local()",
        "CREATE TEMP TABLE blogs (id bigint, title text)",
        "SELECT id, title INTO TEMP posts FROM blogs",
        "INSERT INTO pg_temp.blogs VALUES (1, 'hidden')",
        "DECLARE held CURSOR WITH HOLD FOR SELECT 1",
    ] {
        (&mut tx).execute(sqlx::raw_sql(sql)).await.expect(sql);
    }
    let title: String = sqlx::query_scalar("SELECT title FROM blogs WHERE id = 1")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert_eq!(title, "acme 1");
    tx.commit().await.unwrap();
    answers_are_its_own(&db).await;
    let left = "SELECT (SELECT count(*) FROM pg_cursors WHERE is_holdable)
        + (SELECT count(*) FROM pg_class
           WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema())";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn statements_that_a_function_deallocated_are_prepared_anew() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    world
        .run_as_admin(
            "CREATE FUNCTION acme.forgets() RETURNS void LANGUAGE plpgsql
             AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
        )
        .await;
    answers_are_its_own(&db).await;
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    let forgets = sqlx::raw_sql("SELECT forgets()");
    (&mut tx).execute(forgets).await.unwrap();
    tx.commit().await.unwrap();
    answers_are_its_own(&db).await;
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    let forgets = sqlx::raw_sql("SELECT forgets()");
    (&mut tx).execute(forgets).await.unwrap();
    tx.commit().await.unwrap();
    let title = db
        .transaction(|mut tx| async move {
            tx.query_scalar::<String>(TITLE)
                .bind(3_i64)
                .fetch_one()
                .await
        })
        .await;
    assert_eq!(title.unwrap(), "acme 3");
}

#[tokio::test]
async fn what_was_committed_is_no_error_when_the_session_cannot_be_cleaned() {
    let world = World::new().await;
    let database = world.database(1).await;
    let db = world.tenant(&database, "acme");
    world
        .run_as_admin(
            "CREATE FUNCTION acme.leaves() RETURNS void LANGUAGE plpgsql
             AS $$ BEGIN EXECUTE 'PREPARE leftover AS SELECT 1'; END $$",
        )
        .await;
    db.query(TITLES).fetch_all().await.unwrap();
    let before = world.backend().await;
    for committed in [true, false] {
        let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
        for sql in [
            "INSERT INTO blogs (id, title) VALUES (9 + (SELECT count(*) FROM blogs), 'x')",
            "SELECT leaves()",
        ] {
            (&mut tx).execute(sqlx::raw_sql(sql)).await.unwrap();
        }
        if committed {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 6);
    }
    // Where no statement keeps a name, this one is gone like any other.
    if topology::pooler() != tenancy_sqlx::Pooler::Transaction {
        assert_ne!(
            world.backend().await,
            before,
            "an unclean session is used again"
        );
    }
}

#[tokio::test]
async fn what_is_refused_is_neither_prepared_nor_described() {
    let world = World::new().await;
    let db = world.tenant(&world.database(1).await, "acme");
    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    for sql in ["COMMIT", "SET ROLE other", "SELECT id FROM public.users"] {
        let prepared = (&mut tx).prepare(sql.into_sql_str()).await;
        let refused = Error::from(prepared.unwrap_err()).kind();
        assert_eq!(refused, ErrorKind::InvalidInput, "{sql}");
        let described = (&mut tx).describe(sql.into_sql_str()).await;
        let refused = Error::from(described.unwrap_err()).kind();
        assert_eq!(refused, ErrorKind::InvalidInput, "{sql}");
    }
    // Nothing was sent, so the transaction goes on.
    (&mut tx).execute("SELECT 1").await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_view_does_not_write_in_a_read_only_transaction() {
    let world = World::new().await;
    let (pool, database) = world.glass_pool(1).await;
    let db = world.tenant(&database, "acme");
    world
        .run_as_admin(format!(
            "CREATE FUNCTION acme.writes() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER
             AS 'DELETE FROM acme.blogs RETURNING id';
             CREATE VIEW acme.innocent AS SELECT acme.writes() AS id;
             GRANT SELECT ON acme.innocent TO {}",
            world.login
        ))
        .await;
    let innocent = tenancy_sqlx::tenant_sql!("SELECT id FROM innocent");
    let mut tx = db.begin_read_only().await.unwrap();
    let error = tx.query_scalar::<i64>(innocent).fetch_all().await;
    assert_eq!(error.unwrap_err().sqlstate().as_deref(), Some("25006"));
    tx.commit().await.unwrap_err();
    // The next transaction may write.
    let mut tx = db.begin().await.unwrap();
    tx.execute(DELETE).bind(1_i64).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.query_scalar::<i64>(COUNT).fetch_one().await.unwrap(), 4);
    assert_eq!(pool.size(), 1);
}
