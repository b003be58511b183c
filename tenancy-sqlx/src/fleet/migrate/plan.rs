//! What a run would do, in one query.

use super::Fleet;
use crate::error::Error;
use crate::fleet::{FRAMEWORK, transaction};
use crate::migrate::ledger::{Scope, Subject};
use crate::migrate::selection::Shared;
use crate::migrate::{FleetPlan, PendingMigration, PlannedTenant, Selection};

impl Fleet {
    /// Says what [`Fleet::migrate`] would do with `selection`, and does nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the database was never
    /// prepared, and [`ErrorKind::Core`](crate::ErrorKind::Core) with `NotFound` when a tenant
    /// that is named does not exist.
    pub async fn plan(&self, selection: Selection) -> Result<FleetPlan, Error> {
        let mut connection = self.open().await?;
        let standing = self
            .selected(&mut connection, &selection, selection.named())
            .await;
        let standing = transaction::finish(connection, standing).await?;
        let mut plan = FleetPlan {
            at_head: standing.at_head,
            ..FleetPlan::default()
        };
        for Subject { scope, ledger } in standing.subjects {
            match scope {
                Scope::Framework => {
                    plan.framework = PendingMigration::of(&FRAMEWORK, &ledger.pending);
                }
                Scope::Shared if selection.shared == Shared::Skip => {}
                Scope::Shared => {
                    plan.shared = PendingMigration::of(&self.migrations.shared, &ledger.pending);
                    plan.shared_mismatch = ledger.mismatch;
                }
                Scope::Tenant(target) => plan.tenants.push(PlannedTenant {
                    tenant: target.id,
                    slug: target.slug,
                    status: target.status,
                    pending: PendingMigration::of(&self.migrations.tenant, &ledger.pending),
                    mismatch: ledger.mismatch,
                }),
            }
        }
        Ok(plan)
    }
}
