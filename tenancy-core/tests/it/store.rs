//! Stores keep the contract.

use async_trait::async_trait;
use tenancy_core::testing::{StoreFixture, store_contract};
use tenancy_core::{
    CachedStore, Domain, Error, Identifier, MemoryStore, Status, Tenant, TenantId, TenantStore,
};

struct Plain(MemoryStore);

#[async_trait]
impl StoreFixture for Plain {
    fn store(&self) -> &dyn TenantStore {
        &self.0
    }

    async fn add_tenant(&self, tenant: Tenant) -> Result<(), Error> {
        self.0.insert(tenant)
    }

    async fn add_domain(&self, id: TenantId, domain: Domain) -> Result<(), Error> {
        self.0.add_domain(id, domain)
    }

    async fn set_status(&self, id: TenantId, status: Status) -> Result<(), Error> {
        let tenant = self.0.find(&Identifier::Id(id)).await?.unwrap();
        let status = tenant.status().transition(status)?;
        self.0.replace(Tenant::clone(&tenant).with_status(status))
    }

    async fn remove(&self, id: TenantId) -> Result<(), Error> {
        self.set_status(id, Status::Purged).await
    }
}

/// Changes the store behind, and says so with the tenant's id only.
struct Remembering(CachedStore<MemoryStore>);

#[async_trait]
impl StoreFixture for Remembering {
    fn store(&self) -> &dyn TenantStore {
        &self.0
    }

    async fn add_tenant(&self, tenant: Tenant) -> Result<(), Error> {
        let id = tenant.id();
        let added = self.0.inner().insert(tenant);
        self.0.invalidate(&id);
        added
    }

    async fn add_domain(&self, id: TenantId, domain: Domain) -> Result<(), Error> {
        let added = self.0.inner().add_domain(id, domain);
        self.0.invalidate(&id);
        added
    }

    async fn set_status(&self, id: TenantId, status: Status) -> Result<(), Error> {
        let inner = self.0.inner();
        let tenant = inner.find(&Identifier::Id(id)).await?.unwrap();
        let changed = inner.replace(Tenant::clone(&tenant).with_status(status));
        self.0.invalidate(&id);
        changed
    }

    async fn remove(&self, id: TenantId) -> Result<(), Error> {
        self.0.inner().remove(id);
        self.0.invalidate(&id);
        Ok(())
    }
}

#[tokio::test]
async fn memory_store_keeps_the_contract() {
    store_contract(&Plain(MemoryStore::new())).await;
}

#[tokio::test]
async fn cached_store_keeps_the_contract() {
    let fixture = Remembering(CachedStore::new(MemoryStore::new()));
    store_contract(&fixture).await;
    store_contract(&fixture).await;
}

#[tokio::test]
async fn memory_store_frees_the_names_of_what_it_removes_or_renames() {
    let store = MemoryStore::new();
    let acme = crate::support::tenant("acme").with_primary_domain(crate::support::domain("a.test"));
    store.insert(acme.clone()).unwrap();
    let other = crate::support::tenant("other");
    let renamed = Tenant::new(acme.id(), other.slug().clone(), other.schema_name().clone());
    store.replace(renamed).unwrap();
    let by_old_slug = store
        .find(&Identifier::Slug(acme.slug().clone()))
        .await
        .unwrap();
    assert!(by_old_slug.is_none());
    let domain = Identifier::Domain(crate::support::domain("a.test"));
    assert_eq!(store.find(&domain).await.unwrap().unwrap().id(), acme.id());

    assert!(store.remove(acme.id()).is_some());
    assert!(store.find(&domain).await.unwrap().is_none());
    assert!(store.remove(acme.id()).is_none());
    store.insert(crate::support::tenant("acme")).unwrap();
    store.insert(crate::support::tenant("other")).unwrap();
}
