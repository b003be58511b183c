//! Takes away a clone that was not finished.

use sqlx::postgres::PgConnection;
use tenancy_core::{Status, Tenant};

use super::super::life::failed;
use super::super::new_tenant::TenantPlan;
use super::super::transaction::{self, Locks};
use super::super::{Fleet, dependents, find, residue, role};
use super::CloneEvent;
use crate::error::{Error, ErrorKind};
use crate::store::{TenantChange, notify};

/// How many tables one transaction drops: each has several locks, and the server has so many.
const TABLES_AT_ONCE: i64 = 200;

/// Takes away the tenant that has the wanted slug when it is a clone whose maker is gone.
pub(super) async fn take_away(
    fleet: &Fleet,
    connection: &mut PgConnection,
    plan: &TenantPlan,
    progress: &mut impl FnMut(CloneEvent),
) -> Result<(), Error> {
    let Some(half) = half(connection, plan).await? else {
        return Ok(());
    };
    let mut guard = fleet.open().await?;
    let result = async {
        let begin = transaction::begin(&Locks::none());
        let life = transaction::take(&Locks::of_life(half.id()), "5s");
        transaction::send(&mut guard, begin + &life)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::Timeout => Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "tenant {} is being made right now: wait until that has ended",
                        plan.slug
                    ),
                ),
                _ => error,
            })?;
        // Its maker may have been at its last step.
        let Some(half) = self::half(connection, plan).await? else {
            return Ok(());
        };
        progress(CloneEvent::TakingAway);
        remove(fleet, connection, &half, fleet.resources.len()).await
    };
    let result = result.await;
    transaction::finish(guard, result).await
}

/// The tenant with the wanted slug, when it is a clone that is not finished.
async fn half(connection: &mut PgConnection, plan: &TenantPlan) -> Result<Option<Tenant>, Error> {
    let Some(tenant) = find(connection, &plan.slug).await? else {
        return Ok(None);
    };
    if tenant.status() != Status::Provisioning {
        return Ok(None);
    }
    let is_clone: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM tenancy.journal WHERE tenant_id = $1 AND kind = 'clone')",
    )
    .bind(tenant.id().as_uuid())
    .fetch_one(connection)
    .await?;
    Ok(is_clone.then_some(tenant))
}

/// Takes back the first `begun` resources, newest first, then the schema and the rows.
pub(super) async fn remove(
    fleet: &Fleet,
    connection: &mut PgConnection,
    tenant: &Tenant,
    begun: usize,
) -> Result<(), Error> {
    let status: Option<String> =
        sqlx::query_scalar("SELECT status FROM tenancy.tenants WHERE id = $1")
            .bind(tenant.id().as_uuid())
            .fetch_optional(&mut *connection)
            .await?;
    if status.as_deref() != Some(Status::Provisioning.as_str()) {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("tenant {} is not being made any more", tenant.slug()),
        ));
    }
    for resource in fleet.resources[..begun].iter().rev() {
        let error = |error| failed(&**resource, error);
        resource.purge(tenant).await.map_err(error)?;
    }
    let (id, schema) = (tenant.id(), tenant.schema_name());
    dependents::refuse(connection, schema).await?;
    loop {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT pg_catalog.format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE nspname = $1 AND relkind IN ('r', 'p') ORDER BY relname LIMIT $2",
        )
        .bind(schema.as_str())
        .bind(TABLES_AT_ONCE)
        .fetch_all(&mut *connection)
        .await?;
        if tables.is_empty() {
            break;
        }
        let drop = format!("DROP TABLE IF EXISTS {} CASCADE", tables.join(", "));
        alone(connection, drop).await?;
    }
    let domains: Vec<String> =
        sqlx::query_scalar("SELECT domain FROM tenancy.domains WHERE tenant_id = $1")
            .bind(id.as_uuid())
            .fetch_all(&mut *connection)
            .await?;
    let rows = residue::delete_rows(connection, tenant).await?;
    transaction::send(
        connection,
        format!(
            "{}; DROP SCHEMA IF EXISTS {} CASCADE; \
             DELETE FROM tenancy.migration_runs r USING tenancy.migrations m \
             WHERE m.run_id = r.id AND r.kind = 'clone' AND m.tenant_id = '{id}'; \
             {rows}; DELETE FROM tenancy.tenants WHERE id = '{id}'",
            transaction::begin(&Locks::none()),
            schema.quoted()
        ),
    )
    .await?;
    role::remove(connection, id).await?;
    let change = TenantChange::Tenant {
        id,
        slugs: vec![tenant.slug().clone()],
        domains: domains
            .iter()
            .filter_map(|domain| domain.parse().ok())
            .collect(),
    };
    notify(connection, &change).await?;
    transaction::commit(connection).await
}

/// Runs `sql` in a transaction of its own.
async fn alone(connection: &mut PgConnection, sql: String) -> Result<(), Error> {
    let begin = transaction::begin(&Locks::none());
    transaction::send(connection, format!("{begin}; {sql}; COMMIT")).await
}
