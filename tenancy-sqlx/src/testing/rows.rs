//! Every row of a tenant, for the isolation kit.

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tenancy_core::Tenant;
use tenancy_core::testing::{Probe, ProbeError};

/// Shows the isolation kit every row in a tenant's schema, as JSON.
///
/// Made by [`TestTenants::rows`](super::TestTenants::rows), or from the connection of somebody who
/// may read every schema.
#[derive(Debug, Clone)]
pub struct TenantRows {
    reader: PgConnectOptions,
}

impl TenantRows {
    /// Reads with `reader`.
    pub fn of(reader: PgConnectOptions) -> Self {
        Self { reader }
    }
}

#[async_trait]
impl Probe for TenantRows {
    fn name(&self) -> &'static str {
        "rows"
    }

    async fn dump(&self, tenant: &Tenant) -> Result<Vec<(String, Vec<u8>)>, ProbeError> {
        let schema = tenant.schema_name();
        let mut connection = self.reader.connect().await?;
        // Lists the tables of the tenant's schema, whatever their names are.
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
             ORDER BY 1",
        )
        .bind(schema.as_str())
        .fetch_all(&mut connection)
        .await?;
        let mut entries = Vec::new();
        for table in tables {
            let name = table.replace('"', "\"\"");
            // A row's place does not matter, so rows are in order of what they hold.
            let rows = sqlx::query(AssertSqlSafe(format!(
                r#"SELECT pg_catalog.to_jsonb(t)::text AS row FROM {}."{name}" t ORDER BY 1"#,
                schema.quoted()
            )))
            .fetch_all(&mut connection)
            .await?;
            for row in rows {
                let text: String = row.try_get("row")?;
                entries.push((table.clone(), text.into_bytes()));
            }
        }
        connection.close().await?;
        Ok(entries)
    }
}
