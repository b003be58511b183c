//! The tenants as the application asks for them, and the news that they changed.

mod change;
mod listener;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Executor, Row, SqlSafeStr};
use tenancy_core::{
    Features, Identifier, Limits, Maintenance, Overrides, Status, Tenant, TenantId, TenantStore,
    sabotaged,
};
use tokio::sync::Semaphore;

use crate::database::Database;
use crate::migrate::ledger::{explain, parsed};
use crate::query::{Prepared, single};
use crate::source::Source;

pub use change::TenantChange;
pub(crate) use change::{notify, notify_of, notify_of_each, telling};
pub use listener::TenantChanges;

/// Selects tenants with their primary domains; a condition on `t` follows.
pub(crate) const TENANT: &str = "SELECT t.id, t.slug, t.schema_name, t.name, t.description, \
     t.status, t.maintenance_message, t.maintenance_until, t.created_at, t.updated_at, d.domain AS primary_domain, \
     (SELECT pg_catalog.max(m.version) FROM tenancy.migrations m \
      WHERE m.scope = 'tenant' AND m.tenant_id = t.id) AS migration, \
     t.plan, t.overrides, p.limits AS planned_limits, p.features AS planned_features \
     FROM tenancy.tenants t LEFT JOIN tenancy.domains d ON d.tenant_id = t.id AND d.is_primary \
     LEFT JOIN tenancy.plans p ON p.name = t.plan";

/// Finds tenants in the framework's tables, with one qualified statement per question.
///
/// Put the core's cached store in front of it, and let [`PgTenantStore::listen`] keep that fresh.
#[derive(Debug, Clone)]
pub struct PgTenantStore {
    database: Database,
    /// Names that nobody has come from strangers, as many as they like: however many wait, they
    /// leave the other connections to the tenants.
    turns: Arc<Semaphore>,
}

/// How many connections questions may have at a time.
const TURNS: usize = 2;

impl PgTenantStore {
    /// Asks through the application's own connections.
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
            turns: Arc::new(Semaphore::new(TURNS)),
        }
    }
}

#[async_trait]
impl TenantStore for PgTenantStore {
    async fn find(
        &self,
        identifier: &Identifier,
    ) -> Result<Option<Arc<Tenant>>, tenancy_core::Error> {
        let condition = match identifier {
            Identifier::Id(_) => "t.id = $1",
            Identifier::Slug(_) => "t.slug = $1",
            Identifier::Domain(_) => {
                "t.id = (SELECT tenant_id FROM tenancy.domains WHERE domain = $1)"
            }
            _ => {
                return Err(tenancy_core::Error::new(
                    tenancy_core::ErrorKind::Internal,
                    format!("this store cannot find a tenant by {identifier:?}"),
                ));
            }
        };
        let kept = sabotaged!("fleet.purged-found", "true", "t.status <> 'purged'");
        let mut arguments = PgArguments::default();
        match identifier {
            Identifier::Slug(slug) => arguments.add(slug.as_str()),
            Identifier::Domain(domain) => arguments.add(domain.as_str()),
            Identifier::Id(id) => arguments.add(id.as_uuid()),
            _ => Ok(()),
        }
        .map_err(|error| crate::Error::from(sqlx::Error::Encode(error)))?;
        // Unnamed, because the few that a cache lets through are not worth a place among the
        // tenants' statements.
        let question = Prepared {
            sql: AssertSqlSafe(format!("{TENANT} WHERE {condition} AND {kept}")).into_sql_str(),
            arguments: Some(arguments),
            named: false,
            reads: true,
            calls: false,
        };
        // Never closed, so there is always a turn to come; when the server does not answer, too late.
        let turn = tokio::time::timeout(self.database.patience(), self.turns.acquire());
        let _turn = turn.await.map_err(|_| {
            crate::Error::new(
                crate::ErrorKind::Unavailable,
                "the tenant could not be looked up in time: the server does not answer",
            )
        })?;
        let source = Source {
            database: &self.database,
            tenant: None,
        };
        let row = single(source, question, |connection, question| {
            connection.fetch_optional(question)
        })
        .await
        .map_err(explain)?;
        Ok(row
            .as_ref()
            .map(tenant_from_row)
            .transpose()
            .map_err(crate::Error::from)?
            .map(Arc::new))
    }
}

/// Reads a row of [`TENANT`].
pub(crate) fn tenant_from_row(row: &PgRow) -> Result<Tenant, sqlx::Error> {
    let primary = match row.try_get::<Option<&str>, _>("primary_domain")? {
        Some(_) => Some(parsed(row, "primary_domain")?),
        None => None,
    };
    let tenant = Tenant::new(
        TenantId::from_uuid(row.try_get("id")?),
        parsed(row, "slug")?,
        parsed(row, "schema_name")?,
    )
    .with_name(row.try_get::<&str, _>("name")?)
    .with_description(row.try_get::<&str, _>("description")?)
    .with_status(parsed(row, "status")?)
    .with_primary_domain(primary)
    .with_migration(row.try_get::<Option<i64>, _>("migration")?.unwrap_or(0))
    .with_times(row.try_get("created_at")?, row.try_get("updated_at")?);
    let tenant = with_terms(tenant, row)?;
    if tenant.status() != Status::Maintenance {
        return Ok(tenant);
    }
    let mut maintenance = Maintenance::new();
    if let Some(message) = row.try_get::<Option<&str>, _>("maintenance_message")? {
        maintenance = maintenance.message(message);
    }
    if let Some(until) = row.try_get("maintenance_until")? {
        maintenance = maintenance.until(until);
    }
    Ok(tenant.with_maintenance(maintenance))
}

/// Reads what it may use.
fn with_terms(tenant: Tenant, row: &PgRow) -> Result<Tenant, sqlx::Error> {
    let overrides: Option<Json<Overrides>> = row.try_get("overrides")?;
    let planned: bool = row.try_get::<Option<&str>, _>("plan")?.is_some();
    if !planned && overrides.is_none() {
        return Ok(tenant);
    }
    let limits: Option<Json<Limits>> = row.try_get("planned_limits")?;
    let features: Option<Json<Features>> = row.try_get("planned_features")?;
    let overrides = overrides.map(|Json(own)| own).unwrap_or_default();
    let limits = limits.map(|Json(planned)| planned).unwrap_or_default();
    let features = features.map(|Json(planned)| planned).unwrap_or_default();
    let plan = if planned {
        Some(parsed(row, "plan")?)
    } else {
        None
    };
    Ok(tenant.with_plan(plan).with_terms(
        overrides.limits_over(limits),
        overrides.features_over(features),
    ))
}
