//! The proof that a request, job or command belongs to one active tenant.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Notice};
use crate::maintenance::Maintenance;
use crate::name::{SchemaName, Slug};
use crate::tenant::{Status, Tenant, TenantId};

/// One active tenant, and what told us so; every tenant-scoped thing is made from it.
///
/// There is no default and no ambient one: it is an argument. Cloning it copies a pointer.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use tenancy_core::{ErrorKind, SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
///
/// let tenant = Tenant::new(TenantId::generate(), Slug::parse("acme")?, SchemaName::parse("acme")?);
/// let refused = TenantContext::new(Arc::new(tenant.clone()), "command").unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::NotActive(Status::Provisioning));
///
/// let active = Arc::new(tenant.with_status(Status::Active));
/// assert_eq!(TenantContext::new(active, "command")?.slug().as_str(), "acme");
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TenantContext {
    tenant: Arc<Tenant>,
    origin: &'static str,
}

impl TenantContext {
    /// Enters `tenant`; `origin` says for the logs what named it, such as `host` or `command`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotActive`] with the tenant's status when that is not [`Status::Active`].
    pub fn new(tenant: Arc<Tenant>, origin: &'static str) -> Result<Self, Error> {
        match tenant.status() {
            Status::Active => Ok(Self { tenant, origin }),
            _ if crate::sabotaged!("tenant.suspended-resolves") => Ok(Self { tenant, origin }),
            status => Err(Error::with_notice(
                ErrorKind::NotActive(status),
                format!("tenant {} is {status}", tenant.slug()),
                tenant.maintenance().map(notice).unwrap_or_default(),
            )),
        }
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The id that never changes.
    pub fn id(&self) -> TenantId {
        self.tenant.id()
    }

    /// Its name in URLs and commands.
    pub fn slug(&self) -> &Slug {
        self.tenant.slug()
    }

    /// The schema that holds its tables.
    pub fn schema(&self) -> &SchemaName {
        self.tenant.schema_name()
    }

    /// What named the tenant.
    pub fn origin(&self) -> &'static str {
        self.origin
    }
}

/// What clients are told of a maintenance; a message that breaks the rules is not theirs to see.
fn notice(maintenance: &Maintenance) -> Notice {
    let detail = maintenance.check().ok().and_then(|()| maintenance.text());
    Notice {
        detail: detail.map(str::to_owned),
        retry_after: maintenance.left(),
    }
}
