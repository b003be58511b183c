//! From an identifier to a tenant.

mod bounded;
mod cached;
mod clock;
mod memory;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::cached::{CacheStats, CachedStore};
pub use self::memory::MemoryStore;

use crate::domain::Domain;
use crate::error::Error;
use crate::name::Slug;
use crate::tenant::{Tenant, TenantId};

/// What a request, job or command calls a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Identifier {
    /// The id that never changes.
    Id(TenantId),
    /// The name in URLs.
    Slug(Slug),
    /// One of the tenant's own domains.
    Domain(Domain),
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::Slug(slug) => write!(f, "slug {slug}"),
            Self::Domain(domain) => write!(f, "domain {domain}"),
        }
    }
}

/// Knows the tenants; the framework only asks, so a store may live anywhere.
///
/// A store gives tenants of every status but [`Status::Purged`](crate::Status::Purged): who may
/// serve is decided by [`TenantContext`](crate::TenantContext).
#[async_trait]
pub trait TenantStore: Send + Sync + 'static {
    /// Finds the tenant that answers to `identifier`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the store cannot be asked;
    /// never for a tenant that does not exist.
    async fn find(&self, identifier: &Identifier) -> Result<Option<Arc<Tenant>>, Error>;
}

#[async_trait]
impl<S: TenantStore + ?Sized> TenantStore for Arc<S> {
    async fn find(&self, identifier: &Identifier) -> Result<Option<Arc<Tenant>>, Error> {
        (**self).find(identifier).await
    }
}
