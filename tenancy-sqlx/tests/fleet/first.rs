//! What every tenant begins with in the outbox, whichever way it came to be.

use std::io::Cursor;
use std::sync::Arc;

use serde_json::json;
use sqlx::ConnectOptions as _;
use tenancy_core::TenantId;
use tenancy_sqlx::{Adoption, CloneData, ExportFormat, NewTenant, OutboxEntry};
use uuid::Uuid;

use crate::shelf::{OnShelf, Shelf};
use crate::support::*;

/// Whose messages there are, by their topics and keys.
async fn messages(database: &TestDatabase) -> Vec<(Uuid, String, String, String)> {
    sqlx::query_as(
        "SELECT tenant_id, topic, key, payload ->> 'why' FROM tenancy.outbox ORDER BY seq",
    )
    .fetch_all(&mut database.superuser().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn every_tenant_begins_with_the_first_message_and_one_that_is_taken_back_leaves_none() {
    let database = TestDatabase::new().await;
    let shelf = Arc::new(Shelf::default());
    let first = OutboxEntry::new("search.notes", "*").payload(json!({ "why": "it's new" }));
    let fleet = fleet(&database, set([NOTES]))
        .await
        .resource(Arc::new(OnShelf(Arc::clone(&shelf))))
        .first_message(first);

    let mut tenants: Vec<TenantId> = vec![create(&fleet, "made").await.id()];
    let (made, new) = (slug("made"), |name: &str| NewTenant::new(slug(name)));
    let cloned = fleet.clone_tenant(&made, new("cloned"), CloneData::Everything, |_| {});
    tenants.push(cloned.await.unwrap().id());
    let (archive, _) = crate::rich::export(&fleet, "made", ExportFormat::Archive).await;
    let imported = fleet.import(Cursor::new(&archive), new("imported"), |_| {});
    tenants.push(imported.await.unwrap().id());
    let mut owner = database.owner_options().connect().await.unwrap();
    run(
        &mut owner,
        "CREATE SCHEMA adopted; CREATE TABLE adopted.notes (id bigint)",
    )
    .await;
    let adoption = Adoption::of_schema("adopted").as_tenant(new("adopted"));
    tenants.push(fleet.adopt(adoption).await.unwrap().tenant.id());

    let expected: Vec<_> = tenants
        .iter()
        .map(|id| {
            let [topic, key, why] = ["search.notes", "*", "it's new"].map(str::to_owned);
            (*id.as_uuid(), topic, key, why)
        })
        .collect();
    assert_eq!(messages(&database).await, expected);

    shelf.fail(true);
    fleet.create(new("broken"), |_| {}).await.unwrap_err();
    let cloned = fleet.clone_tenant(&made, new("broken"), CloneData::Everything, |_| {});
    cloned.await.unwrap_err();
    let imported = fleet.import(Cursor::new(&archive), new("broken"), |_| {});
    imported.await.unwrap_err();
    assert_eq!(
        messages(&database).await,
        expected,
        "nothing of what failed"
    );
}
