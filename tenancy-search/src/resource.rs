//! Search in the life of a tenant.

use async_trait::async_trait;
use tenancy_core::{Error, ErrorKind, Tenant, TenantResource};

use crate::search::Search;

/// Makes a tenant's indexes with the tenant and removes them with it: register it where tenants are
/// made and purged.
///
/// Indexes are named by the id that never changes, so a rename moves nothing, and a suspended
/// tenant has no context to search with. An export takes nothing along, because everything can be
/// built from the rows.
///
/// A tenant begins with empty indexes, or with none while the engine is down, and one that begins
/// with rows (a clone, an import) has them found when they are built: let each tenant begin with a
/// message about every kind with the key [`EVERYTHING`](crate::EVERYTHING), which the fleet's
/// `first_message` does.
///
/// # Example
///
/// ```
/// use tenancy_core::TenantResource;
/// use tenancy_search::{MemoryEngine, Search, SearchResource};
///
/// let resource = SearchResource::new(Search::new(MemoryEngine::new(), []));
/// assert_eq!(resource.name(), "search");
/// ```
#[derive(Debug, Clone)]
pub struct SearchResource(Search);

impl SearchResource {
    /// Registers `search`.
    pub fn new(search: Search) -> Self {
        Self(search)
    }
}

#[async_trait]
impl TenantResource for SearchResource {
    fn name(&self) -> &'static str {
        "search"
    }

    async fn provision(&self, tenant: &Tenant) -> Result<(), Error> {
        let placement = self.0.placement_of(tenant);
        for kind in self.0.kinds() {
            let index = self.0.index_of(tenant, *kind)?;
            let made = self.0.engine().provision(&index, placement);
            match self.0.step(made).await {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(%error, index = %index.name(), "an index is made later");
                }
                made => made?,
            }
        }
        Ok(())
    }

    async fn purge(&self, tenant: &Tenant) -> Result<(), Error> {
        let (prefix, kinds) = (self.0.installation(), self.0.kinds());
        let purged = self.0.engine().purge(prefix, tenant.id(), kinds);
        self.0.step(purged).await
    }

    async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error> {
        let (prefix, kinds) = (self.0.installation(), self.0.kinds());
        let residue = self.0.engine().residue(prefix, tenant.id(), kinds);
        self.0.step(residue).await
    }
}
