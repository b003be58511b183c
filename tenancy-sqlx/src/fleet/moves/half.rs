//! An import that did not come to its end is removed wholly.

use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{SchemaName, Status, Tenant, sabotaged};

use super::register::Operation;
use super::structure::BATCH;
use crate::error::{Error, ErrorKind};
use crate::fleet::life::{failed, release, tell};
use crate::fleet::transaction::{self, Locks};
use crate::fleet::{Fleet, TenantPlan, find, role};

impl Fleet {
    /// Removes what an import of the same tenant left that was cut off, unless it is under way.
    pub(super) async fn remove_half(
        &self,
        connection: &mut PgConnection,
        plan: &TenantPlan,
        kind: &'static str,
    ) -> Result<bool, Error> {
        let Some(tenant) = half(connection, plan, kind).await? else {
            return Ok(false);
        };
        let mut guard = self.open().await?;
        let removed = async {
            // Whoever is at work on it holds this to the end.
            transaction::send(
                &mut guard,
                transaction::begin_at_once(&Locks::of_life(tenant.id())),
            )
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::Timeout => Error::new(
                    ErrorKind::Conflict,
                    "another import of it is under way: wait for its end",
                ),
                _ => error,
            })?;
            // The other may have come to its end just now.
            if half(connection, plan, kind).await?.map(|now| now.id()) != Some(tenant.id()) {
                return Ok(false);
            }
            self.take_back_import(connection, &tenant, Operation::begin(kind))
                .await?;
            Ok(true)
        }
        .await;
        release(guard).await;
        removed
    }

    /// Takes back everything outside, newest first, then the schema and the rows.
    pub(super) async fn take_back_import(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        operation: Operation,
    ) -> Result<(), Error> {
        if sabotaged!("moves.half-import-kept") {
            return Ok(());
        }
        let id = tenant.id();
        operation.note(connection, id, "undoing", json!({})).await?;
        for resource in self.resources.iter().rev() {
            resource
                .purge(tenant)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        let schema = tenant.schema_name();
        shrink(connection, tenant, schema).await?;
        transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
        tell(connection, tenant, &[], &[]).await?;
        transaction::send(
            connection,
            format!(
                "DROP SCHEMA IF EXISTS {} CASCADE; \
                 DELETE FROM tenancy.migrations WHERE scope = 'tenant' AND tenant_id = '{id}'; \
                 DELETE FROM tenancy.tenants WHERE id = '{id}'",
                schema.quoted()
            ),
        )
        .await?;
        role::remove(connection, id).await?;
        operation.note(connection, id, "undone", json!({})).await?;
        transaction::commit(connection).await
    }
}

/// Drops the tables of a schema that nobody has used yet, in transactions that lock only so many.
async fn shrink(
    connection: &mut PgConnection,
    tenant: &Tenant,
    schema: &SchemaName,
) -> Result<(), Error> {
    loop {
        let begin = transaction::begin(&Locks::of_tenant(tenant.id()));
        transaction::send(connection, begin).await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT pg_catalog.format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE nspname = $1 AND relkind IN ('r', 'p') ORDER BY c.oid DESC LIMIT $2",
        )
        .bind(schema.as_str())
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
        if tables.len() < BATCH {
            return transaction::rollback(connection).await;
        }
        let drop = format!("DROP TABLE {} CASCADE", tables.join(", "));
        transaction::send(connection, drop).await?;
        transaction::commit(connection).await?;
    }
}

/// The tenant that an import of `plan` made and did not complete.
async fn half(
    connection: &mut PgConnection,
    plan: &TenantPlan,
    kind: &str,
) -> Result<Option<Tenant>, Error> {
    let Some(tenant) = find(connection, &plan.slug).await? else {
        return Ok(None);
    };
    if tenant.status() != Status::Provisioning || tenant.schema_name() != &plan.schema {
        return Ok(None);
    }
    let is_import: bool = sqlx::query_scalar(
        "SELECT coalesce((SELECT kind = $2 FROM tenancy.journal
             WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1), false)",
    )
    .bind(tenant.id().as_uuid())
    .bind(kind)
    .fetch_one(connection)
    .await?;
    Ok(is_import.then_some(tenant))
}
