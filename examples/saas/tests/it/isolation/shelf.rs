//! The cache's memory, with a view of what everybody brings into it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenancy_core::cache::{Cache, CacheScope, Fill, Filled, Invalidation, Place, Read};
use tenancy_core::testing::{Canary, Probe, ProbeError};
use tenancy_core::{Error, MemoryCache, Tenant, TenantId};

/// Entries by whose they are and their names.
type Brought = BTreeMap<(TenantId, String), Vec<u8>>;

/// Memory that notes every entry it was given, whatever became of that.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    memory: MemoryCache,
    brought: Arc<Mutex<Brought>>,
}

impl Shelf {
    /// How many entries were brought.
    pub(super) fn entries(&self) -> usize {
        self.brought.lock().unwrap().len()
    }
}

#[async_trait]
impl Cache for Shelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    async fn read(&self, place: &Place) -> Result<Read, Error> {
        self.memory.read(place).await
    }

    async fn fill(&self, place: &Place, fill: Fill<'_>) -> Result<Filled, Error> {
        let whose = (place.scope().tenant(), place.name().to_string());
        let entry = fill.entry.to_vec();
        self.brought.lock().unwrap().insert(whose, entry);
        self.memory.fill(place, fill).await
    }

    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) -> Result<(), Error> {
        self.memory.invalidate(scope, what).await
    }

    async fn purge(&self, scope: &CacheScope) -> Result<(), Error> {
        self.memory.purge(scope).await
    }

    async fn residue(&self, scope: &CacheScope) -> Result<Vec<String>, Error> {
        self.memory.residue(scope).await
    }
}

/// Shows what is another's. Reading fills a cache, so what is the tenant's own is no change that
/// anybody should wonder about.
#[async_trait]
impl Probe for Shelf {
    fn name(&self) -> &'static str {
        "cache"
    }

    async fn dump(&self, tenant: &Tenant) -> Result<Vec<(String, Vec<u8>)>, ProbeError> {
        let own = Canary::for_tenant(&tenant.id());
        let foreign = |entry: &[u8]| {
            let text = String::from_utf8_lossy(entry).replace(own.as_str(), "");
            text.contains("canary")
        };
        let brought = self.brought.lock().unwrap();
        Ok(brought
            .iter()
            .filter(|((id, _), entry)| *id == tenant.id() && foreign(entry))
            .map(|((_, name), entry)| (name.clone(), entry.clone()))
            .collect())
    }
}
