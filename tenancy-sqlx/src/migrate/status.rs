//! Where every tenant stands, read in one query.

use serde::Serialize;
use tenancy_core::{Slug, Status, TenantId};

use super::ledger::{Scope, Subject};
use super::report::Mismatch;
use super::set::MigrationSet;

/// Where the framework, the shared part and every tenant stand against this program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetStatus {
    /// The framework's own tables.
    pub framework: ScopeStatus,
    /// What all tenants share.
    pub shared: ScopeStatus,
    /// The newest tenant migration of this program.
    pub head: Option<i64>,
    /// Every tenant, by slug.
    pub tenants: Vec<TenantStatus>,
}

impl FleetStatus {
    /// Whether everything is at head.
    pub fn is_at_head(&self) -> bool {
        self.framework.is_at_head()
            && self.shared.is_at_head()
            && self.tenants.iter().all(|tenant| tenant.ledger.is_at_head())
    }
}

/// Where one tenant stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TenantStatus {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name in URLs and commands.
    pub slug: Slug,
    /// Where it is in its life.
    pub status: Status,
    /// Its ledger against this program's migrations.
    #[serde(flatten)]
    pub ledger: ScopeStatus,
}

/// One ledger against one set of migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScopeStatus {
    /// Versions that are in the ledger and known.
    pub applied: Vec<i64>,
    /// Versions that are still to be applied.
    pub pending: Vec<i64>,
    /// What does not fit.
    #[serde(flatten)]
    pub mismatch: Mismatch,
}

impl ScopeStatus {
    /// Whether nothing is to do and nothing differs.
    pub fn is_at_head(&self) -> bool {
        self.pending.is_empty() && self.mismatch.is_empty()
    }

    /// Compares the ledger's `(version, checksum)` pairs with `set`.
    pub(crate) fn compare(set: &MigrationSet, ledger: &[(i64, Vec<u8>)]) -> Self {
        let mut status = Self::default();
        for (version, checksum) in ledger {
            match set.get(*version) {
                None => status.mismatch.unknown.push(*version),
                Some(migration) => {
                    status.applied.push(*version);
                    if migration.checksum() != checksum.as_slice() {
                        status.mismatch.changed.push(*version);
                    }
                }
            }
        }
        status.pending = set
            .iter()
            .map(super::migration::Migration::version)
            .filter(|version| !status.applied.contains(version))
            .collect();
        status
    }

    /// What stands in the ledger of something at the head of `set`.
    pub(crate) fn at_head(set: &MigrationSet) -> Self {
        Self {
            applied: set.versions(),
            ..Self::default()
        }
    }
}

impl FleetStatus {
    pub(crate) fn new(head: Option<i64>, subjects: Vec<Subject>) -> Self {
        let mut status = Self {
            framework: ScopeStatus::default(),
            shared: ScopeStatus::default(),
            head,
            tenants: Vec::new(),
        };
        for subject in subjects {
            match subject.scope {
                Scope::Framework => status.framework = subject.ledger,
                Scope::Shared => status.shared = subject.ledger,
                Scope::Tenant(tenant) => status.tenants.push(TenantStatus {
                    tenant: tenant.id,
                    slug: tenant.slug,
                    status: tenant.status,
                    ledger: subject.ledger,
                }),
            }
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::super::migration::Migration;
    use super::*;

    #[test]
    fn a_ledger_is_behind_ahead_and_changed_at_once() {
        let set = MigrationSet::new((1..=3).map(|v| Migration::new(v, "m", "SELECT 1"))).unwrap();
        let right = set.get(1).unwrap().checksum().to_vec();
        let status = ScopeStatus::compare(&set, &[(1, right), (2, vec![0]), (9, vec![1])]);
        assert_eq!(status.applied, [1, 2]);
        assert_eq!(status.pending, [3]);
        assert_eq!(status.mismatch.changed, [2]);
        assert_eq!(status.mismatch.unknown, [9]);
        assert!(!status.is_at_head());
        assert!(ScopeStatus::at_head(&set).is_at_head());
    }
}
