//! A resource that keeps something of each tenant, and lets it be carried away.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenancy_core::{Error, ErrorKind, ExportSink, Tenant, TenantId, TenantResource};

/// Entries of tenants, by their paths.
#[derive(Default)]
pub(crate) struct Shelf {
    entries: Mutex<BTreeMap<TenantId, BTreeMap<String, Vec<u8>>>>,
    fails: AtomicBool,
}

impl Shelf {
    pub(crate) fn put(&self, tenant: &Tenant, path: &str, bytes: &[u8]) {
        let mut entries = self.entries.lock().unwrap();
        let of_tenant = entries.entry(tenant.id()).or_default();
        of_tenant.insert(path.to_owned(), bytes.to_vec());
    }

    /// What it has of the tenant, if that was made ready.
    pub(crate) fn of(&self, tenant: TenantId) -> Option<BTreeMap<String, Vec<u8>>> {
        self.entries.lock().unwrap().get(&tenant).cloned()
    }

    /// How many tenants it has something of.
    pub(crate) fn tenants(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    /// From now on nothing can be made ready, or it can again.
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
}

/// The same shelf, for several fleets.
pub(crate) struct OnShelf(pub(crate) Arc<Shelf>);

#[async_trait]
impl TenantResource for OnShelf {
    fn name(&self) -> &'static str {
        "shelf"
    }

    async fn provision(&self, tenant: &Tenant) -> Result<(), Error> {
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the shelf is full"));
        }
        let mut entries = self.0.entries.lock().unwrap();
        entries.entry(tenant.id()).or_default();
        Ok(())
    }

    async fn export(&self, tenant: &Tenant, into: &mut dyn ExportSink) -> Result<(), Error> {
        for (path, bytes) in self.0.of(tenant.id()).unwrap_or_default() {
            into.write(&path, &bytes).await?;
        }
        Ok(())
    }

    async fn import(&self, tenant: &Tenant, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.0.put(tenant, path, bytes);
        Ok(())
    }

    async fn purge(&self, tenant: &Tenant) -> Result<(), Error> {
        self.0.entries.lock().unwrap().remove(&tenant.id());
        Ok(())
    }

    async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error> {
        let left = self.0.of(tenant.id());
        Ok(left.into_iter().flatten().map(|(path, _)| path).collect())
    }
}
