//! The framework's tables, to which a tenant's transaction appends.

use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::types::Json;
use tenancy_core::{Slug, TenantContext};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{
    AuditEntry, Database, ErrorKind, Fleet, Migration, MigrationSet, Migrations, NewTenant,
    OutboxEntry, Scope, tenant_sql,
};
use uuid::Uuid;

type Row = (Uuid, Uuid, String, String, Json<serde_json::Value>);

async fn outbox(database: &TestDatabase) -> Vec<Row> {
    sqlx::query_as("SELECT id, tenant_id, topic, key, payload FROM tenancy.outbox ORDER BY seq")
        .fetch_all(&mut database.superuser().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn entries_are_there_exactly_when_their_transaction_is_and_name_its_tenant() {
    let test = TestDatabase::new().await;
    let app = crate::topology::through(test.app_options());
    let tables = Migration::new(1, "blogs", "CREATE TABLE blogs (id bigint PRIMARY KEY);");
    let migrations = Migrations {
        shared: MigrationSet::new([]).unwrap(),
        tenant: MigrationSet::new([tables]).unwrap(),
    };
    let login = app.get_username().to_owned();
    let fleet = Fleet::connect(test.owner_options(), Some(login), migrations)
        .await
        .unwrap();
    fleet.prepare().await.unwrap();
    let new = NewTenant::new(Slug::parse("acme").unwrap());
    let tenant = fleet.create(new, |_| ()).await.unwrap();
    let context = TenantContext::new(tenant.into(), "test").unwrap();
    let database = Database::connect(app.clone(), crate::server::settings());
    let db = database.await.unwrap().tenant(&context);

    let mut tx = db.begin().await.unwrap();
    tx.execute(tenant_sql!("INSERT INTO blogs (id) VALUES (1)"))
        .await
        .unwrap();
    let created = OutboxEntry::new("blog.created", "1").payload(json!({ "title": "It's" }));
    let first = tx.append(created).await.unwrap();
    let line =
        AuditEntry::new("user:1", "blog.created", "blog:1").detail(json!({ "from": "here" }));
    let audit = tx.append(line).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    tx.append(OutboxEntry::new("blog.created", "2"))
        .await
        .unwrap();
    tx.rollback().await.unwrap();

    let mut tx = db.begin_scoped(Scope::Path).await.unwrap();
    let second = tx.append(OutboxEntry::new("blog.seen", "1")).await.unwrap();
    tx.commit().await.unwrap();

    let id = *context.id().as_uuid();
    let rows = outbox(&test).await;
    let wanted = |row: &Row, entry, topic: &str, payload| {
        assert_eq!((row.0, row.1, &*row.2), (entry, id, topic));
        assert_eq!(row.4.0, payload);
    };
    assert_eq!(rows.len(), 2);
    wanted(&rows[0], first, "blog.created", json!({ "title": "It's" }));
    wanted(&rows[1], second, "blog.seen", json!({}));
    let lines: Vec<(Uuid, Uuid, String)> =
        sqlx::query_as("SELECT id, tenant_id, actor FROM tenancy.audit")
            .fetch_all(&mut test.superuser().await)
            .await
            .unwrap();
    assert_eq!(lines, [(audit, id, "user:1".to_owned())]);

    // The application's login tells and removes messages; it changes nothing of what was appended.
    let mut own = app.connect().await.unwrap();
    for sql in [
        "UPDATE tenancy.outbox SET topic = 'other'",
        "SELECT id FROM tenancy.audit",
        "UPDATE tenancy.audit SET actor = 'nobody'",
        "DELETE FROM tenancy.audit",
    ] {
        let error = sqlx::raw_sql(sql).execute(&mut own).await.unwrap_err();
        assert_eq!(
            tenancy_sqlx::Error::from(error).kind(),
            ErrorKind::Forbidden,
            "{sql}"
        );
    }
}
