//! Which tables are published is the operator's business: it is in no picture.

use tenancy_core::Status;
use tenancy_sqlx::{CloneData, ExportFormat, NewTenant, Rename, Selection};

use crate::rich::{export, import};
use crate::support::*;

#[tokio::test]
async fn published_tenants_do_not_drift_and_move_as_others_do() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    create(&fleet, "acme").await;
    create(&fleet, "globex").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('a');
         CREATE PUBLICATION everything FOR ALL TABLES;
         CREATE PUBLICATION one FOR TABLE acme.notes WHERE (id > 0);
         CREATE PUBLICATION whole FOR TABLES IN SCHEMA acme;",
    )
    .await;
    let report = fleet.drift(Selection::all()).await.unwrap();
    assert!(!report.has_drift(), "{:?}", report.tenants);
    fleet
        .clone_tenant(
            &slug("acme"),
            NewTenant::new(slug("copy")),
            CloneData::Everything,
            |_| {},
        )
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(count(&mut superuser, "copy.notes").await, 1);
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    import(&fleet, &archive, "third").await;
    fleet
        .rename(&slug("acme"), Rename::to(slug("acme-books")))
        .await
        .unwrap();
    fleet.archive(&slug("acme-books"), None).await.unwrap();
    let gone = fleet
        .purge(&slug("acme-books"), &slug("acme-books"))
        .await
        .unwrap();
    assert_eq!(gone.status(), Status::Purged);
}
