//! The tenants as the application asks for them, and the news that they changed.

mod change;
mod listener;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Row};
use tenancy_core::{Identifier, Tenant, TenantId, TenantStore};

use crate::database::Database;
use crate::migrate::ledger::{explain, parsed};

pub use change::TenantChange;
pub(crate) use change::notify;
pub use listener::TenantChanges;

/// Selects tenants with their primary domains; a condition on `t` follows.
pub(crate) const TENANT: &str = "SELECT t.id, t.slug, t.schema_name, t.name, t.description, \
     t.status, t.created_at, t.updated_at, d.domain AS primary_domain \
     FROM tenancy.tenants t LEFT JOIN tenancy.domains d ON d.tenant_id = t.id AND d.is_primary";

/// Finds tenants in the framework's tables, with one qualified statement per question.
///
/// Put the core's cached store in front of it, and let [`PgTenantStore::listen`] keep that fresh.
#[derive(Debug, Clone)]
pub struct PgTenantStore {
    pool: PgPool,
}

impl PgTenantStore {
    /// Asks through the application's own connections.
    pub fn new(database: &Database) -> Self {
        Self {
            pool: database.pool().clone(),
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
        let query = sqlx::query(AssertSqlSafe(format!(
            "{TENANT} WHERE {condition} AND t.status <> 'purged'"
        )));
        let query = match identifier {
            Identifier::Slug(slug) => query.bind(slug.as_str()),
            Identifier::Domain(domain) => query.bind(domain.as_str()),
            Identifier::Id(id) => query.bind(id.as_uuid()),
            _ => query,
        };
        let row = query.fetch_optional(&self.pool).await.map_err(explain)?;
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
    Ok(Tenant::new(
        TenantId::from_uuid(row.try_get("id")?),
        parsed(row, "slug")?,
        parsed(row, "schema_name")?,
    )
    .with_name(row.try_get::<&str, _>("name")?)
    .with_description(row.try_get::<&str, _>("description")?)
    .with_status(parsed(row, "status")?)
    .with_primary_domain(primary)
    .with_times(row.try_get("created_at")?, row.try_get("updated_at")?))
}
