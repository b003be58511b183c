//! What a database holds that an application lived on before it had tenants.

use sqlx::ConnectOptions;
use tenancy_core::TenantContext;
use tenancy_sqlx::{
    Database, ErrorKind, PoolSettings, Read, Scope, SharedSql, TenantDb, TenantSql, Write, login,
    shared_sql, tenant_sql,
};

use crate::support::*;

/// Keeps a log by a trigger whose function names its table without a schema.
const LOGGED: &str = "CREATE TABLE tasks (id int, title text);
    CREATE TABLE activity (task int);
    CREATE FUNCTION note_activity() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO activity VALUES (NEW.id); RETURN NEW; END $$;
    CREATE TRIGGER activity AFTER INSERT ON tasks
        FOR EACH ROW EXECUTE FUNCTION note_activity()";
const PINNED: &str = "ALTER FUNCTION note_activity() SET search_path FROM CURRENT";

static ADD: &TenantSql<Write> = tenant_sql!("INSERT INTO tasks (id, title) VALUES ($1, 'x')");
static LOG: &TenantSql<Read> = tenant_sql!("SELECT task FROM activity ORDER BY task");
static COUNTRIES: &SharedSql<Read> = shared_sql!("SELECT name FROM public.countries");

async fn tenant(fleet: &tenancy_sqlx::Fleet, database: &Database, name: &str) -> TenantDb {
    let tenant = create(fleet, name).await;
    database.tenant(&TenantContext::new(tenant.into(), "test").unwrap())
}

#[tokio::test]
async fn a_trigger_finds_its_tenants_tables_once_its_function_is_pinned() {
    let test = TestDatabase::new().await;
    let loose = fleet(&test, set([LOGGED])).await;
    let database = Database::connect(test.app_options(), PoolSettings::default())
        .await
        .unwrap();
    let acme = tenant(&loose, &database, "acme").await;
    let globex = tenant(&loose, &database, "globex").await;
    let error = acme.execute(ADD).bind(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(
        error
            .to_string()
            .contains("relation \"activity\" does not exist"),
        "{error}"
    );
    // A scoped transaction has the path that the function lacks.
    let scoped = acme.scoped(Scope::Path);
    let added = sqlx::query("INSERT INTO tasks (id) VALUES (1)").execute(&scoped);
    added.await.unwrap();

    let pinned = fleet(&test, set([LOGGED, PINNED])).await;
    let all = tenancy_sqlx::Selection::all();
    let report = pinned.migrate(all, jobs(1), |_| {}).await.unwrap();
    assert!(report.is_complete());
    for (db, id, expected) in [(&acme, 2, &[1, 2][..]), (&globex, 7, &[7])] {
        db.execute(ADD).bind(id).await.unwrap();
        let log: Vec<i32> = db.query_scalar(LOG).fetch_all().await.unwrap();
        assert_eq!(log, expected);
    }
}

#[tokio::test]
async fn a_global_table_with_rows_stays_where_it_is() {
    let test = TestDatabase::new().await;
    let mut owner = test.owner_options().connect().await.unwrap();
    run(
        &mut owner,
        "CREATE TABLE public.countries (name text); INSERT INTO public.countries VALUES ('Malta')",
    )
    .await;
    // Rights come by themselves with tables that are made from now on.
    let countries = set(["CREATE TABLE IF NOT EXISTS countries (name text);
        GRANT SELECT ON countries TO tenancy_app"]);
    let fleet = unprepared(&test, countries, set([])).await;
    fleet.prepare().await.unwrap();
    let database = Database::connect(test.app_options(), PoolSettings::default())
        .await
        .unwrap();
    let names: Vec<(String,)> = database
        .shared()
        .query_as(COUNTRIES)
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(names, [("Malta".to_owned(),)]);
}

#[tokio::test]
async fn an_empty_path_is_taken_back_for_the_version_before() {
    let test = TestDatabase::new().await;
    let options = test.owner_options();
    let path = async |connection: &mut sqlx::PgConnection| -> String {
        sqlx::query_scalar("SHOW search_path")
            .fetch_one(connection)
            .await
            .unwrap()
    };
    let reset = format!(
        "ALTER ROLE {} IN DATABASE {} RESET search_path",
        options.get_username(),
        test.name()
    );
    for _ in 0..2 {
        let mut own = options.connect().await.unwrap();
        assert_eq!(path(&mut own).await, "\"\"");
        run(&mut own, &reset).await;
        let mut old = options.connect().await.unwrap();
        assert_eq!(path(&mut old).await, "\"$user\", public");
        login::prepare(&options).await.unwrap();
        // Who was connected before keeps what it had.
        assert_eq!(path(&mut old).await, "\"$user\", public");
    }
}

#[tokio::test]
async fn rows_move_to_their_tenant_with_their_types_and_without_their_triggers() {
    const TASKS: &str = "CREATE TABLE tasks (id int, status shared.task_status NOT NULL);
        CREATE TABLE activity (task int);
        CREATE FUNCTION note_activity() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO activity VALUES (NEW.id); RETURN NEW; END $$;
        ALTER FUNCTION note_activity() SET search_path FROM CURRENT;
        CREATE TRIGGER activity AFTER INSERT ON tasks
            FOR EACH ROW EXECUTE FUNCTION note_activity()";
    let test = TestDatabase::new().await;
    let mut owner = test.owner_options().connect().await.unwrap();
    run(
        &mut owner,
        "SET search_path = public;
         CREATE TABLE plans (name text); INSERT INTO plans VALUES ('free');
         CREATE TYPE task_status AS ENUM ('open', 'done');
         CREATE TABLE tasks (id int, status task_status); INSERT INTO tasks VALUES (1, 'done');
         CREATE TABLE activity (task int); INSERT INTO activity VALUES (1)",
    )
    .await;
    let shared = set([
        "CREATE TYPE shared.task_status AS ENUM ('open', 'done')",
        "ALTER TABLE plans SET SCHEMA shared; GRANT SELECT ON shared.plans TO tenancy_app",
    ]);
    let fleet = unprepared(&test, shared, set([TASKS])).await;
    fleet.prepare().await.unwrap();
    let database = Database::connect(test.app_options(), PoolSettings::default())
        .await
        .unwrap();
    let acme = tenant(&fleet, &database, "acme").await;
    run(
        &mut owner,
        "BEGIN;
         ALTER TABLE acme.tasks DISABLE TRIGGER USER;
         INSERT INTO acme.tasks SELECT id, status::text::shared.task_status FROM public.tasks;
         INSERT INTO acme.activity SELECT task FROM public.activity;
         ALTER TABLE acme.tasks ENABLE TRIGGER USER;
         COMMIT",
    )
    .await;
    let all = tenant_sql!(
        "SELECT t.id, t.status::text, p.name FROM tasks t JOIN activity a ON a.task = t.id
         CROSS JOIN shared.plans p"
    );
    let all: Vec<(i32, String, String)> = acme.query_as(all).fetch_all().await.unwrap();
    assert_eq!(all, [(1, "done".to_owned(), "free".to_owned())]);
    let mut superuser = test.superuser().await;
    run(&mut superuser, "CREATE EXTENSION pg_trgm SCHEMA extensions").await;
    let alike = tenant_sql!("SELECT count(*) FROM tasks WHERE extensions.similarity('a', 'a') = 1");
    let alike: i64 = acme.query_scalar(alike).fetch_one().await.unwrap();
    assert_eq!(alike, 1);
}
