//! An import that did not come to its end is removed wholly.

use sqlx::postgres::PgConnection;
use tenancy_core::{Status, Tenant, sabotaged};

use crate::error::{Error, ErrorKind};
use crate::fleet::journal::{self, JournalEntry, Kind, Operation};
use crate::fleet::life::release;
use crate::fleet::{Fleet, TenantPlan, find, transaction};

impl Fleet {
    /// Removes what an import of the same tenant left that was cut off, unless it is under way.
    pub(super) async fn remove_half(
        &self,
        connection: &mut PgConnection,
        plan: &TenantPlan,
    ) -> Result<bool, Error> {
        let Some((tenant, _)) = half(connection, plan).await? else {
            return Ok(false);
        };
        let mut guard = self.open().await?;
        let removed = async {
            // Whoever is at work on it holds this to the end.
            if !transaction::try_life(&mut guard, tenant.id()).await? {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "another import of it is under way: wait for its end",
                ));
            }
            // The other may have come to its end just now.
            let Some((tenant, last)) = half(connection, plan).await? else {
                return Ok(false);
            };
            let operation = self.continued(&last, Kind::Import);
            self.remove_import(connection, &tenant, &operation).await?;
            Ok(true)
        }
        .await;
        release(guard).await;
        removed
    }

    /// Takes back everything outside, newest first, then the schema and the rows.
    pub(super) async fn remove_import(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        operation: &Operation,
    ) -> Result<(), Error> {
        if sabotaged!("moves.half-import-kept") {
            return Ok(());
        }
        let all = self.resources.len();
        self.take_back(connection, tenant, operation, all).await
    }
}

/// The tenant that an import of `plan` made and did not complete, and how far that came.
async fn half(
    connection: &mut PgConnection,
    plan: &TenantPlan,
) -> Result<Option<(Tenant, JournalEntry)>, Error> {
    let Some(tenant) = find(connection, &plan.slug).await? else {
        return Ok(None);
    };
    if tenant.status() != Status::Provisioning || tenant.schema_name() != &plan.schema {
        return Ok(None);
    }
    let last = journal::of_tenant(connection, tenant.id()).await?.pop();
    let last = last.filter(|last| last.kind == Kind::Import.as_str());
    Ok(last.map(|last| (tenant, last)))
}
