//! A tenant stops and serves again, and every store of it with it.

use std::sync::Arc;

use tenancy_core::{Identifier, Status, TenantContext, TenantStore};
use tenancy_sqlx::{Database, ErrorKind, PgTenantStore, PoolSettings};

use crate::recorder::recorded;
use crate::support::*;

#[tokio::test]
async fn a_suspended_tenant_has_no_context_until_it_is_resumed_and_resources_follow_in_order() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    let tenant = create(&fleet, "acme").await;
    let app = Database::connect(database.app_options(), PoolSettings::default());
    let store = PgTenantStore::new(&app.await.unwrap());
    let context = async || {
        let found = store.find(&Identifier::Id(tenant.id())).await.unwrap();
        TenantContext::new(found.unwrap(), "test")
    };
    context().await.unwrap();

    let suspended = fleet.suspend(&slug("acme")).await.unwrap();
    assert_eq!(suspended.status(), Status::Suspended);
    assert!(suspended.updated_at() > tenant.updated_at());
    assert_eq!(
        journal.take(),
        ["suspend search suspended", "suspend files suspended"]
    );
    assert_eq!(
        context().await.unwrap_err().kind(),
        tenancy_core::ErrorKind::NotActive(Status::Suspended)
    );

    let resumed = fleet.resume(&slug("acme")).await.unwrap();
    assert_eq!(resumed.status(), Status::Active);
    assert_eq!(
        journal.take(),
        ["resume files suspended", "resume search suspended"]
    );
    context().await.unwrap();
    assert_eq!(
        fleet.tenant(&slug("acme")).await.unwrap(),
        Some(resumed.clone())
    );

    // Once more changes nothing.
    assert_eq!(fleet.resume(&slug("acme")).await.unwrap(), resumed);
    assert!(journal.take().is_empty());
}

#[tokio::test]
async fn a_resource_that_fails_is_named_and_the_same_call_repeats_what_is_missing() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    create(&fleet, "acme").await;
    let status = async || fleet.tenant(&slug("acme")).await.unwrap().unwrap().status();

    journal.fail(&["suspend files"]);
    let error = fleet.suspend(&slug("acme")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "suspending tenant acme: resource files: the engine is down"
    );
    assert_eq!(status().await, Status::Suspended);
    journal.fail(&[]);
    journal.take();
    fleet.suspend(&slug("acme")).await.unwrap();
    assert_eq!(
        journal.take(),
        ["suspend search suspended", "suspend files suspended"]
    );

    journal.fail(&["resume search"]);
    let error = fleet.resume(&slug("acme")).await.unwrap_err();
    assert!(error.to_string().contains("resource search"), "{error}");
    assert_eq!(status().await, Status::Suspended);
    journal.fail(&[]);
    fleet.resume(&slug("acme")).await.unwrap();
    assert_eq!(status().await, Status::Active);
}

#[tokio::test]
async fn only_a_tenant_that_serves_is_suspended_and_only_a_suspended_one_resumed() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    for (status, suspends, resumes) in [
        ("provisioning", false, false),
        ("maintenance", true, false),
        ("archived", false, false),
    ] {
        let put = format!("UPDATE tenancy.tenants SET status = '{status}'");
        run(&mut superuser, &put).await;
        let resumed = fleet.resume(&slug("acme")).await.map_err(|e| e.kind());
        assert_eq!(resumed.is_ok(), resumes, "{status}");
        assert_eq!(resumed.unwrap_err(), ErrorKind::Conflict);
        let suspended = fleet.suspend(&slug("acme")).await.map_err(|e| e.kind());
        assert_eq!(suspended.is_ok(), suspends, "{status}");
        if let Err(kind) = suspended {
            assert_eq!(kind, ErrorKind::Conflict);
        }
        assert_eq!(journal.take().len(), if suspends { 2 } else { 0 });
    }
    for error in [
        fleet.suspend(&slug("nobody")).await.unwrap_err(),
        fleet.resume(&slug("nobody")).await.unwrap_err(),
    ] {
        let not_found = ErrorKind::Core(tenancy_core::ErrorKind::NotFound);
        assert_eq!(error.kind(), not_found, "{error}");
    }
    assert_eq!(count(&mut superuser, LOCKS).await, 0);
}

#[tokio::test]
async fn operations_on_one_tenant_wait_for_each_other_also_while_resources_are_called() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    create(&fleet, "acme").await;
    let fleet = Arc::new(fleet);
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let fleet = fleet.clone();
            tokio::spawn(async move {
                match n % 2 {
                    0 => fleet.suspend(&slug("acme")).await,
                    _ => fleet.resume(&slug("acme")).await,
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    // Whole turns of two calls each, never one inside another.
    for turn in journal.take().chunks(2) {
        let what = |entry: &String| entry.split(' ').next().unwrap().to_owned();
        assert_eq!(what(&turn[0]), what(&turn[1]), "{turn:?}");
    }
    let mut superuser = database.superuser().await;
    assert_eq!(count(&mut superuser, LOCKS).await, 0);
}
