//! Types of an application's own: one of each, whatever the number of tenants.

use tenancy_core::TenantContext;
use tenancy_sqlx::{
    Database, ErrorKind, Fleet, Migration, MigrationSet, Migrations, PoolSettings, Read, Scope,
    TenantSql, Write, tenant_sql,
};

use crate::support::*;

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[sqlx(type_name = "shared.task_status", rename_all = "lowercase")]
enum TaskStatus {
    Open,
    Done,
}

const TASKS: &str = "CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY, status shared.task_status NOT NULL)";

static ADD: &TenantSql<Write> = tenant_sql!("INSERT INTO tasks (status) VALUES ($1)");
static OF_STATUS: &TenantSql<Read> =
    tenant_sql!("SELECT status FROM tasks WHERE status = $1 ORDER BY id");

#[tokio::test]
async fn a_shared_type_serves_two_tenants_on_one_connection() {
    let test = TestDatabase::new().await;
    let shared = set(["CREATE TYPE shared.task_status AS ENUM ('open', 'done')"]);
    let fleet = unprepared(&test, shared, set([TASKS])).await;
    fleet.prepare().await.unwrap();
    let settings = PoolSettings::default().max_connections(1);
    let database = Database::connect(test.app_options(), settings)
        .await
        .unwrap();
    let mut tenants = Vec::new();
    for name in ["acme", "globex"] {
        let tenant = create(&fleet, name).await;
        tenants.push(database.tenant(&TenantContext::new(tenant.into(), "test").unwrap()));
    }
    for _ in 0..2 {
        for db in &tenants {
            db.execute(ADD).bind(TaskStatus::Open).await.unwrap();
            let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
            sqlx::query("INSERT INTO tasks (status) VALUES ($1)")
                .bind(TaskStatus::Done)
                .execute(&mut tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    }
    for db in &tenants {
        let open: Vec<TaskStatus> = db
            .query_scalar(OF_STATUS)
            .bind(TaskStatus::Open)
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(open, [TaskStatus::Open; 2]);
        let all: Vec<TaskStatus> = sqlx::query_scalar(
            "SELECT status FROM tasks WHERE status = ANY ($1::shared.task_status[]) ORDER BY id",
        )
        .bind([TaskStatus::Open, TaskStatus::Done].as_slice())
        .fetch_all(&db.scoped(Scope::Path))
        .await
        .unwrap();
        assert_eq!(all.len(), 4);
    }
}

#[tokio::test]
async fn migrations_that_reach_beyond_their_side_are_refused_before_anything_is_touched() {
    let test = TestDatabase::new().await;
    for (shared, tenant, said) in [
        (
            "SELECT 1",
            "SELECT 1;\nDELETE FROM tenancy.tenants;",
            "1_step.sql, line 2",
        ),
        (
            "SELECT 1",
            "UPDATE acme.projects SET name = 'x'",
            "write projects",
        ),
        (
            "SELECT 1",
            "CREATE TABLE public.announcements (id int)",
            "migrations/shared",
        ),
        (
            "SELECT 1",
            "CREATE TYPE mood AS ENUM ('good')",
            "shared.NAME",
        ),
        ("DROP TABLE tenancy.outbox", "SELECT 1", "the framework's"),
    ] {
        let migrations = || Migrations {
            shared: set([shared]),
            tenant: set([tenant]),
        };
        let error = Fleet::connect(test.owner_options(), None, migrations())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(said), "{error}");
    }

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tenant")).unwrap();
    let file = folder.path().join("tenant/0007_stray.sql");
    std::fs::write(&file, "\n\nUPDATE acme.projects SET name = 'x'").unwrap();
    let error = Migrations::read(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("migration 0007_stray.sql, line 3: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_failure_names_the_file_as_it_is_called() {
    let test = TestDatabase::new().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("shared")).unwrap();
    std::fs::write(folder.path().join("shared/0001_init.sql"), "SELECT nothing").unwrap();
    let migrations = Migrations::read(folder.path()).unwrap();
    let fleet = Fleet::connect(test.owner_options(), None, migrations)
        .await
        .unwrap();
    let error = fleet.prepare().await.unwrap_err().to_string();
    assert!(
        error.contains("migration 0001_init.sql, line 1, column 8"),
        "{error}"
    );

    // Two spellings of one file are one migration.
    let numbered = MigrationSet::new([Migration::new(1, "init", "SELECT nothing")]).unwrap();
    assert!(fleet.migrations().shared.iter().eq(numbered.iter()));
}
