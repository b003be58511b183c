//! What a purge would take away, without taking it.

use serde::Serialize;
use sqlx::postgres::PgConnection;
use tenancy_core::{Slug, Tenant};
use time::OffsetDateTime;

use super::journal::Kind;
use super::life::Life;
use super::purge::refuse_early;
use super::residue::Residue;
use super::{Fleet, dependents, role};
use crate::error::Error;

/// What a purge would take away.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PurgePlan {
    /// The tenant.
    pub tenant: Tenant,
    /// When its grace ends, if it has one.
    #[serde(with = "time::serde::rfc3339::option")]
    pub purge_after: Option<OffsetDateTime>,
    /// Its tables, by name.
    pub tables: Vec<PlannedTable>,
    /// What the registered resources have of it.
    pub resources: Vec<Residue>,
    /// What a purge would be refused for now; empty when it would go on.
    pub obstacles: Vec<String>,
}

/// A table that a purge would drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[non_exhaustive]
pub struct PlannedTable {
    /// Its name within the schema.
    pub name: String,
    /// How many rows the server believes it has.
    pub estimated_rows: i64,
    /// What it takes on disk with its indexes.
    pub bytes: i64,
}

impl PurgePlan {
    /// How many rows the server believes all tables have.
    pub fn estimated_rows(&self) -> i64 {
        self.tables.iter().map(|table| table.estimated_rows).sum()
    }

    /// What all tables take on disk with their indexes.
    pub fn bytes(&self) -> i64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

impl Fleet {
    /// Says what [`Fleet::purge`] would take away, and what it would be refused for; nothing is
    /// changed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`](crate::ErrorKind::Core) with `NotFound` when there is no such tenant,
    /// and whatever a resource fails with.
    pub async fn purge_plan(&self, slug: &Slug) -> Result<PurgePlan, Error> {
        let mut life = self.enter_life(slug, Kind::Purge).await?;
        let plan = self.plan_in(&mut life).await;
        life.finish(plan).await
    }

    async fn plan_in(&self, life: &mut Life) -> Result<PurgePlan, Error> {
        let (id, schema) = (life.tenant.id(), life.tenant.schema_name().clone());
        let early = refuse_early(life).await;
        let connection = &mut life.connection;
        let checks = [
            early,
            dependents::refuse(connection, &schema).await,
            role::refuse(connection, id).await,
        ];
        let obstacles = checks.into_iter().filter_map(Result::err);
        Ok(PurgePlan {
            obstacles: obstacles.map(|error| error.to_string()).collect(),
            purge_after: sqlx::query_scalar(
                "SELECT purge_after FROM tenancy.tenants WHERE id = $1",
            )
            .bind(id.as_uuid())
            .fetch_one(&mut *connection)
            .await?,
            tables: tables(connection, schema.as_str()).await?,
            resources: self.residue_of_resources(&life.tenant).await?,
            tenant: life.tenant.clone(),
        })
    }
}

async fn tables(connection: &mut PgConnection, schema: &str) -> Result<Vec<PlannedTable>, Error> {
    Ok(sqlx::query_as(
        "SELECT c.relname::text AS name,
                greatest(c.reltuples::bigint, pg_catalog.pg_stat_get_live_tuples(c.oid), 0)
                    AS estimated_rows,
                pg_catalog.pg_total_relation_size(c.oid) AS bytes
         FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname",
    )
    .bind(schema)
    .fetch_all(connection)
    .await?)
}
