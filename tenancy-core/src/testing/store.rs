//! The contract of stores, to run against one's own implementation.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::Domain;
use crate::error::{Error, ErrorKind};
use crate::name::{SchemaName, Slug};
use crate::store::{Identifier, TenantStore};
use crate::tenant::{Status, Tenant, TenantId};

/// Makes the changes that a contract suite observes through a store.
#[async_trait]
pub trait StoreFixture: Send + Sync {
    /// The store under test; it must show every change below once that has returned.
    fn store(&self) -> &dyn TenantStore;

    /// Adds `tenant` with its id, names and status; it has no primary domain.
    async fn add_tenant(&self, tenant: Tenant) -> Result<(), Error>;

    /// Lets the tenant answer to `domain` too.
    async fn add_domain(&self, id: TenantId, domain: Domain) -> Result<(), Error>;

    /// Puts the tenant into `status`, which may follow its present one.
    async fn set_status(&self, id: TenantId, status: Status) -> Result<(), Error>;

    /// Leaves of an archived tenant what a purge leaves of it.
    async fn remove(&self, id: TenantId) -> Result<(), Error>;
}

/// Checks that a store finds exactly what was put into it, by every identifier.
///
/// All names are new ones, so the store may hold other tenants, and the suite may run again on it.
///
/// # Panics
///
/// When the store breaks the contract; the message says how.
pub async fn store_contract(fixture: &dyn StoreFixture) {
    finds_by_every_identifier(fixture).await;
    keeps_tenants_apart(fixture).await;
    refuses_names_that_are_taken(fixture).await;
    shows_every_status_but_purged(fixture).await;
    answers_anew_after_each_change(fixture).await;
}

async fn finds_by_every_identifier(fixture: &dyn StoreFixture) {
    let tenant = new_tenant()
        .with_name("Crêpes & Söhne")
        .with_description("what it is");
    for identifier in identifiers(&tenant) {
        expect(fixture, &identifier, None).await;
    }
    add(fixture, &tenant).await;
    expect(fixture, &Identifier::Id(tenant.id()), Some(&tenant)).await;
    expect(
        fixture,
        &Identifier::Slug(tenant.slug().clone()),
        Some(&tenant),
    )
    .await;
    for domain in [domain_of(&tenant), second_domain_of(&tenant)] {
        expect(fixture, &Identifier::Domain(domain.clone()), None).await;
        add_domain(fixture, &tenant, &domain).await;
        expect(fixture, &Identifier::Domain(domain), Some(&tenant)).await;
    }
}

async fn keeps_tenants_apart(fixture: &dyn StoreFixture) {
    let (one, other) = (new_tenant(), new_tenant());
    for tenant in [&one, &other] {
        add(fixture, tenant).await;
        add_domain(fixture, tenant, &domain_of(tenant)).await;
    }
    for tenant in [&one, &other] {
        for identifier in identifiers(tenant) {
            expect(fixture, &identifier, Some(tenant)).await;
        }
    }
    // A slug is not a domain, nor one tenant's subdomain another's domain.
    let below = format!("{}.{}", one.slug(), domain_of(&other));
    let below = Domain::parse(&below).expect("two domain names in a row");
    expect(fixture, &Identifier::Domain(below), None).await;
    let bare = Domain::parse(one.slug().as_str()).expect("a slug is a label");
    expect(fixture, &Identifier::Domain(bare), None).await;
}

async fn refuses_names_that_are_taken(fixture: &dyn StoreFixture) {
    let (one, other) = (new_tenant(), new_tenant());
    add(fixture, &one).await;
    add_domain(fixture, &one, &domain_of(&one)).await;
    add(fixture, &other).await;

    let id = TenantId::generate();
    let same_slug = Tenant::new(id, one.slug().clone(), new_tenant().schema_name().clone());
    let same_schema = Tenant::new(id, new_tenant().slug().clone(), one.schema_name().clone());
    for (twin, what) in [(same_slug, "slug"), (same_schema, "schema name")] {
        let refused = fixture.add_tenant(twin).await;
        expect_conflict(refused, what);
        expect(fixture, &Identifier::Id(id), None).await;
    }
    let refused = fixture.add_domain(other.id(), domain_of(&one)).await;
    expect_conflict(refused, "domain");
    for identifier in identifiers(&one) {
        expect(fixture, &identifier, Some(&one)).await;
    }
}

