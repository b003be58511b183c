//! The framework's outbox and audit tables: the application adds rows, tells messages, and does
//! nothing else.

use sqlx::ConnectOptions;

use crate::support::*;

const OUTBOX: &str = "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload) \
     VALUES (gen_random_uuid(), gen_random_uuid(), 'posts', '1', '{}')";
const AUDIT: &str = "INSERT INTO tenancy.audit (id, tenant_id, actor, action, target, detail) \
     VALUES (gen_random_uuid(), gen_random_uuid(), 'ann', 'edit', 'post 1', '{}')";

#[tokio::test]
async fn the_application_adds_rows_to_outbox_and_audit_and_changes_none() {
    let database = TestDatabase::new().await;
    fleet(&database, set([NOTES])).await;
    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, OUTBOX).await;
    run(&mut app, OUTBOX).await;
    run(&mut app, AUDIT).await;
    for forbidden in [
        "SELECT id FROM tenancy.audit",
        "UPDATE tenancy.outbox SET topic = 'other'",
        "DELETE FROM tenancy.audit",
        "TRUNCATE tenancy.outbox",
        "DELETE FROM tenancy.outbox_leases",
        "TRUNCATE tenancy.outbox_leases",
        "SELECT setval('tenancy.outbox_fence', 1)",
        "INSERT INTO tenancy.audit (id, tenant_id, actor, action, target, detail, at) \
         VALUES (gen_random_uuid(), gen_random_uuid(), '', '', '', '{}', '2000-01-01')",
        "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload, created_at) \
         VALUES (gen_random_uuid(), gen_random_uuid(), '', '', '{}', '2000-01-01')",
    ] {
        let error = sqlx::raw_sql(forbidden)
            .execute(&mut app)
            .await
            .unwrap_err();
        let code = error.as_database_error().unwrap().code();
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }
    // What was told is removed, under a lease of its own.
    run(&mut app, OUTBOX).await;
    for allowed in [
        "INSERT INTO tenancy.outbox_leases (consumer, tenant_id, fence) \
         VALUES ('search', gen_random_uuid(), nextval('tenancy.outbox_fence'))",
        "UPDATE tenancy.outbox_leases SET held_until = now()",
        "DELETE FROM tenancy.outbox WHERE seq = (SELECT max(seq) FROM tenancy.outbox)",
    ] {
        run(&mut app, allowed).await;
    }
    let mut superuser = database.superuser().await;
    let ordered =
        "(SELECT FROM tenancy.outbox WHERE seq > 0 AND created_at <= clock_timestamp()) o";
    assert_eq!(count(&mut superuser, ordered).await, 2);
    assert_eq!(count(&mut superuser, "tenancy.audit").await, 1);
}

#[tokio::test]
async fn a_database_of_the_release_before_gets_the_tables_and_the_rights() {
    let database = TestDatabase::new().await;
    let shared = set(["CREATE TABLE shared.plans (id int PRIMARY KEY)"]);
    let fleet = unprepared(&database, shared, set([NOTES])).await;
    fleet.prepare().await.unwrap();
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "DROP TABLE tenancy.jobs, tenancy.job_turn, tenancy.job_ticks, tenancy.processes; \
         DROP TABLE tenancy.outbox, tenancy.outbox_leases, tenancy.audit, tenancy.journal, tenancy.undone_migrations; \
         DROP SEQUENCE tenancy.outbox_fence; \
         ALTER TABLE tenancy.reserved_names DROP COLUMN tenant_id; \
         ALTER TABLE tenancy.tenants DROP COLUMN plan, DROP COLUMN overrides, \
             DROP COLUMN purge_after, DROP COLUMN maintenance_message, DROP COLUMN maintenance_until; \
         DROP TABLE tenancy.plans; \
         ALTER TABLE tenancy.migration_runs DROP COLUMN kind, DROP COLUMN undone_by; \
         DELETE FROM tenancy.migrations WHERE scope = 'framework' AND version >= 2; \
         REVOKE INSERT, UPDATE, DELETE ON shared.plans FROM tenancy_app",
    )
    .await;
    assert_eq!(fleet.prepare().await.unwrap().applied(), 7);
    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, OUTBOX).await;
    run(&mut app, AUDIT).await;
    run(&mut app, "INSERT INTO shared.plans VALUES (1)").await;

    // Rights that somebody took are given again at the next start.
    run(
        &mut superuser,
        "REVOKE INSERT ON tenancy.audit FROM tenancy_app",
    )
    .await;
    assert_eq!(fleet.prepare().await.unwrap().applied(), 0);
    run(&mut app, AUDIT).await;
    for right in [
        "ON tenancy.outbox_leases",
        "ON SEQUENCE tenancy.outbox_fence",
    ] {
        run(
            &mut superuser,
            &format!("REVOKE ALL {right} FROM tenancy_app"),
        )
        .await;
        fleet.prepare().await.unwrap();
    }
    run(
        &mut app,
        "SELECT nextval('tenancy.outbox_fence'), (SELECT count(*) FROM tenancy.outbox_leases)",
    )
    .await;
}
