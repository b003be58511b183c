//! What crashes cut off is completed, and what somebody is at work on is left alone.

use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{ScopeKind, Status, Tenant};
use tenancy_sqlx::{Fault, Fleet, NewTenant, Repair, RepairOutcome, RepairReport, Selection};

use crate::recorder::slow;
use crate::stores::{Store, with_stores};
use crate::support::*;

/// Puts a tenant into a status and says in the journal what the last step of its life was.
async fn cut_off(superuser: &mut PgConnection, tenant: &Tenant, status: &str, last: &str) {
    let (kind, step) = last.split_once(' ').unwrap();
    let id = tenant.id();
    let sql = format!(
        "UPDATE tenancy.tenants SET status = '{status}' WHERE id = '{id}';
         INSERT INTO tenancy.journal (operation, tenant_id, kind, step)
         VALUES (gen_random_uuid(), '{id}', '{kind}', '{step}')"
    );
    run(superuser, &sql).await;
}

fn found(report: &RepairReport) -> Vec<(&str, Fault, RepairOutcome)> {
    let tenants = report.tenants.iter();
    tenants
        .map(|tenant| (tenant.slug.as_str(), tenant.fault, tenant.outcome.clone()))
        .collect()
}

#[tokio::test]
async fn every_operation_that_was_cut_off_is_completed_or_taken_back() {
    let database = TestDatabase::new().await;
    let store = Store::new("files", ScopeKind::Object);
    let fleet = with_stores(fleet(&database, set([NOTES])).await, &[store.clone()]);
    let mut superuser = database.superuser().await;
    for (name, status, last) in [
        ("a-create", "provisioning", "create begun"),
        ("b-adopt", "provisioning", "adopt tables"),
        ("c-clone", "provisioning", "clone begun"),
        ("d-import", "provisioning", "import rows"),
        ("e-undoing", "provisioning", "create undoing"),
        ("f-suspend", "suspended", "suspend begun"),
        ("g-resume", "suspended", "resume begun"),
        ("h-archive", "archived", "archive begun"),
        ("i-purge", "archived", "purge begun"),
        ("j-failed", "suspended", "suspend failed"),
        ("k-whole", "active", "resume done"),
        ("l-closed", "maintenance", "maintenance begun"),
    ] {
        let tenant = create(&fleet, name).await;
        cut_off(&mut superuser, &tenant, status, last).await;
    }
    let before = traces(&mut superuser).await;
    let looked = fleet.repair(Repair::new().dry_run(), |_| {}).await.unwrap();
    let reported = |slug, fault| (slug, fault, RepairOutcome::Reported);
    let faults = [
        ("a-create", Fault::Unfinished),
        ("b-adopt", Fault::Unfinished),
        ("c-clone", Fault::Undone),
        ("d-import", Fault::Undone),
        ("e-undoing", Fault::Undone),
        ("f-suspend", Fault::Suspend),
        ("g-resume", Fault::Resume),
        ("h-archive", Fault::Archive),
        ("i-purge", Fault::Purge),
    ];
    assert_eq!(
        found(&looked),
        faults.map(|(slug, fault)| reported(slug, fault))
    );
    assert!(!looked.is_complete());
    assert_eq!(traces(&mut superuser).await, before);

    let mut told = Vec::new();
    let report = fleet.repair(Repair::new(), |tenant| told.push(tenant.clone()));
    let report = report.await.unwrap();
    assert_eq!(told, report.tenants);
    assert!(report.is_complete(), "{report:?}");
    let document = serde_json::to_value(&report).unwrap();
    assert_eq!(document["tenants"][0]["fault"], "unfinished");
    assert_eq!(document["tenants"][0]["outcome"], Value::from("mended"));
    let tenants = fleet.tenants().await.unwrap();
    let left: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            let held = ["made-for", "stopped"].map(|key| store.get(tenant, key).is_some());
            (tenant.slug().as_str(), tenant.status(), held)
        })
        .collect();
    assert_eq!(
        left,
        [
            ("a-create", Status::Active, [true, false]),
            ("b-adopt", Status::Active, [true, false]),
            ("f-suspend", Status::Suspended, [true, true]),
            ("g-resume", Status::Active, [true, false]),
            ("h-archive", Status::Archived, [true, true]),
            ("j-failed", Status::Suspended, [true, false]),
            ("k-whole", Status::Active, [true, false]),
            ("l-closed", Status::Maintenance, [true, false]),
        ]
    );
    for id in store.tenants() {
        assert!(tenants.iter().any(|tenant| tenant.id() == id));
    }
    for gone in ["c_clone", "d_import", "e_undoing", "i_purge"] {
        let schema = format!("pg_namespace WHERE nspname = '{gone}'");
        assert_eq!(count(&mut superuser, &schema).await, 0, "{gone}");
    }
    let again = fleet.repair(Repair::new(), |_| {}).await.unwrap();
    assert_eq!(found(&again), []);
}

