//! A job as it stands in the table.

use sqlx::Row;
use sqlx::postgres::PgRow;
use tenancy_core::TenantId;
use tenancy_core::job::{JobId, JobRecord};

pub(super) use crate::migrate::ledger::parsed;

/// What is read of a job `j`, after `SELECT`: what waits for its tenant is parked.
macro_rules! columns {
    () => {
        "j.id, j.tenant_id, j.kind, j.attempt, j.max_attempts, j.progress, j.error, j.run_at, \
         j.created_at, j.finished_at, \
         CASE WHEN j.status = 'queued' AND t.status <> 'active' THEN 'parked' ELSE j.status END \
         AS status \
         FROM tenancy.jobs j JOIN tenancy.tenants t ON t.id = j.tenant_id"
    };
}
pub(super) use columns;

/// Reads a row of these columns.
pub(super) fn record(row: &PgRow) -> Result<JobRecord, sqlx::Error> {
    let count = |name: &str| -> Result<u16, sqlx::Error> {
        Ok(row.try_get::<i16, _>(name)?.try_into().unwrap_or_default())
    };
    let mut record = JobRecord::new(
        JobId::from_uuid(row.try_get("id")?),
        TenantId::from_uuid(row.try_get("tenant_id")?),
        parsed(row, "kind")?,
        parsed(row, "status")?,
    );
    record.attempt = count("attempt")?;
    record.max_attempts = count("max_attempts")?;
    record.progress = row
        .try_get::<Option<serde_json::Value>, _>("progress")?
        .unwrap_or_default();
    record.error = row.try_get("error")?;
    record.run_at = row.try_get("run_at")?;
    record.created_at = row.try_get("created_at")?;
    record.finished_at = row.try_get("finished_at")?;
    Ok(record)
}
