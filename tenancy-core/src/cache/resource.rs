//! The cache in the life of a tenant.

use async_trait::async_trait;

use super::Caches;
use crate::error::Error;
use crate::resource::TenantResource;
use crate::tenant::Tenant;

/// Lets a purge reach the cache: register it where tenants are made and purged.
///
/// Entries are keyed by the id that never changes, so a rename moves nothing, and a suspended
/// tenant has no context to read them with.
///
/// # Example
///
/// ```
/// use tenancy_core::{CacheResource, Caches, MemoryCache, TenantResource};
///
/// let resource = CacheResource::new(Caches::new(MemoryCache::new()));
/// assert_eq!(resource.name(), "cache");
/// ```
#[derive(Debug, Clone)]
pub struct CacheResource(Caches);

impl CacheResource {
    /// Registers `caches`.
    pub fn new(caches: Caches) -> Self {
        Self(caches)
    }
}

#[async_trait]
impl TenantResource for CacheResource {
    fn name(&self) -> &'static str {
        "cache"
    }

    async fn purge(&self, tenant: &Tenant) -> Result<(), Error> {
        self.0.purge(tenant).await
    }

    async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error> {
        self.0.residue(tenant).await
    }
}
