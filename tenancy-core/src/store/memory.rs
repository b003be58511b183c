//! A store in the memory of the process.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use super::{Identifier, TenantStore};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind};
use crate::name::{SchemaName, Slug};
use crate::tenant::{Status, Tenant, TenantId};

/// Keeps tenants in memory: for tests, examples and services whose tenants are in a file.
///
/// # Example
///
/// ```
/// use tenancy_core::{Domain, ErrorKind, MemoryStore, SchemaName, Slug, Tenant, TenantId};
///
/// let store = MemoryStore::new();
/// let slug = Slug::parse("acme")?;
/// let acme = Tenant::new(TenantId::generate(), slug.clone(), SchemaName::parse("acme")?);
/// let id = acme.id();
/// store.insert(acme)?;
/// store.add_domain(id, Domain::parse("acme.example")?)?;
///
/// let twin = Tenant::new(TenantId::generate(), slug, SchemaName::parse("other")?);
/// assert_eq!(store.insert(twin).unwrap_err().kind(), ErrorKind::Conflict);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    tenants: HashMap<TenantId, Arc<Tenant>>,
    slugs: HashMap<Slug, TenantId>,
    schemas: HashMap<SchemaName, TenantId>,
    domains: HashMap<Domain, TenantId>,
}

impl MemoryStore {
    /// Makes a store without tenants.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `tenant`, together with its primary domain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when its id, slug, schema or primary domain is taken; nothing is
    /// changed then.
    pub fn insert(&self, tenant: Tenant) -> Result<(), Error> {
        let mut tables = self.write();
        if tables.tenants.contains_key(&tenant.id()) {
            return Err(taken("tenant id", &tenant.id().to_string()));
        }
        tables.put(tenant)
    }

    /// Puts `tenant` in the place of the one with the same id; its domains stay.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] when there is none, [`ErrorKind::Conflict`] when its new slug,
    /// schema or primary domain is another's; nothing is changed then.
    pub fn replace(&self, tenant: Tenant) -> Result<(), Error> {
        let mut tables = self.write();
        tables.expect(tenant.id())?;
        tables.put(tenant)
    }

    /// Removes the tenant and its domains, and gives it back if there was one.
    pub fn remove(&self, id: TenantId) -> Option<Arc<Tenant>> {
        let mut tables = self.write();
        tables.domains.retain(|_, owner| *owner != id);
        tables.take(id)
    }

    /// Lets the tenant answer to `domain` too; doing so again changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] when there is no such tenant, [`ErrorKind::Conflict`] when the
    /// domain is another's.
    pub fn add_domain(&self, id: TenantId, domain: Domain) -> Result<(), Error> {
        let mut tables = self.write();
        tables.expect(id)?;
        tables.check_domain(id, &domain)?;
        tables.domains.insert(domain, id);
        Ok(())
    }

    /// Lets nobody answer to `domain` any more, and says who did.
    pub fn remove_domain(&self, domain: &Domain) -> Option<TenantId> {
        self.write().domains.remove(domain)
    }

    // Every change checks before it writes, so a poisoned lock still guards whole tables.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TenantStore for MemoryStore {
    async fn find(&self, identifier: &Identifier) -> Result<Option<Arc<Tenant>>, Error> {
        let tables = self.read();
        let id = match identifier {
            Identifier::Id(id) => Some(id),
            Identifier::Slug(slug) => tables.slugs.get(slug),
            Identifier::Domain(domain) => tables.domains.get(domain),
        };
        let found = id.and_then(|id| tables.tenants.get(id));
        let anybody = crate::sabotaged!("tenant.unknown-is-anybody");
        let found = found.or_else(|| tables.tenants.values().next().filter(|_| anybody));
        Ok(found.filter(|t| t.status() != Status::Purged).cloned())
    }
}

impl Tables {
    fn put(&mut self, tenant: Tenant) -> Result<(), Error> {
        let id = tenant.id();
        let another = |owner: Option<&TenantId>| owner.is_some_and(|owner| *owner != id);
        if another(self.slugs.get(tenant.slug())) {
            return Err(taken("slug", tenant.slug().as_str()));
        }
        if another(self.schemas.get(tenant.schema_name())) {
            return Err(taken("schema name", tenant.schema_name().as_str()));
        }
        if let Some(domain) = tenant.primary_domain() {
            self.check_domain(id, domain)?;
            self.domains.insert(domain.clone(), id);
        }
        self.take(id);
        self.slugs.insert(tenant.slug().clone(), id);
        self.schemas.insert(tenant.schema_name().clone(), id);
        self.tenants.insert(id, Arc::new(tenant));
        Ok(())
    }

    /// Takes a tenant and its names out; its domains stay.
    fn take(&mut self, id: TenantId) -> Option<Arc<Tenant>> {
        let tenant = self.tenants.remove(&id)?;
        self.slugs.remove(tenant.slug());
        self.schemas.remove(tenant.schema_name());
        Some(tenant)
    }

    fn expect(&self, id: TenantId) -> Result<(), Error> {
        if self.tenants.contains_key(&id) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("no tenant has id {id}: insert it first"),
        ))
    }

    fn check_domain(&self, id: TenantId, domain: &Domain) -> Result<(), Error> {
        match self.domains.get(domain) {
            Some(owner) if *owner != id => Err(taken("domain", domain.as_str())),
            _ => Ok(()),
        }
    }
}

fn taken(what: &str, name: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("{what} {name} is taken: choose another"),
    )
}
