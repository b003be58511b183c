//! Nothing of a tenant stays, and what does is named.

use tenancy_core::{Error, Prefix, TenantId};

use super::clear::Which;
use super::failure::unavailable;
use super::link::Link;
use super::swap::Swap;

/// How often to look again while others still make something.
const ROUNDS: usize = 8;

impl Link {
    pub(super) async fn purge(&self, prefix: &Prefix, tenant: TenantId) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let names = self.everything(prefix, tenant).await?;
            // Without an alias nobody writes to a shared index: then what is in it can be removed.
            let mut swap = Swap::default();
            for (alias, indexes) in &names.aliases {
                for index in indexes
                    .iter()
                    .filter(|index| !names.indexes.contains(index))
                {
                    swap = swap.forget(index, alias);
                }
            }
            if !swap.is_empty() {
                match self.swap(swap).await {
                    // Something went meanwhile; the next look shows what is left.
                    Err(failure) if failure.is_missing() => continue,
                    swapped => swapped?,
                }
            }
            for name in &names.indexes {
                self.remove_index(name).await?;
            }
            for shared in self.shared_indexes(prefix).await? {
                self.clear(&shared, tenant, Which::All).await?;
            }
            if names.indexes.is_empty() && names.aliases.is_empty() {
                return Ok(());
            }
        }
        Err(unavailable(format!(
            "others keep making indexes of the tenant {tenant} in elasticsearch; stop them and \
             try again"
        )))
    }

    pub(super) async fn residue(
        &self,
        prefix: &Prefix,
        tenant: TenantId,
    ) -> Result<Vec<String>, Error> {
        let names = self.everything(prefix, tenant).await?;
        let mut left = names.indexes;
        left.extend(names.aliases.into_iter().map(|(alias, _)| alias));
        for shared in self.shared_indexes(prefix).await? {
            let documents = self.documents(&shared, tenant, Which::All).await?;
            if let Some(documents) = documents.filter(|count| *count > 0) {
                left.push(format!("{shared} ({documents} documents)"));
            }
        }
        left.sort();
        left.dedup();
        Ok(left)
    }
}
