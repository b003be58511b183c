//! A clone is what its source is, object for object and row for row, or there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions};
use tenancy_core::{Status, Tenant, TenantResource};
use tenancy_sqlx::{CloneData, CloneEvent, ErrorKind, Fleet, NewTenant, Selection};

use crate::crash::{Crash, Last};
use crate::support::*;

/// What a schema may have, made by hand or by an older system: far more than a migration may make.
const RICH: &str = include_str!("rich.sql");

async fn owner(database: &TestDatabase) -> PgConnection {
    database.owner_options().connect().await.unwrap()
}

/// Runs statements on the path of a tenant, as its owner.
async fn within(connection: &mut PgConnection, schema: &str, sql: &str) {
    let path = format!("SET LOCAL search_path TO \"{schema}\", extensions, pg_temp");
    run(connection, &format!("BEGIN; {path}; {sql}; COMMIT")).await;
}

async fn text(connection: &mut PgConnection, sql: &str) -> String {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn rich(database: &TestDatabase, fleet: &Fleet) -> PgConnection {
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "CREATE EXTENSION IF NOT EXISTS citext SCHEMA extensions",
    )
    .await;
    create(fleet, "acme").await;
    let mut owner = owner(database).await;
    within(&mut owner, "acme", RICH).await;
    owner
}

async fn cloned(fleet: &Fleet, from: &str, to: &str, data: CloneData) -> Tenant {
    fleet
        .clone_tenant(&slug(from), NewTenant::new(slug(to)), data, |_| {})
        .await
        .unwrap_or_else(|error| panic!("{error:?}"))
}

#[tokio::test]
async fn a_clone_has_everything_and_shares_nothing() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let mut owner = rich(&database, &fleet).await;
    let mut events = Vec::new();
    let new = NewTenant::new(slug("globex"))
        .name("Globex")
        .domain(domain("globex.example"));
    let tenant = fleet
        .clone_tenant(&slug("acme"), new, CloneData::Everything, |event| {
            events.push(event);
        })
        .await
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(tenant.status(), Status::Active);
    assert_eq!(tenant.name(), "Globex");
    assert_eq!(tenant.migration(), 1);
    assert_eq!(
        fleet.tenant(&slug("globex")).await.unwrap().as_ref(),
        Some(&tenant)
    );
    assert!(matches!(events[0], CloneEvent::Reserved));
    assert!(matches!(events.last(), Some(CloneEvent::Active)));
    assert!(fleet.status().await.unwrap().is_at_head());

    // Every row of every table, and where every sequence stands.
    for table in [
        "people",
        "logs",
        "events",
        "events_2025",
        "base",
        "heir",
        "totals",
        "nothing",
    ] {
        let rows = |schema: &str| {
            format!(
                "SELECT count(*) || coalesce(string_agg(t::text, ';' ORDER BY t::text), '')
                 FROM {schema}.{table} t"
            )
        };
        let (old, new) = (rows("acme"), rows("globex"));
        assert_eq!(
            text(&mut owner, &old).await,
            text(&mut owner, &new).await,
            "{table}"
        );
    }
    for sequence in ["people_id_seq", "logs_id_seq", "invoice_numbers", "unused"] {
        let state = |schema: &str| {
            format!("SELECT concat_ws(' ', last_value, is_called) FROM {schema}.{sequence}")
        };
        let (old, new) = (state("acme"), state("globex"));
        assert_eq!(
            text(&mut owner, &old).await,
            text(&mut owner, &new).await,
            "{sequence}"
        );
    }
    let filled = "SELECT string_agg(relname || relispopulated, ',' ORDER BY relname) FROM pg_class
                  WHERE relkind = 'm' AND relnamespace::regnamespace::text = ";
    let (old, new) = (format!("{filled}'acme'"), format!("{filled}'globex'"));
    assert_eq!(text(&mut owner, &old).await, text(&mut owner, &new).await);

    // Nothing of one depends on anything of the other.
    let crossing = count(
        &mut owner,
        "pg_depend d, pg_class c, pg_class e WHERE d.classid = 'pg_class'::regclass
         AND d.refclassid = 'pg_class'::regclass AND c.oid = d.objid AND e.oid = d.refobjid
         AND c.relnamespace <> e.relnamespace
         AND c.relnamespace::regnamespace::text IN ('acme', 'globex')
         AND e.relnamespace::regnamespace::text IN ('acme', 'globex')",
    )
    .await;
    assert_eq!(crossing, 0);
    let elsewhere = count(
        &mut owner,
        "pg_proc WHERE pronamespace::regnamespace::text = 'globex' AND proconfig::text LIKE '%acme%'",
    )
    .await;
    assert_eq!(elsewhere, 0);

    // What is written on one, also by triggers and defaults, is not on the other.
    let (people, logs) = ("acme.people", "acme.logs");
    let before = (
        count(&mut owner, people).await,
        count(&mut owner, logs).await,
    );
    run(
        &mut owner,
        "INSERT INTO globex.people (name, age) VALUES ('new', 50);
         UPDATE globex.people SET name = name || 'x' WHERE id < 5;
         REFRESH MATERIALIZED VIEW globex.totals",
    )
    .await;
    let after = (
        count(&mut owner, people).await,
        count(&mut owner, logs).await,
    );
    assert_eq!(before, after);
    assert_eq!(count(&mut owner, "globex.logs").await, before.1 + 5);
    // Each counts for itself from the same number on.
    run(
        &mut owner,
        "INSERT INTO acme.people (name, age) VALUES ('other', 50)",
    )
    .await;
    for column in ["id", "invoice"] {
        let last = |schema: &str| {
            format!("SELECT max({column})::text FROM {schema}.people WHERE age = 50")
        };
        let (old, new) = (last("acme"), last("globex"));
        assert_eq!(text(&mut owner, &old).await, text(&mut owner, &new).await);
    }
    // The application has its rights there.
    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, "INSERT INTO globex.people (name) VALUES ('app')").await;
    assert_eq!(
        count(&mut app, "globex.happy").await,
        count(&mut app, "acme.happy").await
    );

    // A clone of a clone, without rows.
    cloned(&fleet, "globex", "empty", CloneData::SchemaOnly).await;
    assert_eq!(count(&mut owner, "empty.people").await, 0);
    run(
        &mut owner,
        "INSERT INTO empty.people (name) VALUES ('first')",
    )
    .await;
    assert_eq!(
        text(&mut owner, "SELECT id || ' ' || invoice FROM empty.people").await,
        "1 1000"
    );

    let report = fleet.drift(Selection::all()).await.unwrap();
    let differences: Vec<_> = report
        .tenants
        .iter()
        .map(|tenant| &tenant.differences)
        .collect();
    assert_eq!(differences.len(), 3);
    assert!(
        differences.iter().all(|all| *all == differences[0]),
        "{differences:#?}"
    );
}