async fn shows_every_status_but_purged(fixture: &dyn StoreFixture) {
    let tenant = new_tenant();
    add(fixture, &tenant).await;
    add_domain(fixture, &tenant, &domain_of(&tenant)).await;
    let life = [
        Status::Active,
        Status::Suspended,
        Status::Active,
        Status::Maintenance,
        Status::Active,
        Status::Archived,
    ];
    for status in life {
        set_status(fixture, &tenant, status).await;
        let now = tenant.clone().with_status(status);
        for identifier in identifiers(&tenant) {
            expect(fixture, &identifier, Some(&now)).await;
        }
    }
    remove(fixture, &tenant).await;
    for identifier in identifiers(&tenant) {
        expect(fixture, &identifier, None).await;
    }
}

async fn answers_anew_after_each_change(fixture: &dyn StoreFixture) {
    let tenant = new_tenant().with_status(Status::Active);
    let identifiers = identifiers(&tenant);
    // Asking before and after each change catches a store that remembers too much.
    for identifier in &identifiers {
        expect(fixture, identifier, None).await;
    }
    add(fixture, &tenant).await;
    add_domain(fixture, &tenant, &domain_of(&tenant)).await;
    for identifier in &identifiers {
        expect(fixture, identifier, Some(&tenant)).await;
    }
    set_status(fixture, &tenant, Status::Archived).await;
    let archived = tenant.clone().with_status(Status::Archived);
    for identifier in &identifiers {
        expect(fixture, identifier, Some(&archived)).await;
    }
    remove(fixture, &tenant).await;
    for identifier in &identifiers {
        expect(fixture, identifier, None).await;
    }
}

/// A tenant whose names nobody else has.
fn new_tenant() -> Tenant {
    let id = TenantId::generate();
    let name = format!("t{}", id.as_uuid().simple());
    let slug = Slug::parse(&name).expect("a letter and hexadecimal digits");
    let schema = SchemaName::parse(&name).expect("a letter and hexadecimal digits");
    Tenant::new(id, slug, schema)
}

fn domain_of(tenant: &Tenant) -> Domain {
    let text = format!("{}.contract.example", tenant.slug());
    Domain::parse(&text).expect("a slug is a label")
}

fn second_domain_of(tenant: &Tenant) -> Domain {
    let text = format!("www.{}.contract.example", tenant.slug());
    Domain::parse(&text).expect("a slug is a label")
}

fn identifiers(tenant: &Tenant) -> [Identifier; 3] {
    [
        Identifier::Id(tenant.id()),
        Identifier::Slug(tenant.slug().clone()),
        Identifier::Domain(domain_of(tenant)),
    ]
}

async fn add(fixture: &dyn StoreFixture, tenant: &Tenant) {
    let added = fixture.add_tenant(tenant.clone()).await;
    assert!(added.is_ok(), "a tenant with new names is added: {added:?}");
}

async fn add_domain(fixture: &dyn StoreFixture, tenant: &Tenant, domain: &Domain) {
    let added = fixture.add_domain(tenant.id(), domain.clone()).await;
    assert!(added.is_ok(), "a new domain is added: {added:?}");
}

async fn set_status(fixture: &dyn StoreFixture, tenant: &Tenant, status: Status) {
    let set = fixture.set_status(tenant.id(), status).await;
    assert!(set.is_ok(), "the tenant becomes {status}: {set:?}");
}

async fn remove(fixture: &dyn StoreFixture, tenant: &Tenant) {
    let removed = fixture.remove(tenant.id()).await;
    assert!(removed.is_ok(), "the tenant is removed: {removed:?}");
}

fn expect_conflict(outcome: Result<(), Error>, what: &str) {
    let kind = outcome.err().map(|error| error.kind());
    assert_eq!(
        kind,
        Some(ErrorKind::Conflict),
        "a {what} that is taken is refused as a conflict"
    );
}

async fn expect(fixture: &dyn StoreFixture, identifier: &Identifier, wanted: Option<&Tenant>) {
    let found = match fixture.store().find(identifier).await {
        Ok(found) => found,
        Err(error) => panic!("looking up {identifier} fails: {error:?}"),
    };
    // Times are left out: stores round them.
    let facts = |tenant: &Tenant| {
        (
            tenant.id(),
            tenant.slug().clone(),
            tenant.schema_name().clone(),
            tenant.name().to_owned(),
            tenant.description().to_owned(),
            tenant.status(),
        )
    };
    assert_eq!(
        found.as_ref().map(Arc::as_ref).map(facts),
        wanted.map(facts),
        "what {identifier} leads to"
    );
}
