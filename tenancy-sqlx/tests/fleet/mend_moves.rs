//! What a copy, an import or an adoption left that was killed is mended without repeating it.

use std::io::Cursor;
use std::sync::Arc;

use tenancy_core::Status;
use tenancy_sqlx::{
    Adoption, CloneData, ErrorKind, ExportFormat, Fault, Fleet, NewTenant, Repair, RepairOutcome,
};

use crate::crash::{Crash, Last};
use crate::rich::export;
use crate::shelf::{OnShelf, Shelf};
use crate::support::*;

fn on_shelf(fleet: Fleet, shelf: &Arc<Shelf>) -> Fleet {
    fleet.resource(Arc::new(OnShelf(Arc::clone(shelf))))
}

async fn dying(fleet: &Fleet, crash: &Crash, shelf: &Arc<Shelf>) -> Option<Fleet> {
    let migrations = fleet.migrations().clone();
    let dying = Fleet::connect(crash.options(), Some(APP.to_owned()), migrations).await;
    match dying {
        Ok(dying) => Some(on_shelf(dying, shelf)),
        Err(_) => None,
    }
}

#[tokio::test]
async fn half_a_copy_and_half_an_import_are_taken_away_by_a_repair() {
    let database = TestDatabase::new().await;
    let shelf = Arc::new(Shelf::default());
    let plain = fleet(&database, set([NOTES, TAGS])).await;
    let fleet = on_shelf(plain, &shelf);
    let acme = create(&fleet, "acme").await;
    shelf.put(&acme, "logo", b"png");
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.tags VALUES ('t'); INSERT INTO acme.notes (title, tag) VALUES ('a', 't')",
    )
    .await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let before = traces(&mut superuser).await;
    let mut halves = 0;
    for last in [Last::Lost, Last::Unanswered] {
        for (is_clone, step) in [(true, 3), (false, 4)] {
            for at in (2..).step_by(step) {
                let crash = Crash::at(&database.owner_options(), at, last);
                let Some(dying) = dying(&fleet, &crash, &shelf).await else {
                    continue;
                };
                let new = NewTenant::new(slug("copy")).domain(domain("copy.example"));
                let killed = if is_clone {
                    let source = slug("acme");
                    dying
                        .clone_tenant(&source, new, CloneData::Everything, |_| {})
                        .await
                } else {
                    dying.import(Cursor::new(&archive), new, |_| {}).await
                };
                assert!(killed.is_ok() || crash.happened(), "{at}: {killed:?}");
                no_locks(&mut superuser).await;
                let tenant = fleet.tenant(&slug("copy")).await.unwrap();
                let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
                assert!(report.is_complete(), "{at}: {report:?}");
                match tenant.map(|tenant| tenant.status()) {
                    Some(Status::Active) => {
                        assert!(report.tenants.is_empty());
                        fleet.archive(&slug("copy"), None).await.unwrap();
                        fleet.purge(&slug("copy"), &slug("copy")).await.unwrap();
                        run(
                            &mut superuser,
                            "DELETE FROM tenancy.tenants WHERE slug = 'copy';
                             DELETE FROM tenancy.reserved_names",
                        )
                        .await;
                    }
                    Some(_) => {
                        halves += 1;
                        assert_eq!(report.tenants.len(), 1);
                        assert_eq!(report.tenants[0].fault, Fault::Undone);
                    }
                    None => assert!(report.tenants.is_empty()),
                }
                assert_eq!(traces(&mut superuser).await, before, "{at} {last:?}");
                assert_eq!(shelf.tenants(), 1, "{at} {last:?}");
                assert_eq!(count(&mut superuser, "acme.notes").await, 1);
                if !crash.happened() {
                    break;
                }
            }
        }
    }
    assert!(halves > 10, "{halves}");
}