#[tokio::test]
async fn rows_are_those_of_one_moment_although_the_source_goes_on() {
    let database = TestDatabase::new().await;
    // Enough tables for several transactions between the two that belong together.
    let filling: Vec<_> = (0..420)
        .map(|number| format!("CREATE TABLE f{number:03} (a int)"))
        .collect();
    let filling = filling.join(";");
    let sql = format!(
        "CREATE TABLE a_balance (v bigint); INSERT INTO a_balance VALUES (0);
         CREATE TABLE z_balance (v bigint); INSERT INTO z_balance VALUES (0); {filling}"
    );
    let fleet = fleet(&database, set([sql.leak()])).await;
    create(&fleet, "bank").await;

    let stop = Arc::new(AtomicBool::new(false));
    let mut writer = database.app_options().connect().await.unwrap();
    let writing = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            while !stop.load(Ordering::SeqCst) {
                run(
                    &mut writer,
                    "BEGIN; UPDATE bank.a_balance SET v = v + 1; \
                     UPDATE bank.z_balance SET v = v - 1; COMMIT",
                )
                .await;
            }
        }
    });
    let mut owner = owner(&database).await;
    eventually("a first write", async || {
        let moved = count(&mut owner, "bank.a_balance WHERE v > 0").await;
        (moved > 0).then_some(())
    })
    .await;
    for number in 0..3 {
        let name = format!("copy{number}");
        cloned(&fleet, "bank", &name, CloneData::Everything).await;
        let sum = format!(
            "SELECT ((SELECT v FROM {name}.a_balance) + (SELECT v FROM {name}.z_balance))::text"
        );
        assert_eq!(text(&mut owner, &sum).await, "0");
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_made_again_is_named_and_nothing_is_left() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "other").await;
    let mut owner = owner(&database).await;
    let mut superuser = database.superuser().await;
    let cases = [
        ("CREATE VIEW spy AS SELECT title FROM other.notes", "names"),
        (
            "CREATE AGGREGATE total (int) (sfunc = int4pl, stype = int)",
            "total(integer)",
        ),
        (
            "CREATE FUNCTION spy() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM other.notes'",
            "other.notes",
        ),
        (
            "CREATE FUNCTION own() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM {}.notes'",
            "notes",
        ),
        (
            "CREATE TEXT SEARCH DICTIONARY words (template = simple)",
            "words",
        ),
        ("CREATE TABLE pg_class (a int)", "pg_class"),
        ("ALTER TABLE notes ADD other other.notes", "names"),
    ];
    for (number, (sql, says)) in cases.into_iter().enumerate() {
        let name = format!("source{number}");
        create(&fleet, &name).await;
        within(&mut owner, &name, &sql.replace("{}", &name)).await;
        let before = traces(&mut superuser).await;
        let error = fleet
            .clone_tenant(
                &slug(&name),
                NewTenant::new(slug("copy")),
                CloneData::Everything,
                |_| {},
            )
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(traces(&mut superuser).await, before);
    }
}

