//! What goes wrong through a transaction pooler without the door, so that these tests are known to
//! see it, and that it does not with the door.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tenancy_sqlx::{
    Database, DynSql, ErrorKind, Fleet, Migrations, PgTenantStore, PoolSettings, Pooler,
};

use crate::bouncer::{Bouncer, Kind, program, tracks_statements};
use crate::hold::Hold;
use crate::server::{Lots, World};
use crate::statements::*;

/// One session for everybody, and whether a pooler is there at all.
fn one_session(pooler: Pooler, world: &World) -> Option<(Bouncer, PgConnectOptions)> {
    program()?;
    let kind = Kind {
        sessions: 1,
        pooler,
    };
    let bouncer = Bouncer::start(kind, &world.direct);
    let options = bouncer.options(&world.direct);
    Some((bouncer, options))
}

/// The poolers that this program can be.
fn poolers() -> Vec<Pooler> {
    let mut poolers = vec![Pooler::Transaction];
    if tracks_statements() {
        poolers.push(Pooler::TransactionWithStatements);
    }
    poolers
}

async fn raw(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options.clone())
        .await
        .unwrap()
}

async fn pid(pool: &PgPool) -> String {
    let asked = sqlx::raw_sql("SELECT pg_backend_pid()::text");
    sqlx::Row::get(&pool.fetch_one(asked).await.unwrap(), 0)
}

#[test]
fn there_is_a_pooler_to_test_with() {
    let wanted = ["CI", "TENANCY_TEST_FULL"].map(|name| std::env::var(name).unwrap_or_default());
    if program().is_none() {
        assert!(
            !wanted.iter().any(|value| value == "true" || value == "1"),
            "there is no pgbouncer: install it, or name it in PGBOUNCER"
        );
        eprintln!("skipped: there is no pgbouncer, so these tests went to the server directly");
    }
}

#[tokio::test]
async fn a_path_that_is_set_in_the_session_shows_rows_of_others() {
    let world = World::new().await;
    let Some((_bouncer, options)) = one_session(Pooler::Transaction, &world) else {
        return;
    };
    let (one, two) = (raw(&options).await, raw(&options).await);
    assert_eq!(
        pid(&one).await,
        pid(&two).await,
        "the session is not shared"
    );
    let mut lots = Lots::new(3);
    let mut foreign = 0;
    for _ in 0..200 {
        let tenant = lots.tenant();
        let pool = if lots.below(2) == 0 { &one } else { &two };
        let other = if lots.below(2) == 0 { &one } else { &two };
        let set = format!("SET search_path TO {tenant}");
        pool.execute(AssertSqlSafe(set)).await.unwrap();
        let set = format!("SET search_path TO {}", lots.tenant());
        other.execute(AssertSqlSafe(set)).await.unwrap();
        let read = sqlx::raw_sql("SELECT title FROM blogs WHERE id = 1");
        let row = pool.fetch_one(read).await.unwrap();
        let title: String = sqlx::Row::get(&row, 0);
        foreign += u32::from(!title.starts_with(tenant));
    }
    assert!(foreign > 0, "a leak is not seen");
    eprintln!("control: {foreign} of 200 reads after SET were another tenant's");
}

#[tokio::test]
async fn an_unnamed_statement_without_a_transaction_runs_anothers_text() {
    let world = World::new().await;
    for pooler in poolers() {
        let Some((_bouncer, options)) = one_session(pooler, &world) else {
            return;
        };
        let hold = Hold::new(&options).await;
        let mut victim = hold.options.connect().await.unwrap();
        hold.arm().await;
        let asked = tokio::spawn(async move {
            let title = sqlx::query_scalar("SELECT title FROM acme.blogs WHERE id = $1")
                .persistent(false)
                .bind(1_i64)
                .fetch_one(&mut victim)
                .await;
            title.unwrap()
        });
        hold.reached().await;
        let mut other = options.connect().await.unwrap();
        sqlx::query("SELECT title FROM globex.blogs WHERE id = $1")
            .persistent(false)
            .bind(2_i64)
            .fetch_one(&mut other)
            .await
            .unwrap();
        hold.release();
        let title: String = asked.await.unwrap();
        assert_eq!(
            title, "globex 1",
            "the hazard is gone, and so may be its cost"
        );
    }
}

