//! Several operations on one tenant, or on one name, at once: each ends, and nothing is half.

use std::io::Cursor;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use tenancy_core::{Maintenance, Status};
use tenancy_sqlx::{
    CloneData, CloneEvent, ErrorKind, ExportFormat, Fleet, NewTenant, Rename, Repair, Selection,
};

use crate::rich::export;
use crate::support::*;

/// Everything is what the ledger says, and nothing is left over.
async fn settled(fleet: &Fleet) {
    let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
    assert!(report.tenants.is_empty(), "{report:?}");
    let report = fleet.drift(Selection::all()).await.unwrap();
    assert!(!report.has_drift(), "{:?}", report.tenants);
}

async fn execute(database: &TestDatabase, sql: &str) {
    run(&mut database.superuser().await, sql).await;
}

#[tokio::test]
async fn a_copy_and_what_happens_to_its_source_meanwhile_are_both_whole() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    create(&old, "acme").await;
    execute(
        &database,
        "INSERT INTO acme.notes (title) SELECT 'n' FROM generate_series(1, 20000)",
    )
    .await;
    let fleet = fleet(&database, set([NOTES, TAGS])).await;
    let source = slug("acme");
    let copy = |name: &str| {
        let new = NewTenant::new(slug(name));
        fleet.clone_tenant(&source, new, CloneData::Everything, |_| {})
    };
    let (copied, report) = tokio::join!(
        copy("one"),
        fleet.migrate(Selection::all(), jobs(2), |_| {})
    );
    copied.unwrap();
    assert!(report.unwrap().is_complete());
    fleet
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    settled(&fleet).await;

    let (copied, suspended) = tokio::join!(copy("two"), fleet.suspend(&source));
    copied.unwrap();
    suspended.unwrap();
    settled(&fleet).await;

    let rename = fleet.rename(&source, Rename::to(slug("globex")));
    let (copied, renamed) = tokio::join!(copy("three"), rename);
    renamed.unwrap();
    assert!(copied.is_ok_and(|_| true) || fleet.tenant(&slug("three")).await.unwrap().is_none());
    settled(&fleet).await;

    let globex = slug("globex");
    let new = NewTenant::new(slug("four"));
    let copy = fleet.clone_tenant(&globex, new, CloneData::Everything, |_| {});
    let gone = async {
        fleet.archive(&globex, None).await?;
        fleet.purge(&globex, &globex).await
    };
    let (copied, gone) = tokio::join!(copy, gone);
    assert_eq!(gone.unwrap().status(), Status::Purged);
    assert_eq!(
        copied.is_ok(),
        fleet.tenant(&slug("four")).await.unwrap().is_some()
    );
    settled(&fleet).await;
}

/// Makes whoever reads the first table wait, and does `meanwhile` when somebody does.
fn under_a_reader(
    options: sqlx::postgres::PgConnectOptions,
    meanwhile: &'static str,
) -> std::thread::JoinHandle<()> {
    let (held, is_held) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut holder = options.connect().await.unwrap();
            let mut looking = options.connect().await.unwrap();
            let lock = "BEGIN; LOCK TABLE acme.notes IN ACCESS EXCLUSIVE MODE";
            run(&mut holder, lock).await;
            held.send(()).unwrap();
            eventually("somebody reads", async || {
                let waits = "pg_locks WHERE NOT granted AND relation = 'acme.notes'::regclass";
                (count(&mut looking, waits).await > 0).then_some(())
            })
            .await;
            run(&mut looking, meanwhile).await;
            run(&mut holder, "COMMIT").await;
        });
    });
    is_held.recv().unwrap();
    thread
}

