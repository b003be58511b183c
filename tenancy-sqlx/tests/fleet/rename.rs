//! A tenant gets other names and stays who it is.

use tenancy_core::Status;
use tenancy_sqlx::{DomainRole, ErrorKind, NewTenant, Rename};

use crate::recorder::recorded;
use crate::support::*;

#[tokio::test]
async fn a_renamed_tenant_keeps_its_id_and_rows_and_its_schema_follows_the_slug() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
    let before = fleet.create(new, |_| {}).await.unwrap();
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO acme.notes (title) VALUES ('x')",
    )
    .await;

    let to = Rename::to(slug("my-shop"));
    let after = fleet.rename(&slug("acme"), to).await.unwrap();
    assert_eq!(after.id(), before.id());
    assert_eq!(after.status(), Status::Active);
    assert_eq!(after.slug(), &slug("my-shop"));
    assert_eq!(after.schema_name(), &schema("my_shop"));
    assert_eq!(after.primary_domain(), Some(&domain("acme.example")));
    assert_eq!(
        fleet.tenant(&slug("my-shop")).await.unwrap(),
        Some(after.clone())
    );
    assert_eq!(fleet.tenant(&slug("acme")).await.unwrap(), None);
    assert_eq!(count(&mut superuser, "my_shop.notes").await, 1);
    assert_eq!(
        journal.take(),
        ["rename files acme my-shop", "rename search acme my-shop"]
    );
    assert!(fleet.status().await.unwrap().is_at_head());
    let reserved = "tenancy.reserved_names WHERE name = 'acme' AND kind IN ('slug', 'schema')";
    assert_eq!(count(&mut superuser, reserved).await, 2);
    assert_eq!(count(&mut superuser, "tenancy.reserved_names").await, 2);

    // Slug and schema change apart, and a domain when it is asked for.
    let to = Rename::to(slug("my-shop")).schema(schema("shop_7"));
    let after = fleet.rename(&slug("my-shop"), to).await.unwrap();
    assert_eq!(after.schema_name(), &schema("shop_7"));
    let to = Rename::to(slug("shop"))
        .schema(schema("shop_7"))
        .domain(domain("acme.example"), domain("shop.example"));
    let after = fleet.rename(&slug("my-shop"), to).await.unwrap();
    assert_eq!(after.schema_name(), &schema("shop_7"));
    assert_eq!(after.primary_domain(), Some(&domain("shop.example")));
    let reserved = "tenancy.reserved_names WHERE name = 'acme.example' AND kind = 'domain'";
    assert_eq!(count(&mut superuser, reserved).await, 1);

    // What it had it may have again at once.
    let to = Rename::to(slug("acme")).domain(domain("shop.example"), domain("acme.example"));
    let back = fleet.rename(&slug("shop"), to).await.unwrap();
    assert_eq!(back.schema_name(), &schema("acme"));
    assert_eq!(count(&mut superuser, "acme.notes").await, 1);
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict_and_every_name_stays() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
    fleet.create(new, |_| {}).await.unwrap();
    let new = NewTenant::new(slug("other"))
        .schema(schema("theirs"))
        .domain(domain("other.example"));
    fleet.create(new, |_| {}).await.unwrap();
    let mut superuser = database.superuser().await;
    run(&mut superuser, "CREATE SCHEMA foreign_one").await;
    let before = traces(&mut superuser).await;
    for (to, says) in [
        (Rename::to(slug("other")), "slug other is taken"),
        (
            Rename::to(slug("theirs")),
            "schema theirs belongs to another tenant",
        ),
        (
            Rename::to(slug("foreign-one")),
            "schema foreign_one exists in PostgreSQL",
        ),
        (
            Rename::to(slug("new")).domain(domain("acme.example"), domain("other.example")),
            "domain other.example is taken",
        ),
        (
            Rename::to(slug("new")).domain(domain("not.its.example"), domain("new.example")),
            "tenant acme has no domain not.its.example",
        ),
    ] {
        let error = fleet.rename(&slug("acme"), to).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        let not_found = ErrorKind::Core(tenancy_core::ErrorKind::NotFound);
        assert!(
            [ErrorKind::Conflict, not_found].contains(&error.kind()),
            "{error}"
        );
    }
    assert_eq!(traces(&mut superuser).await, before);
    assert!(journal.take().is_empty());

    let archived = "UPDATE tenancy.tenants SET status = 'archived'";
    run(&mut superuser, archived).await;
    let error = fleet.rename(&slug("acme"), Rename::to(slug("new"))).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
    let public = fleet.public_host(domain("base.example"));
    let to = Rename::to(slug("new")).domain(domain("acme.example"), domain("base.example"));
    let error = public.rename(&slug("acme"), to).await.unwrap_err();
    assert!(error.to_string().contains("public host"), "{error}");
}

#[tokio::test]
async fn a_resource_that_cannot_follow_keeps_the_old_names_everywhere() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    journal.fail(&["rename search"]);
    let rename = async || fleet.rename(&slug("acme"), Rename::to(slug("shop"))).await;
    let error = rename().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("resource search: the engine is down"),
        "{error}"
    );
    assert_eq!(
        journal.take(),
        [
            "rename files acme shop",
            "rename search acme shop",
            "rename search shop acme",
            "rename files shop acme"
        ]
    );
    assert_eq!(traces(&mut superuser).await, before);
    assert_eq!(count(&mut superuser, "tenancy.reserved_names").await, 0);
    journal.fail(&[]);
    rename().await.unwrap();
}

#[tokio::test]
async fn domains_are_removed_and_made_primary_and_a_removed_one_may_come_back_to_its_tenant() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let tenant = create(&fleet, "acme").await;
    create(&fleet, "other").await;
    let (a, b) = (domain("a.example"), domain("b.example"));
    for (name, role) in [(&a, DomainRole::Primary), (&b, DomainRole::Alias)] {
        fleet.add_domain(&slug("acme"), name, role).await.unwrap();
    }
    let error = fleet.remove_domain(&slug("acme"), &a).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().contains("domain primary acme OTHER"),
        "{error}"
    );
    assert!(
        fleet
            .set_primary_domain(&slug("acme"), &b)
            .await
            .unwrap()
            .is_primary
    );
    let found = fleet.tenant(&slug("acme")).await.unwrap().unwrap();
    assert_eq!(found.primary_domain(), Some(&b));
    fleet.remove_domain(&slug("acme"), &a).await.unwrap();
    assert_eq!(fleet.domains(tenant.id()).await.unwrap().len(), 1);

    let other = slug("other");
    let taken = fleet.add_domain(&other, &a, DomainRole::Alias).await;
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict);
    fleet
        .add_domain(&slug("acme"), &a, DomainRole::Alias)
        .await
        .unwrap();
    let not_found = ErrorKind::Core(tenancy_core::ErrorKind::NotFound);
    for error in [
        fleet.remove_domain(&slug("other"), &a).await.unwrap_err(),
        fleet
            .set_primary_domain(&slug("other"), &a)
            .await
            .unwrap_err(),
        fleet.remove_domain(&slug("nobody"), &a).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), not_found, "{error}");
    }
}
