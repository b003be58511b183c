//! What the framework's tables say of a tenant that was not created.

use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{Status, Tenant, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::Fleet;
use super::super::journal::{DONE, Kind, Operation};
use super::super::life::tell;
use super::super::transaction::{self, Locks};
use crate::error::{Error, ErrorKind};
use crate::migrate::Migration;

impl Fleet {
    /// Enters migrations whose effects a tenant's tables have already, as a run of their own.
    pub(super) async fn enter_migrations(
        &self,
        connection: &mut PgConnection,
        tenant: TenantId,
        migrations: &[&Migration],
        kind: Kind,
    ) -> Result<(), Error> {
        let run = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO tenancy.migration_runs
                 (id, program, kind, started_at, finished_at, applied)
             VALUES ($1, $2, $3, pg_catalog.now(), pg_catalog.clock_timestamp(), $4)",
        )
        .bind(run)
        .bind(self.program())
        .bind(kind.as_str())
        .bind(i64::try_from(migrations.len()).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
        let versions: Vec<i64> = migrations.iter().map(|one| one.version()).collect();
        let names: Vec<&str> = migrations.iter().map(|one| one.name()).collect();
        let checksums: Vec<&[u8]> = migrations.iter().map(|one| one.checksum()).collect();
        sqlx::query(
            "INSERT INTO tenancy.migrations
                 (scope, tenant_id, version, name, checksum, run_id, applied_at, duration_us)
             SELECT 'tenant', $1, version, name, checksum, $2, pg_catalog.clock_timestamp(), 0
             FROM ROWS FROM (pg_catalog.unnest($3::bigint[]), pg_catalog.unnest($4::text[]),
                             pg_catalog.unnest($5::bytea[])) AS applied (version, name, checksum)",
        )
        .bind(tenant.as_uuid())
        .bind(run)
        .bind(versions)
        .bind(names)
        .bind(checksums)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Takes the last step of an operation: the tenant serves, and everybody is told.
pub(super) async fn activate(
    connection: &mut PgConnection,
    tenant: Tenant,
    operation: &Operation,
) -> Result<Tenant, Error> {
    transaction::send(
        connection,
        transaction::begin(&Locks::of_tenant(tenant.id())),
    )
    .await?;
    let updated_at: Option<OffsetDateTime> = sqlx::query_scalar(
        "UPDATE tenancy.tenants SET status = 'active', updated_at = pg_catalog.now()
         WHERE id = $1 AND status = $2 RETURNING updated_at",
    )
    .bind(tenant.id().as_uuid())
    .bind(tenant.status().as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let updated_at = updated_at.ok_or_else(|| {
        Error::new(
            ErrorKind::Conflict,
            "it was changed meanwhile: look at it and try again",
        )
    })?;
    operation.enter(connection, DONE, json!({})).await?;
    tell(connection, &tenant, &[], &[]).await?;
    transaction::commit(connection).await?;
    let created_at = tenant.created_at();
    Ok(tenant
        .with_status(Status::Active)
        .with_times(created_at, updated_at))
}
