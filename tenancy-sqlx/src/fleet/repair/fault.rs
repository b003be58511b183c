//! Which tenants are not as they should be, as the journal and the catalog tell it.

use std::fmt;

use serde::Serialize;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::{Slug, Status, TenantId};

use super::Repair;
use crate::error::Error;
use crate::fleet::journal::Kind;
use crate::migrate::ledger::{explain, parsed};

/// What is the matter with a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Its creation or adoption was cut off, and can be completed.
    Unfinished,
    /// It was a copy or an import that was cut off, or was being taken back: it has to go.
    Undone,
    /// Its purge was cut off, and only that can go on.
    Purge,
    /// Its resources may not know that it is suspended.
    Suspend,
    /// Its resources may be ready again, and it is not active.
    Resume,
    /// Its resources may not know that it is archived.
    Archive,
    /// Its resources may have been told names that it did not get.
    Rename,
    /// Its schema is not in PostgreSQL.
    SchemaMissing,
}

impl Fault {
    pub(super) fn is_mended_by(self, repair: Repair) -> bool {
        self != Self::SchemaMissing || repair.missing_schemas
    }

    /// What the journal calls mending it.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Unfinished | Self::Undone => Kind::Create,
            Self::Purge => Kind::Purge,
            Self::Suspend => Kind::Suspend,
            Self::Resume => Kind::Resume,
            Self::Archive => Kind::Archive,
            Self::Rename => Kind::Rename,
            Self::SchemaMissing => Kind::Repair,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unfinished => "its creation was cut off",
            Self::Undone => "it was made half and has to go",
            Self::Purge => "its purge was cut off",
            Self::Suspend => "its suspension was cut off",
            Self::Resume => "its resumption was cut off",
            Self::Archive => "its archiving was cut off",
            Self::Rename => "its rename was cut off",
            Self::SchemaMissing => "its schema is missing",
        })
    }
}

/// A tenant with a fault.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: TenantId,
    pub(super) slug: Slug,
    pub(super) fault: Fault,
}

/// Whether the tenant `t` was adopted, and its resources were never all made ready.
pub(in crate::fleet) const HALF_ADOPTED: &str = "EXISTS (SELECT FROM tenancy.journal b
        WHERE b.tenant_id = t.id AND b.kind = 'adopt' AND b.step = 'begun'
          AND NOT EXISTS (SELECT FROM tenancy.journal d
              WHERE d.operation = b.operation AND d.step = 'done'))";

/// Finds the tenants that are not as they should be, or looks at one of them.
pub(super) async fn find(
    connection: &mut PgConnection,
    only: Option<TenantId>,
) -> Result<Vec<Found>, Error> {
    // Whether somebody is at work on them shows only when their locks are tried.
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT * FROM (
            SELECT t.id, t.slug, t.status, last.kind, n.oid IS NULL AS is_missing,
                   t.status = 'archived' AND EXISTS (SELECT FROM tenancy.journal
                       WHERE tenant_id = t.id AND kind = 'purge' AND step = 'begun') AS is_doomed,
                   EXISTS (SELECT FROM tenancy.journal
                       WHERE tenant_id = t.id AND step = 'undoing') AS is_going,
                   t.status = 'suspended' AND {HALF_ADOPTED} AS is_half_adopted,
                   (last.kind = 'rename' OR (last.kind, t.status) IN (('suspend', 'suspended'),
                       ('resume', 'suspended'), ('archive', 'archived')))
                       AND last.step NOT IN ('done', 'failed', 'undone') AS is_cut_off
            FROM tenancy.tenants t
            LEFT JOIN LATERAL (SELECT kind, step FROM tenancy.journal
                WHERE tenant_id = t.id ORDER BY seq DESC LIMIT 1) AS last ON true
            LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema_name
            WHERE t.status <> 'purged' AND ($1::uuid IS NULL OR t.id = $1)) AS looked_at
         WHERE status = 'provisioning' OR is_doomed OR is_cut_off OR is_missing
            OR is_half_adopted
         ORDER BY slug",
    )))
    .bind(only.map(|id| *id.as_uuid()))
    .fetch_all(connection)
    .await
    .map_err(explain)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let kind = row.try_get::<Option<&str>, _>("kind")?;
        let kind = kind.and_then(Kind::parse);
        let fault = if parsed::<Status>(&row, "status")? == Status::Provisioning {
            match kind {
                Some(Kind::Clone | Kind::Import) => Fault::Undone,
                _ if row.try_get("is_going")? || row.try_get("is_missing")? => Fault::Undone,
                _ => Fault::Unfinished,
            }
        } else if row.try_get("is_doomed")? {
            Fault::Purge
        } else if row.try_get("is_missing")? {
            Fault::SchemaMissing
        } else if row.try_get("is_half_adopted")? {
            Fault::Unfinished
        } else {
            match kind {
                Some(Kind::Suspend) => Fault::Suspend,
                Some(Kind::Resume) => Fault::Resume,
                Some(Kind::Archive) => Fault::Archive,
                _ => Fault::Rename,
            }
        };
        found.push(Found {
            id: TenantId::from_uuid(row.try_get("id")?),
            slug: parsed(&row, "slug")?,
            fault,
        });
    }
    Ok(found)
}
