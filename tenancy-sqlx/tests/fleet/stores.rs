//! Stores outside PostgreSQL that really hold things, under names that carry the tenant's id.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tenancy_core::{Error, Prefix, ScopeKind, ScopedName, Tenant, TenantId, TenantResource};
use tenancy_sqlx::Fleet;

/// What stands for a cache, a search engine, a bus, a list of tokens or a bucket.
pub(crate) struct Store {
    name: &'static str,
    kind: ScopeKind,
    held: Mutex<BTreeMap<String, String>>,
    keeps: AtomicBool,
}

impl Store {
    pub(crate) fn new(name: &'static str, kind: ScopeKind) -> Arc<Self> {
        Arc::new(Self {
            name,
            kind,
            held: Mutex::default(),
            keeps: AtomicBool::new(false),
        })
    }

    /// From now on a purge leaves everything.
    pub(crate) fn keep(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::SeqCst);
    }

    pub(crate) fn put(&self, tenant: &Tenant, name: &str, value: &str) {
        let key = self.key(tenant, name);
        self.held.lock().unwrap().insert(key, value.to_owned());
    }

    pub(crate) fn get(&self, tenant: &Tenant, name: &str) -> Option<String> {
        let key = self.key(tenant, name);
        self.held.lock().unwrap().get(&key).cloned()
    }

    /// Whose things it holds.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        let held = self.held.lock().unwrap();
        let owner = |key: &String| ScopedName::decode(key).unwrap().tenant();
        held.keys().map(owner).collect()
    }

    fn key(&self, tenant: &Tenant, name: &str) -> String {
        let prefix = Prefix::default();
        let key = ScopedName::for_tenant(tenant, &prefix, self.kind, name);
        key.unwrap().as_str().to_owned()
    }
}

#[async_trait]
impl TenantResource for Store {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn provision(&self, tenant: &Tenant) -> Result<(), Error> {
        self.put(tenant, "made-for", tenant.slug().as_str());
        Ok(())
    }

    async fn suspend(&self, tenant: &Tenant) -> Result<(), Error> {
        self.put(tenant, "stopped", "yes");
        Ok(())
    }

    async fn resume(&self, tenant: &Tenant) -> Result<(), Error> {
        let key = self.key(tenant, "stopped");
        self.held.lock().unwrap().remove(&key);
        Ok(())
    }

    async fn rename(&self, _: &Tenant, after: &Tenant) -> Result<(), Error> {
        self.put(after, "made-for", after.slug().as_str());
        Ok(())
    }

    async fn purge(&self, tenant: &Tenant) -> Result<(), Error> {
        if !self.keeps.load(Ordering::SeqCst) {
            let is_its = |key: &String| ScopedName::decode(key).unwrap().tenant() == tenant.id();
            self.held.lock().unwrap().retain(|key, _| !is_its(key));
        }
        Ok(())
    }

    async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error> {
        let held = self.held.lock().unwrap();
        let is_its = |key: &&String| ScopedName::decode(key).unwrap().tenant() == tenant.id();
        Ok(held.keys().filter(is_its).cloned().collect())
    }
}

/// The fleet with these stores.
pub(crate) fn with_stores(fleet: Fleet, stores: &[Arc<Store>]) -> Fleet {
    stores
        .iter()
        .fold(fleet, |fleet, store| fleet.resource(store.clone()))
}