/// A resource that fails.
struct Broken(Arc<AtomicBool>);

#[async_trait]
impl TenantResource for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    async fn provision(&self, _: &Tenant) -> Result<(), tenancy_core::Error> {
        if self.0.load(Ordering::SeqCst) {
            return Err(tenancy_core::Error::new(
                tenancy_core::ErrorKind::Internal,
                "no room",
            ));
        }
        Ok(())
    }

    async fn purge(&self, _: &Tenant) -> Result<(), tenancy_core::Error> {
        Ok(())
    }

    async fn residue(&self, _: &Tenant) -> Result<Vec<String>, tenancy_core::Error> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_clone_that_fails_is_taken_back_wholly_and_the_names_that_are_taken_are_named() {
    let database = TestDatabase::new().await;
    let broken = Arc::new(AtomicBool::new(false));
    let fleet = fleet(&database, set([NOTES, TAGS]))
        .await
        .resource(Arc::new(Broken(Arc::clone(&broken))));
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let copy = |from: &str, to: &str| {
        let (fleet, from, new) = (fleet.clone(), slug(from), NewTenant::new(slug(to)));
        async move {
            fleet
                .clone_tenant(&from, new, CloneData::Everything, |_| {})
                .await
        }
    };
    broken.store(true, Ordering::SeqCst);
    let error = copy("acme", "globex").await.unwrap_err().to_string();
    assert!(error.contains("resource broken"), "{error}");
    assert_eq!(traces(&mut superuser).await, before);

    broken.store(false, Ordering::SeqCst);
    let error = copy("acme", "acme").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("slug acme is taken"), "{error}");
    let error = copy("nobody", "globex").await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Core(tenancy_core::ErrorKind::NotFound)
    );
    assert_eq!(traces(&mut superuser).await, before);

    // One of several at once wins.
    let all = futures_util::future::join_all((0..4).map(|_| copy("acme", "globex"))).await;
    assert_eq!(all.iter().filter(|result| result.is_ok()).count(), 1);
    for error in all.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    // One that is stopped has a clone, too.
    fleet.suspend(&slug("acme")).await.unwrap();
    copy("acme", "third").await.unwrap();
}

/// Runs statements on another thread and waits for them.
fn meanwhile(database: &TestDatabase, sql: &'static str) {
    let options = database.owner_options();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { run(&mut options.connect().await.unwrap(), sql).await });
    });
    thread.join().unwrap();
}

