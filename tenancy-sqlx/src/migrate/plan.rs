//! What a run would do.

use serde::Serialize;
use tenancy_core::{Slug, Status, TenantId};

use super::migration::Migration;
use super::report::Mismatch;
use super::set::MigrationSet;

/// What a run would do now, without having done anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FleetPlan {
    /// What preparing the database would apply to the framework's tables.
    pub framework: Vec<PendingMigration>,
    /// What would be applied to what all tenants share.
    pub shared: Vec<PendingMigration>,
    /// How the shared ledger does not fit; nothing shared would be touched then.
    pub shared_mismatch: Mismatch,
    /// Every selected tenant that is not at head, by slug.
    pub tenants: Vec<PlannedTenant>,
    /// How many selected tenants have nothing to do.
    pub at_head: u64,
}

impl FleetPlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.framework.is_empty() && self.shared.is_empty() && self.tenants.is_empty()
    }

    /// The tenants that would be migrated.
    pub fn pending(&self) -> impl Iterator<Item = &PlannedTenant> {
        self.tenants.iter().filter(|tenant| !tenant.is_blocked())
    }

    /// The tenants whose ledger does not fit this program, which would not be touched.
    pub fn blocked(&self) -> impl Iterator<Item = &PlannedTenant> {
        self.tenants.iter().filter(|tenant| tenant.is_blocked())
    }
}

/// A migration that would be applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct PendingMigration {
    /// Its number.
    pub version: i64,
    /// Its file.
    pub file: String,
    /// Whether it runs in a transaction.
    pub transactional: bool,
}

impl PendingMigration {
    pub(crate) fn of(set: &MigrationSet, versions: &[i64]) -> Vec<Self> {
        set.select(versions).into_iter().map(Self::from).collect()
    }
}

impl From<&Migration> for PendingMigration {
    fn from(migration: &Migration) -> Self {
        Self {
            version: migration.version(),
            file: migration.file_name(),
            transactional: migration.is_transactional(),
        }
    }
}

/// What would be done to one tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlannedTenant {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name in URLs and commands.
    pub slug: Slug,
    /// Where it is in its life.
    pub status: Status,
    /// What is pending, in order.
    pub pending: Vec<PendingMigration>,
    /// How its ledger does not fit; it would not be touched then.
    #[serde(flatten)]
    pub mismatch: Mismatch,
}

impl PlannedTenant {
    /// Whether it would not be touched.
    pub fn is_blocked(&self) -> bool {
        !self.mismatch.is_empty()
    }
}
