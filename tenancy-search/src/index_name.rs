//! The name of one tenant's search index.

use std::fmt;

use tenancy_core::{
    Error, ErrorKind, Prefix, ScopeKind, ScopedName, Tenant, TenantContext, TenantId,
};

/// One tenant's index of one kind of document; two tenants never share a name.
///
/// The name holds the tenant's id, never its slug or schema, so that a rename loses nothing and a
/// slug that is used again finds nothing. It is legal in Elasticsearch and its kin, and no
/// wildcard, alias expression or date math can be written in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexName(ScopedName);

impl IndexName {
    /// Names the index of `kind`, such as `products`, in the context's tenant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when `kind` has characters an index name cannot have.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tenancy_core::{ErrorKind, Prefix, SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
    /// use tenancy_search::IndexName;
    ///
    /// let tenant = Tenant::new(TenantId::generate(), Slug::parse("acme")?, SchemaName::parse("acme")?);
    /// let acme = TenantContext::new(Arc::new(tenant.with_status(Status::Active)), "example")?;
    ///
    /// let products = IndexName::new(&acme, &Prefix::default(), "products")?;
    /// assert_eq!(IndexName::parse(products.as_str())?, (acme.id(), "products".to_owned()));
    ///
    /// let everything = IndexName::new(&acme, &Prefix::default(), "*");
    /// assert_eq!(everything.unwrap_err().kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn new(context: &TenantContext, prefix: &Prefix, kind: &str) -> Result<Self, Error> {
        ScopedName::for_context(context, prefix, ScopeKind::Index, kind).map(Self)
    }

    /// Names the index of `kind` of `tenant`, whatever its status: for the steps of its life.
    ///
    /// # Errors
    ///
    /// As [`IndexName::new`].
    pub fn of_tenant(tenant: &Tenant, prefix: &Prefix, kind: &str) -> Result<Self, Error> {
        ScopedName::for_tenant(tenant, prefix, ScopeKind::Index, kind).map(Self)
    }

    /// The name as the engine knows it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Reads back whose index of what a name is, the exact inverse of [`IndexName::new`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] or [`ErrorKind::InvalidName`] when `name` is no tenant's index.
    pub fn parse(name: &str) -> Result<(TenantId, String), Error> {
        let decoded = ScopedName::decode(name)?;
        if decoded.kind() != ScopeKind::Index {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("{name:?} is no tenant's index: make names through IndexName only"),
            ));
        }
        Ok((decoded.tenant(), decoded.name().to_owned()))
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
