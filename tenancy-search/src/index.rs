//! One tenant's index of one kind, as engines see it.

use tenancy_core::{Error, Prefix, Tenant, TenantContext, TenantId};

use crate::index_name::IndexName;
use crate::kind::Kind;

/// One tenant's index of one kind of documents.
///
/// [`Index::name`] is what is searched. Where the documents really are (an index of its own, or one
/// that small tenants share) is up to the engine, and may change while it is searched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Index {
    tenant: TenantId,
    kind: Kind,
    prefix: Prefix,
    name: IndexName,
}

impl Index {
    /// The index of `kind` of the tenant that `context` is in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`](tenancy_core::ErrorKind::InvalidName) when the whole name is too
    /// long.
    pub fn new(context: &TenantContext, prefix: &Prefix, kind: Kind) -> Result<Self, Error> {
        Ok(Self {
            tenant: context.id(),
            kind,
            prefix: prefix.clone(),
            name: IndexName::new(context, prefix, kind.as_str())?,
        })
    }

    /// The index of `kind` of `tenant`, whatever its status: for the steps of its life.
    ///
    /// # Errors
    ///
    /// As [`Index::new`].
    pub fn of_tenant(tenant: &Tenant, prefix: &Prefix, kind: Kind) -> Result<Self, Error> {
        Ok(Self {
            tenant: tenant.id(),
            kind,
            prefix: prefix.clone(),
            name: IndexName::of_tenant(tenant, prefix, kind.as_str())?,
        })
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What it is of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The installation.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The name that is searched.
    pub fn name(&self) -> &IndexName {
        &self.name
    }
}