#[tokio::test]
async fn a_clone_that_is_not_what_its_source_is_is_taken_back_and_the_difference_named() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, TAGS])).await;
    create(&fleet, "acme").await;
    let mut owner = owner(&database).await;
    run(&mut owner, "INSERT INTO acme.tags VALUES ('a')").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let cases = [
        (
            "ALTER TABLE globex.notes ADD stray int",
            "(column notes.stray should not be there)",
        ),
        (
            "CREATE FUNCTION globex.none() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN RETURN NULL; END';
             CREATE TRIGGER none BEFORE INSERT ON globex.tags FOR EACH ROW
                EXECUTE FUNCTION globex.none()",
            "table tags has 0 rows and its source 1",
        ),
    ];
    for (sql, says) in cases {
        let error = fleet
            .clone_tenant(
                &slug("acme"),
                NewTenant::new(slug("globex")),
                CloneData::Everything,
                |event| {
                    if let CloneEvent::Made { .. } = event {
                        meanwhile(&database, sql);
                    }
                },
            )
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(traces(&mut superuser).await, before);
    }
}

#[tokio::test]
async fn a_clone_that_is_killed_anywhere_is_complete_or_absent_after_the_same_again() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, TAGS])).await;
    create(&fleet, "acme").await;
    let mut owner = owner(&database).await;
    run(
        &mut owner,
        "INSERT INTO acme.tags VALUES ('a'); INSERT INTO acme.notes (title, tag) VALUES ('x', 'a')",
    )
    .await;
    let crash = Crash::never(&database.owner_options());
    let migrations = fleet.migrations().clone();
    let cut = Fleet::connect(crash.options(), Some(APP.to_owned()), migrations).await;
    let cut = cut.unwrap();
    for last in [Last::Lost, Last::Unanswered] {
        for at in 0.. {
            let name = format!("copy-{}-{at}", if last == Last::Lost { "l" } else { "u" });
            let again = async |fleet: &Fleet| {
                fleet
                    .clone_tenant(
                        &slug("acme"),
                        NewTenant::new(slug(&name)),
                        CloneData::Everything,
                        |_| {},
                    )
                    .await
            };
            crash.rise(at, last);
            let first = again(&cut).await;
            let second = again(&fleet).await;
            match second {
                Ok(_) => {}
                // Its last message was done, and nobody heard of it.
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{at}: {error}");
                    assert!(error.to_string().contains("is taken"), "{at}: {error}");
                }
            }
            let tenant = fleet.tenant(&slug(&name)).await.unwrap().unwrap();
            assert_eq!(tenant.status(), Status::Active, "{at}");
            let schema = tenant.schema_name();
            let joined = format!("{schema}.notes JOIN {schema}.tags ON tag = name");
            assert_eq!(count(&mut owner, &joined).await, 1, "{at}");
            assert_eq!(count(&mut owner, "acme.notes").await, 1);
            if !crash.happened() {
                first.unwrap();
                assert!(at > 20, "{at}");
                break;
            }
        }
    }
    let halves = count(&mut owner, "tenancy.tenants WHERE status = 'provisioning'").await;
    assert_eq!(halves, 0);
    let strays = count(
        &mut owner,
        "pg_namespace n WHERE nspname LIKE 'copy%' AND NOT EXISTS
            (SELECT FROM tenancy.tenants WHERE schema_name = nspname)",
    )
    .await;
    assert_eq!(strays, 0);
    let report = fleet.drift(Selection::all()).await.unwrap();
    assert!(!report.has_drift(), "{:?}", report.tenants);
}

#[tokio::test]
async fn three_thousand_tables_fit_the_servers_default_table_of_locks() {
    if std::env::var_os("TENANCY_TEST_FULL").is_none() {
        return;
    }
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "large").await;
    let mut owner = owner(&database).await;
    for batch in 0..30 {
        let tables: Vec<_> = (0..100)
            .map(|number| {
                format!(
                    "CREATE TABLE t{batch:02}_{number:02} (id bigint GENERATED ALWAYS AS IDENTITY \
                     PRIMARY KEY, a text, note bigint REFERENCES notes (id))"
                )
            })
            .collect();
        within(&mut owner, "large", &tables.join(";")).await;
    }
    let began = std::time::Instant::now();
    fleet
        .clone_tenant(
            &slug("large"),
            NewTenant::new(slug("copy")),
            CloneData::Everything,
            |event| println!("{:?} {event}", began.elapsed()),
        )
        .await
        .unwrap_or_else(|error| panic!("{error:?}"));
    println!("3,001 tables: {:?}", began.elapsed());
    let tables = "pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text = 'copy'";
    assert_eq!(count(&mut owner, tables).await, 3_001);
}