#[tokio::test]
async fn a_table_that_is_emptied_under_a_copy_is_an_error_and_no_empty_table() {
    let database = TestDatabase::new().await;
    let tables = "CREATE TABLE notes (id int); CREATE TABLE tags (id int)";
    let fleet = fleet(&database, set([tables])).await;
    create(&fleet, "acme").await;
    execute(
        &database,
        "INSERT INTO acme.notes VALUES (1); INSERT INTO acme.tags VALUES (1)",
    )
    .await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let options = database.superuser_options();
    let copy = async |to: &str, meanwhile: &'static str| {
        let new = NewTenant::new(slug(to));
        let mut threads = Vec::new();
        let copied = fleet
            .clone_tenant(&slug("acme"), new, CloneData::Everything, |event| {
                if matches!(event, CloneEvent::Made { .. }) {
                    threads.push(under_a_reader(options.clone(), meanwhile));
                }
            })
            .await;
        assert_eq!(threads.len(), 1);
        for thread in threads {
            thread.join().unwrap();
        }
        copied
    };
    let error = copy("copy", "TRUNCATE acme.tags").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("try again"), "{error}");
    assert_eq!(traces(&mut superuser).await, before);
    copy("copy", "SELECT").await.unwrap();
}

#[tokio::test]
async fn one_name_has_one_tenant_however_many_make_it_at_once() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    for round in 0..4 {
        let name = slug(&format!("copy{round}"));
        let new = || NewTenant::new(name.clone());
        let source = slug("acme");
        let (created, imported, again, cloned, archived) = tokio::join!(
            fleet.create(new(), |_| {}),
            fleet.import(Cursor::new(&archive), new(), |_| {}),
            fleet.import(Cursor::new(&archive), new(), |_| {}),
            fleet.clone_tenant(&source, new(), CloneData::SchemaOnly, |_: CloneEvent| {}),
            fleet.archive(&name, None),
        );
        let made = [created, imported, again, cloned];
        let mut ok = 0;
        for made in made {
            match made {
                Ok(_) => ok += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
        assert_eq!(ok, 1);
        if let Err(error) = archived {
            assert!(
                matches!(error.kind(), ErrorKind::Core(_) | ErrorKind::Conflict),
                "{error}"
            );
        }
        settled(&fleet).await;
    }
}

#[tokio::test]
async fn two_that_purge_what_has_expired_purge_each_tenant_once_and_neither_fails() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    for number in 0..6 {
        create(&fleet, &format!("t{number}")).await;
        fleet
            .archive(&slug(&format!("t{number}")), Some(Duration::ZERO))
            .await
            .unwrap();
    }
    let (one, other) = tokio::join!(fleet.purge_expired(|_| {}), fleet.purge_expired(|_| {}));
    let ends: Vec<_> = one.unwrap().into_iter().chain(other.unwrap()).collect();
    for end in &ends {
        assert!(end.result.is_ok(), "{}: {:?}", end.slug, end.result);
    }
    assert_eq!(ends.len(), 6);
    settled(&fleet).await;
}

#[tokio::test]
async fn the_end_of_a_maintenance_is_no_end_of_a_suspension() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let acme = slug("acme");
    fleet
        .begin_maintenance(&acme, Maintenance::new())
        .await
        .unwrap();
    fleet.suspend(&acme).await.unwrap();
    let ended = fleet.end_maintenance(&acme).await.unwrap();
    assert_eq!(ended.status(), Status::Suspended);
    fleet
        .begin_maintenance(&acme, Maintenance::new())
        .await
        .unwrap();
    let ended = fleet.end_maintenance(&acme).await.unwrap();
    assert_eq!(ended.status(), Status::Suspended);
    fleet.resume(&acme).await.unwrap();
    fleet
        .begin_maintenance(&acme, Maintenance::new())
        .await
        .unwrap();
    fleet.archive(&acme, None).await.unwrap();
    let error = fleet.end_maintenance(&acme).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let back = fleet.undelete(&acme).await.unwrap();
    assert_eq!(back.status(), Status::Suspended);
    fleet.resume(&acme).await.unwrap();
    let again = fleet
        .begin_maintenance(&acme, Maintenance::new())
        .await
        .unwrap();
    assert_eq!(again.status(), Status::Maintenance);
    let ended = fleet.end_maintenance(&acme).await.unwrap();
    assert_eq!(ended.status(), Status::Active);
}
