//! What every store of an app registers, so that a tenant's life reaches all of them.

use async_trait::async_trait;

use crate::error::{Error, ErrorKind};
use crate::tenant::Tenant;

/// Something outside the tenant's schema that belongs to tenants: an index, a bucket, a cache.
///
/// Steps that make something (provision, resume, rename) call every registered resource in order of
/// registration; steps that take something away (suspend, purge) and what undoes a failed step call
/// them in reverse order. Each method must be idempotent: after a failure or a crash it is called
/// again.
#[async_trait]
pub trait TenantResource: Send + Sync + 'static {
    /// A short name for progress and errors, such as `search`.
    fn name(&self) -> &'static str;

    /// Makes whatever `tenant` needs before it serves.
    async fn provision(&self, tenant: &Tenant) -> Result<(), Error> {
        let _ = tenant;
        Ok(())
    }

    /// Stops serving `tenant` and keeps everything; it has no new contexts by then.
    async fn suspend(&self, tenant: &Tenant) -> Result<(), Error> {
        let _ = tenant;
        Ok(())
    }

    /// Gets ready to serve `tenant` again, before it does.
    async fn resume(&self, tenant: &Tenant) -> Result<(), Error> {
        let _ = tenant;
        Ok(())
    }

    /// Follows a rename from `before` to `after`; names keyed by the id need nothing. When a later
    /// resource fails it is called the other way round.
    async fn rename(&self, before: &Tenant, after: &Tenant) -> Result<(), Error> {
        let _ = (before, after);
        Ok(())
    }

    /// Writes what `tenant` has here into `into`, one entry at a time.
    async fn export(&self, tenant: &Tenant, into: &mut dyn ExportSink) -> Result<(), Error> {
        let _ = (tenant, into);
        Ok(())
    }

    /// Takes back one entry that [`TenantResource::export`] wrote, perhaps for another tenant and in
    /// another installation; called after provision, in the order of the export.
    ///
    /// A resource that exports nothing is never asked.
    async fn import(&self, tenant: &Tenant, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let _ = (tenant, bytes);
        Err(Error::new(
            ErrorKind::Configuration,
            format!(
                "resource {} does not take {path}: it imports nothing",
                self.name()
            ),
        ))
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