#[tokio::test]
async fn a_tenant_whose_maker_lives_is_left_alone_and_stops_no_other() {
    let database = TestDatabase::new().await;
    let plain = fleet(&database, set([NOTES])).await;
    let other = create(&plain, "other").await;
    let mut superuser = database.superuser().await;
    cut_off(&mut superuser, &other, "provisioning", "create begun").await;
    let (slow, _, turn) = slow(plain.clone());
    let create = slow.create(NewTenant::new(slug("acme")), |_| {});
    let repair = async {
        eventually("the tenant's record", async || {
            (count(&mut superuser, "tenancy.tenants").await == 2).then_some(())
        })
        .await;
        let report = plain.repair(Repair::new(), |_| {}).await.unwrap();
        turn.add_permits(1);
        report
    };
    let (created, report) = tokio::join!(create, repair);
    assert_eq!(created.unwrap().status(), Status::Active);
    assert_eq!(
        found(&report),
        [
            ("acme", Fault::Unfinished, RepairOutcome::InUse),
            ("other", Fault::Unfinished, RepairOutcome::Mended)
        ]
    );
}

#[tokio::test]
async fn a_store_that_fails_is_in_the_report_and_the_others_are_repaired() {
    let database = TestDatabase::new().await;
    let store = Store::new("files", ScopeKind::Object);
    let fleet = with_stores(fleet(&database, set([NOTES])).await, &[store.clone()]);
    let mut superuser = database.superuser().await;
    for (name, status, last) in [
        ("acme", "archived", "purge begun"),
        ("other", "provisioning", "create begun"),
    ] {
        let tenant = create(&fleet, name).await;
        cut_off(&mut superuser, &tenant, status, last).await;
    }
    store.keep(true);
    let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
    let [acme, other] = &report.tenants[..] else {
        panic!("{report:?}");
    };
    let RepairOutcome::Failed { message } = &acme.outcome else {
        panic!("{acme:?}");
    };
    assert!(message.contains("resource files still has"), "{message}");
    assert_eq!(other.outcome, RepairOutcome::Mended);
    store.keep(false);
    assert!(
        fleet
            .repair(Repair::new(), |_| {})
            .await
            .unwrap()
            .is_complete()
    );
}

#[tokio::test]
async fn a_missing_schema_is_told_and_made_again_only_when_that_is_asked_for() {
    let database = TestDatabase::new().await;
    let fleet: Fleet = fleet(&database, set([NOTES, TAGS])).await;
    create(&fleet, "acme").await;
    create(&fleet, "other").await;
    let mut superuser = database.superuser().await;
    run(&mut superuser, "DROP SCHEMA acme CASCADE").await;
    let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
    let missing = |outcome| [("acme", Fault::SchemaMissing, outcome)];
    assert_eq!(found(&report), missing(RepairOutcome::Reported));

    let all = Repair::new().missing_schemas();
    let report = fleet.repair(all, |_| {}).await.unwrap();
    assert_eq!(found(&report), missing(RepairOutcome::Mended));
    let status = fleet.status().await.unwrap();
    assert!(status.is_at_head());
    let mut app = sqlx::ConnectOptions::connect(&database.app_options())
        .await
        .unwrap();
    run(&mut app, "INSERT INTO acme.notes (title) VALUES ('new')").await;
    let run = fleet
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    assert_eq!(run.applied(), 0);
    let last: String = sqlx::query_scalar(AssertSqlSafe(
        "SELECT kind || ' ' || step FROM tenancy.journal ORDER BY seq DESC LIMIT 1",
    ))
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(last, "repair done");
    assert!(fleet.repair(all, |_| {}).await.unwrap().tenants.is_empty());
}
