//! What every store of an app registers, so that a tenant's life reaches all of them.

use async_trait::async_trait;

use crate::error::Error;
use crate::tenant::Tenant;

/// Something outside the tenant's schema that belongs to tenants: an index, a bucket, a cache.
///
/// Lifecycle steps call every registered resource in order of registration and undo in reverse
/// order. Each method must be idempotent: after a crash it is called again.
#[async_trait]
pub trait TenantResource: Send + Sync + 'static {
    /// A short name for progress and errors, such as `search`.
    fn name(&self) -> &'static str;

    /// Makes whatever `tenant` needs before it serves.
    async fn provision(&self, tenant: &Tenant) -> Result<(), Error> {
        let _ = tenant;
        Ok(())
    }

    /// Stops serving `tenant` and keeps everything.
    async fn suspend(&self, tenant: &Tenant) -> Result<(), Error> {
        let _ = tenant;
        Ok(())
    }

    /// Serves `tenant` again.
    async fn resume(&self, tenant: &Tenant) -> Result<(), Error> {
        let _ = tenant;
        Ok(())
    }

    /// Follows a rename from `before` to `after`; names keyed by the id need nothing.
    async fn rename(&self, before: &Tenant, after: &Tenant) -> Result<(), Error> {
        let _ = (before, after);
        Ok(())
    }

    /// Writes what `tenant` has here into `into`, one entry at a time.
    async fn export(&self, tenant: &Tenant, into: &mut dyn ExportSink) -> Result<(), Error> {
        let _ = (tenant, into);
        Ok(())
    }

    /// Removes everything of `tenant` for good.
    async fn purge(&self, tenant: &Tenant) -> Result<(), Error>;

    /// Lists what is left of `tenant`; after a purge this must be empty.
    async fn residue(&self, tenant: &Tenant) -> Result<Vec<String>, Error>;
}

/// Takes the entries of one tenant's export.
#[async_trait]
pub trait ExportSink: Send {
    /// Takes one entry; `path` is relative, with `/` between its parts.
    async fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error>;
}
