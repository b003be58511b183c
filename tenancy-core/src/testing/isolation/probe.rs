//! What a tenant has in a store, so that it can be compared and looked through.

use async_trait::async_trait;

use crate::tenant::Tenant;

/// Why a store could not be looked into.
pub type ProbeError = Box<dyn std::error::Error + Send + Sync>;

/// Shows what one tenant has in one store: its rows, cached answers, indexed documents, sockets,
/// jobs or files.
///
/// The kit asks before and after everything that is done. What a tenant has must be its own, and
/// must be as before when only others wrote, or when everybody only read.
///
/// # Example
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use tenancy_core::testing::{Probe, ProbeError};
/// use tenancy_core::{Tenant, TenantId};
///
/// struct Cache(Arc<Mutex<BTreeMap<(TenantId, String), Vec<u8>>>>);
///
/// #[async_trait::async_trait]
/// impl Probe for Cache {
///     fn name(&self) -> &str {
///         "cache"
///     }
///
///     async fn dump(&self, tenant: &Tenant) -> Result<Vec<(String, Vec<u8>)>, ProbeError> {
///         let cache = self.0.lock().unwrap();
///         let own = cache.iter().filter(|((id, _), _)| *id == tenant.id());
///         Ok(own.map(|((_, key), value)| (key.clone(), value.clone())).collect())
///     }
/// }
/// ```
#[async_trait]
pub trait Probe: Send + Sync {
    /// What the store is called in reports.
    fn name(&self) -> &str;

    /// Everything that `tenant` has there, as pairs of where it is and what is there.
    async fn dump(&self, tenant: &Tenant) -> Result<Vec<(String, Vec<u8>)>, ProbeError>;
}