#[tokio::test]
async fn no_statement_of_the_door_runs_anothers_text() {
    let world = World::new().await;
    for pooler in poolers() {
        let Some((_bouncer, options)) = one_session(pooler, &world) else {
            return;
        };
        // So few names that all but one statement have none.
        let settings = || {
            PoolSettings::default()
                .max_connections(1)
                .statement_cache_capacity(1)
                .pooler(pooler)
        };
        let hold = Hold::new(&options).await;
        let held = Database::connect(hold.options.clone(), settings());
        let held = held.await.unwrap();
        let free = Database::connect(options.clone(), settings());
        let free = free.await.unwrap();
        for (database, name) in [(&held, "acme"), (&free, "globex")] {
            let db = world.tenant(database, name);
            db.query(COUNT).fetch_one().await.unwrap();
        }
        for kind in 0..3 {
            let db = world.tenant(&held, "acme");
            hold.arm().await;
            let asked = tokio::spawn(async move {
                match kind {
                    0 => db.query_scalar(TITLE).bind(1_i64).fetch_one().await,
                    1 => {
                        use futures_util::TryStreamExt;
                        let mut titles = db.query_scalar(TITLE).bind(1_i64).fetch();
                        let title = titles.try_next().await?;
                        Ok(title.unwrap())
                    }
                    _ => {
                        let mut sql = DynSql::new("SELECT title FROM blogs WHERE id =");
                        sql.bind(1_i64);
                        db.query_scalar(sql).fetch_one().await
                    }
                }
            });
            hold.reached().await;
            let db = world.tenant(&free, "globex");
            let mut other = tokio::spawn(async move {
                db.query_scalar::<String>(TITLE)
                    .bind(2_i64)
                    .fetch_one()
                    .await
            });
            // It has to wait until the other's transaction has ended, however long.
            let early = tokio::time::timeout(Duration::from_millis(700), &mut other).await;
            hold.release();
            let title: String = asked.await.unwrap().unwrap();
            assert_eq!(title, "acme 1", "{pooler}, kind {kind}");
            assert!(
                early.is_err(),
                "{pooler}, kind {kind}: the session was lent out"
            );
            assert_eq!(other.await.unwrap().unwrap(), "globex 2");
        }
    }
}

#[tokio::test]
async fn a_name_is_not_given_to_what_the_pooler_does_not_keep_apart() {
    let world = World::new().await;
    let Some((_bouncer, options)) = one_session(Pooler::Transaction, &world) else {
        return;
    };
    let settings = PoolSettings::default().pooler(Pooler::Transaction);
    let one = Database::connect(options.clone(), settings.clone());
    let one = one.await.unwrap();
    let two = Database::connect(options.clone(), settings).await.unwrap();
    for database in [&one, &two, &one, &two] {
        for tenant in ["acme", "globex"] {
            let db = world.tenant(database, tenant);
            let title = db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
            assert_eq!(title.await.unwrap(), format!("{tenant} 1"));
        }
    }
    let names = "SELECT count(*)::text FROM pg_prepared_statements";
    let row = raw(&options).await.fetch_one(sqlx::raw_sql(names)).await;
    assert_eq!(sqlx::Row::get::<String, _>(&row.unwrap(), 0), "0");
}

#[tokio::test]
async fn a_pooler_that_nobody_named_is_refused() {
    let world = World::new().await;
    let Some((_bouncer, options)) = one_session(Pooler::Transaction, &world) else {
        return;
    };
    let hidden = Database::connect(options.clone(), PoolSettings::default()).await;
    let hidden = hidden.unwrap_err();
    assert_eq!(hidden.kind(), ErrorKind::Configuration);
    assert!(
        hidden.to_string().contains("PoolSettings::pooler"),
        "{hidden}"
    );

    let settings = PoolSettings::default().pooler(Pooler::TransactionWithStatements);
    let untracked = Database::connect(options.clone(), settings).await;
    let untracked = untracked.unwrap_err();
    assert_eq!(untracked.kind(), ErrorKind::Configuration);
    assert!(
        untracked.to_string().contains("max_prepared_statements"),
        "{untracked}"
    );
}

#[tokio::test]
async fn a_fleet_is_refused_through_a_pooler_whatever_it_lets_through() {
    let world = World::new().await;
    let Some((_bouncer, options)) = one_session(Pooler::Transaction, &world) else {
        return;
    };
    for options in [options.clone(), options.extra_float_digits(2)] {
        let fleet = Fleet::connect(options, None, Migrations::default()).await;
        let error = fleet.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains("pooler"), "{error}");
    }
}

