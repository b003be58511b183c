//! Where tenants have roles of their own, moving them makes, grants and removes these, too.

use std::io::Cursor;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tenancy_core::{Identifier, Tenant};
use tenancy_sqlx::{
    Adoption, CloneData, ExportFormat, Fleet, Isolation, Migrations, NewTenant, Rename, Repair,
    TenantRole,
};

use crate::crash::{Crash, Last};
use crate::rich::export;
use crate::shelf::{OnShelf, Shelf};
use crate::support::*;

/// Adds a row as the tenant's own role, which has the rights of the application in its schema.
async fn write_as(connection: &mut PgConnection, tenant: &Tenant) {
    let (role, schema) = (TenantRole::of(tenant.id()), tenant.schema_name());
    run(
        connection,
        &format!(
            "SET ROLE \"{role}\"; SET search_path TO \"{schema}\";
             INSERT INTO notes (title) VALUES ('mine'); RESET search_path; RESET ROLE"
        ),
    )
    .await;
}

async fn roles(connection: &mut PgConnection, database: &TestDatabase) -> i64 {
    let group = format!(
        "pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
         WHERE r.rolname LIKE 'tenancy_t%' AND g.rolname =
             'tenancy_tenants_' || (SELECT oid FROM pg_database WHERE datname = '{}')",
        database.name()
    );
    count(connection, &group).await
}

async fn exists(connection: &mut PgConnection, tenant: &Tenant) -> bool {
    let role = TenantRole::of(tenant.id());
    count(connection, &format!("pg_roles WHERE rolname = '{role}'")).await == 1
}

#[tokio::test]
async fn a_role_comes_with_every_way_to_a_tenant_and_goes_with_it() {
    let database = TestDatabase::new().await;
    let migrations = Migrations {
        shared: set([]),
        tenant: set([NOTES]),
    };
    let connect = async |options| {
        let fleet = Fleet::connect(options, Some(APP.to_owned()), migrations.clone()).await;
        fleet.map(|fleet| fleet.isolation(Isolation::Role))
    };
    let fleet = connect(database.role_owner_options()).await.unwrap();
    fleet.prepare().await.unwrap();
    let mut superuser = database.superuser().await;
    let acme = create(&fleet, "acme").await;
    write_as(&mut superuser, &acme).await;
    let clone = fleet
        .clone_tenant(
            &slug("acme"),
            NewTenant::new(slug("clone")),
            CloneData::Everything,
            |_| {},
        )
        .await
        .unwrap();
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let imported = crate::rich::import(&fleet, &archive, "imported").await;
    let mut owner = sqlx::ConnectOptions::connect(&database.role_owner_options())
        .await
        .unwrap();
    run(
        &mut owner,
        &format!("CREATE SCHEMA old; SET search_path TO old; {NOTES}; RESET search_path"),
    )
    .await;
    let adopted = fleet
        .adopt(Adoption::of_schema("old"))
        .await
        .unwrap()
        .tenant;
    let renamed = fleet
        .rename(&slug("clone"), Rename::to(slug("renamed")))
        .await
        .unwrap();
    assert_eq!(renamed.id(), clone.id());
    for tenant in [&acme, &renamed, &imported, &adopted] {
        write_as(&mut superuser, tenant).await;
        assert!(exists(&mut superuser, tenant).await);
    }
    // One does not see the other.
    let denied = format!(
        "SET ROLE \"{}\"; SELECT FROM acme.notes",
        TenantRole::of(renamed.id())
    );
    let error = sqlx::raw_sql(sqlx::AssertSqlSafe(denied))
        .execute(&mut superuser)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    run(&mut superuser, "RESET ROLE").await;

    for tenant in [&renamed, &imported, &adopted] {
        fleet.archive(tenant.slug(), None).await.unwrap();
        fleet.purge(tenant.slug(), tenant.slug()).await.unwrap();
        assert!(!exists(&mut superuser, tenant).await);
        let id = Identifier::Id(tenant.id());
        assert!(fleet.residue(&id).await.unwrap().is_empty());
    }
    // One that stays is found.
    let role = TenantRole::of(imported.id());
    run(&mut superuser, &format!("CREATE ROLE \"{role}\"")).await;
    let residue = fleet.residue(&Identifier::Id(imported.id())).await.unwrap();
    assert_eq!(residue.len(), 1, "{residue:?}");
    assert!(residue[0].left[0].contains("role"), "{residue:?}");
    run(&mut superuser, &format!("DROP ROLE \"{role}\"")).await;
}

#[tokio::test]
async fn what_is_killed_leaves_no_role_after_a_repair() {
    let database = TestDatabase::new().await;
    let migrations = Migrations {
        shared: set([]),
        tenant: set([NOTES]),
    };
    let shelf = Arc::new(Shelf::default());
    let connect = async |options| {
        let fleet = Fleet::connect(options, Some(APP.to_owned()), migrations.clone()).await;
        fleet.map(|fleet| {
            let fleet = fleet.isolation(Isolation::Role);
            fleet.resource(Arc::new(OnShelf(Arc::clone(&shelf))))
        })
    };
    let fleet = connect(database.role_owner_options()).await.unwrap();
    fleet.prepare().await.unwrap();
    let mut superuser = database.superuser().await;
    create(&fleet, "acme").await;
    let (archive, _) = export(&fleet, "acme", ExportFormat::Archive).await;
    let before = roles(&mut superuser, &database).await;
    let mut halves = 0;
    for is_clone in [true, false] {
        for at in (4..).step_by(5) {
            let crash = Crash::at(&database.role_owner_options(), at, Last::Unanswered);
            let Ok(dying) = connect(crash.options()).await else {
                continue;
            };
            let new = NewTenant::new(slug("copy"));
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
            let report = fleet.repair(Repair::new(), |_| {}).await.unwrap();
            assert!(report.is_complete(), "{at}: {report:?}");
            halves += report.tenants.len();
            if fleet.tenant(&slug("copy")).await.unwrap().is_some() {
                fleet.archive(&slug("copy"), None).await.unwrap();
                fleet.purge(&slug("copy"), &slug("copy")).await.unwrap();
                run(&mut superuser, "DELETE FROM tenancy.reserved_names").await;
            }
            assert_eq!(roles(&mut superuser, &database).await, before, "{at}");
            if !crash.happened() {
                break;
            }
        }
    }
    assert!(halves > 4, "{halves}");
}
