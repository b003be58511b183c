//! Whoever finds a tenant that its creator left half made completes it, unless he is at it still.

use std::sync::Arc;

use futures_util::future::join_all;
use tenancy_core::{ScopeKind, Status};
use tenancy_sqlx::{ErrorKind, Fleet, NewTenant};

use crate::recorder::slow;
use crate::stores::{Store, with_stores};
use crate::support::*;

fn acme() -> NewTenant {
    NewTenant::new(slug("acme"))
        .name("Acme")
        .domain(domain("a.example"))
        .domain(domain("b.example"))
}

/// A fleet whose program died when the tables were there and the stores were not.
async fn left_half(database: &TestDatabase) -> (Fleet, Arc<Store>) {
    let fleet = fleet(database, set([NOTES])).await;
    let (dying, _, _turn) = slow(fleet.clone());
    let mut superuser = database.superuser().await;
    tokio::select! {
        created = dying.create(acme(), |_| {}) => panic!("it was to be dropped: {created:?}"),
        () = eventually("the tenant's record", async || {
            (count(&mut superuser, "tenancy.tenants").await == 1).then_some(())
        }) => {}
    }
    eventually("the end of every lock", async || {
        (count(&mut superuser, LOCKS).await == 0).then_some(())
    })
    .await;
    let store = Store::new("files", ScopeKind::Object);
    (with_stores(fleet, &[store.clone()]), store)
}

#[tokio::test]
async fn the_same_words_complete_what_a_crash_left_and_other_words_do_not() {
    let database = TestDatabase::new().await;
    let (fleet, store) = left_half(&database).await;
    for other in [
        NewTenant::new(slug("acme")),
        acme().name("Other"),
        acme().description("other"),
        acme().domain(domain("c.example")),
        acme().schema(schema("other")),
        NewTenant::new(slug("acme"))
            .name("Acme")
            .domain(domain("b.example"))
            .domain(domain("a.example")),
    ] {
        let error = fleet.create(other, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("is taken"), "{error}");
    }
    let left = fleet.tenant(&slug("acme")).await.unwrap().unwrap();
    assert_eq!(left.status(), Status::Provisioning);
    assert_eq!(store.get(&left, "made-for"), None);

    let tenant = fleet.create(acme(), |_| {}).await.unwrap();
    assert_eq!((tenant.id(), tenant.status()), (left.id(), Status::Active));
    assert_eq!(store.get(&left, "made-for").as_deref(), Some("acme"));
    let error = fleet.create(acme(), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("slug acme is taken"), "{error}");
}

#[tokio::test]
async fn what_was_being_taken_back_is_taken_back_and_made_anew() {
    let database = TestDatabase::new().await;
    let (fleet, store) = left_half(&database).await;
    let left = fleet.tenant(&slug("acme")).await.unwrap().unwrap();
    let mut superuser = database.superuser().await;
    // Half of it is gone already.
    let undoing = format!(
        "INSERT INTO tenancy.journal (operation, tenant_id, kind, step)
         SELECT operation, tenant_id, kind, 'undoing' FROM tenancy.journal
         WHERE tenant_id = '{}'; DROP TABLE acme.notes",
        left.id()
    );
    run(&mut superuser, &undoing).await;
    let tenant = fleet.create(acme(), |_| {}).await.unwrap();
    assert_ne!(tenant.id(), left.id());
    assert_eq!(count(&mut superuser, "acme.notes").await, 0);
    assert_eq!(store.tenants(), [tenant.id()]);
}

#[tokio::test]
async fn of_twenty_who_make_the_same_tenant_exactly_one_does() {
    let database = TestDatabase::new().await;
    let (fleet, _, turn) = slow(fleet(&database, set([NOTES])).await);
    let mut superuser = database.superuser().await;
    let creators = join_all((0..20).map(|_| fleet.create(acme(), |_| {})));
    let look = async {
        eventually("the tenant's record", async || {
            (count(&mut superuser, "tenancy.tenants").await == 1).then_some(())
        })
        .await;
        turn.add_permits(1);
    };
    let (results, ()) = tokio::join!(creators, look);
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for error in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let text = error.to_string();
        let known = ["is being created by another program", "slug acme is taken"];
        assert!(known.iter().any(|known| text.contains(known)), "{text}");
    }
    let mut superuser = database.superuser().await;
    assert_eq!(count(&mut superuser, "tenancy.tenants").await, 1);
}

#[tokio::test]
async fn a_tenant_that_is_being_made_is_its_makers() {
    let database = TestDatabase::new().await;
    let (fleet, _, turn) = slow(fleet(&database, set([NOTES])).await);
    let mut superuser = database.superuser().await;
    let create = fleet.create(acme(), |_| {});
    let second = async {
        eventually("the tenant's record", async || {
            (count(&mut superuser, "tenancy.tenants").await == 1).then_some(())
        })
        .await;
        let second = fleet.create(acme(), |_| {}).await;
        turn.add_permits(1);
        second
    };
    let (first, second) = tokio::join!(create, second);
    assert_eq!(first.unwrap().status(), Status::Active);
    let error = second.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "creating tenant acme: it is being created by another program: wait until that has ended"
    );
}
