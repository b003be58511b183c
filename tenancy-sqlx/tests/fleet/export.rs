//! One tenant in one file: consistent, readable by others, and SQL for a database without us.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tenancy_core::Status;
use tenancy_sqlx::{ArchiveInfo, ErrorKind, ExportFormat};

use crate::rich::*;
use crate::support::*;

#[tokio::test]
async fn an_archive_says_what_is_in_it() {
    let database = TestDatabase::new().await;
    let fleet = fleet_of(&database).await;
    let tenant = acme(&fleet, &database).await;
    let (bytes, summary) = export(&fleet, "acme", ExportFormat::Archive).await;
    let info = ArchiveInfo::read(&bytes[..]).await.unwrap();
    assert_eq!(info.tenant_id, tenant.id().to_string());
    assert_eq!(info.name, "Acme, \"Inc\"");
    assert_eq!(info.versions, [1]);
    assert_eq!(info.tables, summary.tables);
    assert_eq!(info.sha256, summary.sha256);
    let rows = |name: &str| {
        summary
            .tables
            .iter()
            .find(|t| t.table == name)
            .unwrap()
            .rows
    };
    assert_eq!((rows("posts"), rows("empty")), (503, 0));
    assert_eq!(rows("events_2025") + rows("events_2026"), 701);

    // Whatever state a tenant is in, it can be taken away; one that is not there cannot.
    fleet.suspend(&slug("acme")).await.unwrap();
    export(&fleet, "acme", ExportFormat::Archive).await;
    assert_eq!(
        fleet.tenant(&slug("acme")).await.unwrap().unwrap().status(),
        Status::Suspended
    );
    let error = fleet
        .export(&slug("nobody"), Vec::new(), ExportFormat::Archive, |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Core(tenancy_core::ErrorKind::NotFound)
    );
}

#[tokio::test]
async fn an_export_is_of_one_moment_while_others_write() {
    let database = TestDatabase::new().await;
    let fleet = fleet(
        &database,
        set(["CREATE TABLE a (n bigint); CREATE TABLE b (n bigint); CREATE TABLE c (n bigint)"]),
    )
    .await;
    create(&fleet, "acme").await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writer = database.owner_options().connect().await.unwrap();
    let stopped = stop.clone();
    let writing = tokio::spawn(async move {
        let mut n = 0_u64;
        while !stopped.load(Ordering::SeqCst) {
            n += 1;
            run(
                &mut writer,
                &format!(
                    "INSERT INTO acme.a VALUES ({n}); INSERT INTO acme.c VALUES ({n});
                     INSERT INTO acme.b VALUES ({n})"
                ),
            )
            .await;
        }
        n
    });
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let (bytes, summary) = export(&fleet, "acme", ExportFormat::Archive).await;
        let rows: Vec<_> = summary.tables.iter().map(|table| table.rows).collect();
        assert!(rows.iter().all(|n| *n == rows[0]), "{rows:?}");
        ArchiveInfo::read(&bytes[..]).await.unwrap();
        if rows[0] > 0 {
            seen.push(rows[0]);
        }
    }
    stop.store(true, Ordering::SeqCst);
    assert!(writing.await.unwrap() >= *seen.last().unwrap());
    assert!(seen.is_sorted(), "{seen:?}");
}

#[tokio::test]
async fn a_table_that_is_emptied_under_an_export_is_an_error_and_no_empty_table() {
    let database = TestDatabase::new().await;
    let fleet = fleet_of(&database).await;
    acme(&fleet, &database).await;
    let options = database.owner_options();
    let mut emptied = None;
    let error = fleet
        .export(&slug("acme"), Vec::new(), ExportFormat::Archive, |_| {
            // After the snapshot, before or after its rows are read.
            if emptied.is_none() {
                emptied = Some(());
                let options = options.clone();
                std::thread::spawn(move || {
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(async {
                            let mut owner = options.connect().await.unwrap();
                            run(&mut owner, "TRUNCATE acme.people").await;
                        });
                })
                .join()
                .unwrap();
            }
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("try again"), "{error}");
}

/// Runs the real psql.
pub(crate) async fn psql(options: &PgConnectOptions, sql: &[u8]) -> (bool, String) {
    let mut psql = tokio::process::Command::new("psql");
    let host = options.get_socket().map_or_else(
        || options.get_host().to_owned(),
        |path| path.display().to_string(),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sql).unwrap();
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", &host])
        .args(["-p", &options.get_port().to_string()])
        .args(["-U", options.get_username(), "-f"])
        .arg(file.path())
        .arg(options.get_database().unwrap());
    let output = psql.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[tokio::test]
async fn sql_is_restored_by_psql_into_a_database_without_the_framework() {
    let database = TestDatabase::new().await;
    let fleet = fleet_of(&database).await;
    acme(&fleet, &database).await;
    let mut here = database.superuser().await;
    let expected = sums(&mut here, "acme").await;
    let elsewhere = TestDatabase::new().await;
    let mut there = elsewhere.superuser().await;
    let superuser = elsewhere.superuser_options();
    for (format, name) in [
        (ExportFormat::Sql { schema: None }, "acme"),
        (
            ExportFormat::Sql {
                schema: Some(schema("other_name")),
            },
            "other_name",
        ),
    ] {
        let (sql, _) = export(&fleet, "acme", format).await;
        let (done, said) = psql(&superuser, &sql).await;
        assert!(done, "{said}");
        assert_eq!(sums(&mut there, name).await, expected);
        let framework = "pg_namespace WHERE nspname = 'tenancy'";
        assert_eq!(count(&mut there, framework).await, 0);
        // Triggers, keys and numbers go on.
        run(
            &mut there,
            &format!(
                "SET search_path TO {name}; INSERT INTO posts (title, author_id) VALUES ('new', 1);
                 DO $$ BEGIN ASSERT (SELECT max(id) FROM posts) = 504; ASSERT nextval('numbers') = 110;
                 ASSERT (SELECT count(*) FROM log WHERE what = 'INSERT new') = 1; END $$;
                 RESET search_path"
            ),
        )
        .await;
        // It is one transaction: what exists already is not touched.
        let (done, said) = psql(&superuser, &sql).await;
        assert!(!done && said.contains("already exists"), "{said}");
    }
}