#[tokio::test]
async fn an_adoption_that_was_killed_keeps_its_tables_and_is_gone_on_with_by_a_repair() {
    let database = TestDatabase::new().await;
    let shelf = Arc::new(Shelf::default());
    let plain = fleet(&database, set([NOTES])).await;
    let fleet = on_shelf(plain, &shelf);
    let mut superuser = database.superuser().await;
    let mut owner = sqlx::ConnectOptions::connect(&database.owner_options())
        .await
        .unwrap();
    let mut cut = 0;
    for at in 0.. {
        let name = format!("old{at}");
        run(
            &mut owner,
            &format!(
                "CREATE SCHEMA {name}; SET search_path TO {name}; {NOTES}; \
                 INSERT INTO notes (title) VALUES ('kept'); RESET search_path"
            ),
        )
        .await;
        let crash = Crash::at(&database.owner_options(), at, Last::Unanswered);
        let Some(dying) = dying(&fleet, &crash, &shelf).await else {
            continue;
        };
        let adoption = Adoption::of_schema(&name);
        let killed = dying.adopt(adoption.clone()).await;
        assert!(killed.is_ok() || crash.happened(), "{at}: {killed:?}");
        no_locks(&mut superuser).await;
        let before = fleet.tenant(&slug(&name)).await.unwrap();
        let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
        let rows = format!("{name}.notes");
        assert_eq!(count(&mut superuser, &rows).await, 1, "{at}");
        assert!(report.is_complete(), "{at}: {report:?}");
        let after = fleet.tenant(&slug(&name)).await.unwrap();
        if before.is_some_and(|tenant| tenant.status() == Status::Suspended) {
            cut += 1;
            assert_eq!(report.tenants.len(), 1, "{at}: {report:?}");
            assert_eq!(report.tenants[0].fault, Fault::Unfinished);
            assert_eq!(report.tenants[0].outcome, RepairOutcome::Mended);
            let after = after.unwrap();
            assert_eq!(after.status(), Status::Active, "{at}");
            assert!(shelf.of(after.id()).is_some());
        } else {
            assert!(report.tenants.is_empty(), "{at}: {report:?}");
        }
        // Whatever is there, the same again is the tenant.
        let adopted = fleet.adopt(adoption).await.unwrap();
        assert_eq!(adopted.tenant.status(), Status::Active);
        assert_eq!(count(&mut superuser, &rows).await, 1, "{at}");
        if !crash.happened() {
            break;
        }
    }
    assert!(cut > 1, "{cut}");
}

#[tokio::test]
async fn an_adoption_whose_resource_failed_is_gone_on_with_and_never_resumed_without_it() {
    let database = TestDatabase::new().await;
    let shelf = Arc::new(Shelf::default());
    let plain = fleet(&database, set([NOTES])).await;
    let fleet = on_shelf(plain, &shelf);
    let mut owner = sqlx::ConnectOptions::connect(&database.owner_options())
        .await
        .unwrap();
    run(
        &mut owner,
        &format!("CREATE SCHEMA old; SET search_path TO old; {NOTES}; RESET search_path"),
    )
    .await;
    shelf.fail(true);
    let error = fleet.adopt(Adoption::of_schema("old")).await.unwrap_err();
    assert!(error.to_string().contains("run the same again"), "{error}");
    let error = fleet.resume(&slug("old")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("adopt"), "{error}");
    let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
    assert_eq!(report.tenants.len(), 1);
    assert!(!report.is_complete());
    assert_eq!(count(&mut owner, "old.notes").await, 0);
    shelf.fail(false);
    let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
    assert!(
        report.is_complete() && report.tenants.len() == 1,
        "{report:?}"
    );
    let tenant = fleet.tenant(&slug("old")).await.unwrap().unwrap();
    assert_eq!(tenant.status(), Status::Active);
    assert!(shelf.of(tenant.id()).is_some());
    fleet.suspend(&slug("old")).await.unwrap();
    fleet.resume(&slug("old")).await.unwrap();
}

#[tokio::test]
async fn a_run_that_made_a_tenant_is_never_taken_back() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    crate::rich::import(&fleet, &archive, "imported").await;
    let new = NewTenant::new(slug("cloned"));
    fleet
        .clone_tenant(&slug("acme"), new, CloneData::SchemaOnly, |_| {})
        .await
        .unwrap();
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "CREATE SCHEMA old AUTHORIZATION tenancy_owner",
    )
    .await;
    fleet.adopt(Adoption::of_schema("old")).await.unwrap();
    let mut seen = Vec::new();
    let runs: Vec<(sqlx::types::Uuid, String)> =
        sqlx::query_as("SELECT id, kind FROM tenancy.migration_runs")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    for (run, kind) in runs {
        if kind == "prepare" || kind == "migrate" {
            continue;
        }
        let error = fleet.undo(run, jobs(1), |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{kind}: {error}");
        seen.push(kind);
    }
    seen.sort();
    assert_eq!(seen, ["adopt", "clone", "create", "import"]);
}