#[tokio::test]
async fn a_session_keeps_the_clients_own_settings_after_it_was_cleaned() {
    let world = World::new().await;
    world
        .run_as_admin(format!(
            "ALTER ROLE {} IN DATABASE {} SET timezone = 'Asia/Tokyo'",
            world.login,
            world.direct.get_database().unwrap()
        ))
        .await;
    for pooler in poolers() {
        let Some((_bouncer, options)) = one_session(pooler, &world) else {
            return;
        };
        let options = options.application_name("it's me");
        let settings = PoolSettings::default().max_connections(1).pooler(pooler);
        let database = Database::connect(options, settings).await.unwrap();
        let db = world.tenant(&database, "acme");
        for _ in 0..3 {
            let mut tx = db.begin_scoped(tenancy_sqlx::Scope::Path).await.unwrap();
            let row = (&mut tx)
                .fetch_one(
                    "SELECT current_setting('TimeZone') || ' ' || current_setting('DateStyle')
                         || ' ' || current_setting('application_name')",
                )
                .await
                .unwrap();
            let settings: String = sqlx::Row::get(&row, 0);
            assert_eq!(settings, "UTC ISO, MDY it's me", "{pooler}");
            tx.commit().await.unwrap();
        }
    }
}

/// The store finds tenants through the same sessions.
#[tokio::test]
async fn a_tenant_is_not_mistaken_for_one_that_another_asked_for() {
    let test = tenancy_sqlx::testing::TestDatabase::new().await;
    let fleet = Fleet::connect(
        test.owner_options(),
        Some(test.app_login()),
        Migrations::default(),
    );
    let fleet = fleet.await.unwrap();
    fleet.prepare().await.unwrap();
    let slug = |name: &str| tenancy_core::Slug::parse(name).unwrap();
    for name in ["acme", "globex"] {
        let new = tenancy_sqlx::NewTenant::new(slug(name));
        fleet.create(new, |_| ()).await.unwrap();
    }
    if program().is_none() {
        return;
    }
    let kind = Kind {
        sessions: 1,
        pooler: Pooler::Transaction,
    };
    let bouncer = Bouncer::start(kind, &test.app_options());
    let options = bouncer.options(&test.app_options());
    let hold = Hold::new(&options).await;
    let settings = PoolSettings::default().pooler(Pooler::Transaction);
    let database = Database::connect(hold.options.clone(), settings);
    let store = PgTenantStore::new(&database.await.unwrap());
    hold.arm().await;
    let asked = tokio::spawn(async move {
        use tenancy_core::TenantStore;
        let name = tenancy_core::Identifier::Slug(tenancy_core::Slug::parse("acme").unwrap());
        store.find(&name).await.unwrap().unwrap()
    });
    hold.reached().await;
    // Somebody else's question after the same manner, in the same session if it is lent out.
    let mut other = options.connect().await.unwrap();
    let mut disturbance = tokio::spawn(async move {
        let prepared = sqlx::query("SELECT $1::text").persistent(false).bind("x");
        prepared.execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    });
    let early = tokio::time::timeout(Duration::from_millis(700), &mut disturbance).await;
    hold.release();
    assert_eq!(asked.await.unwrap().slug().as_str(), "acme");
    assert!(early.is_err(), "the session was lent out");
    disturbance.await.unwrap();
}

#[tokio::test]
async fn describing_is_refused_before_anything_is_sent_where_names_are_not_the_servers() {
    let world = World::new().await;
    if !tracks_statements() {
        return;
    }
    let pooler = Pooler::TransactionWithStatements;
    let Some((_bouncer, options)) = one_session(pooler, &world) else {
        return;
    };
    let database = Database::connect(options, PoolSettings::default().pooler(pooler));
    let db = world.tenant(&database.await.unwrap(), "acme");
    let mut tx = db.begin_scoped(tenancy_sqlx::Scope::Path).await.unwrap();
    let text = sqlx::SqlSafeStr::into_sql_str("SELECT title FROM blogs");
    let error = (&mut tx).describe(text).await.map(drop).unwrap_err();
    assert_eq!(
        tenancy_sqlx::Error::from(error).kind(),
        ErrorKind::Configuration
    );
    (&mut tx).execute("SELECT title FROM blogs").await.unwrap();
    tx.commit().await.unwrap();
}
