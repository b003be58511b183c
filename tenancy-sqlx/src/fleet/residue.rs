//! What is left of a tenant: asked of every store, and of PostgreSQL itself.

use std::fmt::Write as _;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{Identifier, Tenant, sabotaged};

use super::life::failed;
use super::{Fleet, record, transaction};
use crate::error::Error;
use crate::role::TenantRole;

/// What one store has of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Residue {
    /// The name of the [resource](tenancy_core::TenantResource), or `postgres`.
    pub store: String,
    /// What it has, each in a few words.
    pub left: Vec<String>,
}

impl Fleet {
    /// Lists what the registered resources and PostgreSQL have of a tenant; of a purged one that
    /// is nothing, and stores that have nothing are not listed.
    ///
    /// PostgreSQL is asked for the schema, the role, and the rows of every table of the framework
    /// that belong to the tenant, apart from its record, its journal and its reserved names. A
    /// purged tenant is named by its id, or by a slug that nobody has now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`](crate::ErrorKind::Core) with `NotFound` when there never was such a
    /// tenant, and whatever a resource fails with; the message names it.
    pub async fn residue(&self, tenant: &Identifier) -> Result<Vec<Residue>, Error> {
        let mut connection = self.open().await?;
        let residue = async {
            let tenant = record(&mut connection, tenant).await?;
            let mut residue = self.residue_of_resources(&tenant).await?;
            let left = of_database(&mut connection, &tenant).await?;
            if !left.is_empty() {
                let store = "postgres".to_owned();
                residue.push(Residue { store, left });
            }
            Ok(residue)
        }
        .await;
        transaction::finish(connection, residue).await
    }

    /// What the resources have, the last registered first.
    pub(super) async fn residue_of_resources(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<Residue>, Error> {
        let mut residue = Vec::new();
        let unchecked = usize::from(sabotaged!("fleet.store-unchecked"));
        for resource in self.resources.iter().skip(unchecked).rev() {
            let left = resource.residue(tenant).await;
            let left = left.map_err(|error| failed(&**resource, error))?;
            if !left.is_empty() {
                let store = resource.name().to_owned();
                residue.push(Residue { store, left });
            }
        }
        Ok(residue)
    }
}

/// What PostgreSQL has of a tenant.
pub(super) async fn of_database(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Vec<String>, Error> {
    let id = tenant.id();
    let role = TenantRole::of(id).to_string();
    // A name that was freed may be another tenant's by now, and a role another database's.
    let objects: Vec<String> = sqlx::query_scalar(
        "SELECT 'schema ' || nspname FROM pg_catalog.pg_namespace
         WHERE nspname = $1 AND NOT EXISTS (SELECT FROM tenancy.tenants
             WHERE schema_name = $1 AND status <> 'purged' AND id <> $2)
         UNION ALL
         SELECT 'role ' || rolname FROM pg_catalog.pg_roles r
         WHERE rolname = $3 AND NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend s
             JOIN pg_catalog.pg_database d ON d.oid = s.dbid
             WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
               AND s.refobjid = r.oid AND d.datname <> pg_catalog.current_database())",
    )
    .bind(tenant.schema_name().as_str())
    .bind(id.as_uuid())
    .bind(role)
    .fetch_all(&mut *connection)
    .await?;
    let mut counts = String::new();
    for table in tables(connection).await? {
        let union = if counts.is_empty() { "" } else { " UNION ALL " };
        let _ = write!(
            counts,
            "{union}SELECT '{table}' AS name, pg_catalog.count(*) AS rows FROM {table} \
             WHERE tenant_id = '{id}'"
        );
    }
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT CASE rows WHEN 1 THEN '1 row' ELSE rows || ' rows' END || ' of ' || name \
         FROM ({counts}) AS counted WHERE rows > 0 ORDER BY name"
    )))
    .fetch_all(connection)
    .await?;
    Ok(objects.into_iter().chain(rows).collect())
}

/// The statements that delete everything of a tenant from the framework's tables, apart from what
/// a purged tenant keeps.
pub(super) async fn delete_rows(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<String, Error> {
    let id = tenant.id();
    let tables = tables(connection).await?;
    let delete = |table: String| format!("DELETE FROM {table} WHERE tenant_id = '{id}'");
    let statements: Vec<_> = tables.into_iter().map(delete).collect();
    Ok(statements.join("; "))
}

/// The framework's tables with rows of tenants that go with these.
async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT pg_catalog.format('tenancy.%I', c.relname) FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'tenancy'::pg_catalog.regnamespace
           AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND a.attname = 'tenant_id' AND a.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype
           AND c.relname NOT IN ('journal', 'reserved_names')
         ORDER BY c.relname",
    )
    .fetch_all(connection)
    .await?)
}
