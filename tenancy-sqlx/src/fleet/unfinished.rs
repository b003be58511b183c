//! A tenant whose tables are there and whose resources are not: it is completed, or taken back.

use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{Status, Tenant, sabotaged};

use super::journal::{DONE, Operation, UNDOING, UNDONE};
use super::life::{failed, tell};
use super::transaction::{self, Locks};
use super::{Fleet, ProvisionEvent, dependents, drop, residue, role};
use crate::error::Error;

impl Fleet {
    /// Makes everything outside, then takes the step to active; or takes everything back.
    pub(super) async fn complete(
        &self,
        connection: &mut PgConnection,
        tenant: Tenant,
        operation: &Operation,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        for (index, resource) in self.resources.iter().enumerate() {
            progress(ProvisionEvent::Provisioning {
                resource: resource.name(),
            });
            if let Err(error) = resource.provision(&tenant).await {
                let error = failed(&**resource, error);
                progress(ProvisionEvent::Undoing);
                // The one that failed may have come half way, so it is purged like those before.
                let undone = self.take_back(connection, &tenant, operation, index + 1);
                return Err(match undone.await {
                    Ok(()) => error,
                    Err(left) => {
                        error.while_doing(format!("what was made could not be taken back ({left})"))
                    }
                });
            }
        }
        activate(connection, tenant, operation).await
    }

    /// Takes back the first `made` resources, newest first, then the tables and the rows: nothing
    /// but the journal tells that there was a tenant. It may be called again after a crash.
    pub(super) async fn take_back(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        operation: &Operation,
        made: usize,
    ) -> Result<(), Error> {
        if sabotaged!("fleet.half-created-stays") {
            return Ok(());
        }
        // From here on there is only one way, whoever goes it to its end.
        operation.enter(connection, UNDOING, json!({})).await?;
        for resource in self.resources.iter().take(made).rev() {
            resource
                .purge(tenant)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        let schema = tenant.schema_name();
        drop::shrink(connection, operation, schema).await?;
        let id = tenant.id();
        transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
        // As everywhere, nothing of anybody else falls with it.
        dependents::refuse(connection, schema).await?;
        tell(connection, tenant, &[], &[]).await?;
        let rows = residue::delete_rows(connection, tenant).await?;
        transaction::send(
            connection,
            format!(
                "DROP SCHEMA IF EXISTS {} CASCADE; {rows}; \
                 DELETE FROM tenancy.tenants WHERE id = '{id}'",
                schema.quoted()
            ),
        )
        .await?;
        role::remove(connection, id).await?;
        let undone = operation.sql(UNDONE, json!({}));
        transaction::send(connection, transaction::commit_after(&undone)).await
    }
}

async fn activate(
    connection: &mut PgConnection,
    tenant: Tenant,
    operation: &Operation,
) -> Result<Tenant, Error> {
    let id = tenant.id();
    transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
    let updated_at = sqlx::query_scalar(
        "UPDATE tenancy.tenants SET status = 'active', updated_at = pg_catalog.now()
         WHERE id = $1 AND status = 'provisioning' RETURNING updated_at",
    )
    .bind(id.as_uuid())
    .fetch_one(&mut *connection)
    .await?;
    tell(connection, &tenant, &[], &[]).await?;
    let done = operation.sql(DONE, json!({}));
    transaction::send(connection, transaction::commit_after(&done)).await?;
    let created_at = tenant.created_at();
    Ok(tenant
        .with_status(Status::Active)
        .with_times(created_at, updated_at))
}
