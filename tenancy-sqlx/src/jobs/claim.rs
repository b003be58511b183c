//! Which jobs are next: one of each tenant, in turn.

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tenancy_core::job::{Claim, Job, JobId, Priority};
use tenancy_core::{TenantId, sabotaged};

use super::record::parsed;
use crate::transaction::milliseconds;

/// The message that claims.
///
/// Claims take their turns at one row, for as long as this one message lasts: so none sees what
/// another is about to change, no tenant has more than its share, and the turn is the same for
/// all workers.
///
/// From the tenant that was served last it goes on to the next one that has something queued, and
/// looks there for the first job that is due, by one look into the index for each kind and priority.
/// So it reads a few entries for each tenant that it serves or passes by, and none of what is behind
/// them, however much that is.
pub(super) fn message(claim: &Claim) -> String {
    let kinds = list(claim.kinds.iter().map(|kind| kind.as_str()));
    let ranks = list(Priority::ALL.map(|priority| priority.rank().to_string()));
    let except = list(claim.except.iter().map(|tenant| tenant.to_string()));
    let active = sabotaged!(
        "jobs.parked-claimed",
        "true",
        "(SELECT t.status = 'active' FROM tenancy.tenants t WHERE t.id = walk.tenant_id)"
    );
    let cap = sabotaged!("jobs.uncapped", usize::MAX >> 8, claim.per_tenant);
    let turn = sabotaged!("jobs.no-turns", "false", "true");
    format!(
        "SELECT FROM tenancy.job_turn FOR UPDATE;
         WITH RECURSIVE walk (step, tenant_id, lap) AS (
             SELECT 0, last_tenant, 0 FROM tenancy.job_turn
             UNION ALL
             SELECT walk.step + 1, next.tenant_id, next.lap
             FROM walk CROSS JOIN LATERAL (
                 (SELECT j.tenant_id, walk.lap FROM tenancy.jobs j
                  WHERE j.status = 'queued' AND j.tenant_id > walk.tenant_id
                  ORDER BY j.tenant_id LIMIT 1)
                 UNION ALL
                 (SELECT j.tenant_id, 1 FROM tenancy.jobs j
                  WHERE j.status = 'queued' AND walk.lap = 0
                  ORDER BY j.tenant_id LIMIT 1)
                 LIMIT 1
             ) AS next (tenant_id, lap)
             WHERE next.lap = 0
                OR next.tenant_id <= (SELECT last_tenant FROM tenancy.job_turn)
         ), picked AS MATERIALIZED (
             SELECT walk.step, first.id
             FROM walk CROSS JOIN LATERAL (
                 SELECT head.id
                 FROM pg_catalog.unnest({kinds}::pg_catalog.text[]) AS wanted (kind)
                 CROSS JOIN pg_catalog.unnest({ranks}::pg_catalog.int2[]) AS place (rank)
                 CROSS JOIN LATERAL (
                     SELECT j.id, j.run_at FROM tenancy.jobs j
                     WHERE j.status = 'queued' AND j.tenant_id = walk.tenant_id
                       AND j.kind = wanted.kind AND j.priority = place.rank
                       AND j.run_at <= pg_catalog.now()
                     ORDER BY j.run_at, j.id LIMIT 1
                 ) AS head
                 ORDER BY place.rank, head.run_at, head.id LIMIT 1
             ) AS first
             WHERE walk.step > 0 AND walk.tenant_id <> ALL ({except}::pg_catalog.uuid[])
               AND {active}
               AND (SELECT pg_catalog.count(*) FROM (
                        SELECT FROM tenancy.jobs j
                        WHERE j.status = 'running' AND j.tenant_id = walk.tenant_id
                        LIMIT {cap}) AS running) < {cap}
             LIMIT {most}
         ), locked AS (
             SELECT picked.step, j.id FROM picked JOIN tenancy.jobs j ON j.id = picked.id
             WHERE j.status = 'queued' FOR UPDATE OF j SKIP LOCKED
         ), claimed AS (
             UPDATE tenancy.jobs j
             SET status = 'running', attempt = j.attempt + 1, fence = j.fence + 1,
                 lease_until = pg_catalog.clock_timestamp()
                     + {lease} * '1 ms'::pg_catalog.interval
             FROM locked WHERE j.id = locked.id
             RETURNING locked.step, j.id, j.tenant_id, j.kind, j.payload, j.attempt,
                 j.max_attempts, j.timeout_ms, j.fence
         ), turned AS (
             UPDATE tenancy.job_turn SET last_tenant =
                 (SELECT tenant_id FROM claimed ORDER BY step DESC LIMIT 1)
             WHERE {turn} AND EXISTS (SELECT FROM claimed)
         )
         SELECT * FROM claimed ORDER BY step",
        lease = milliseconds(claim.lease),
        most = claim.most,
    )
}

/// An array of texts without anything that would have to be escaped: kinds, ids and numbers.
fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut array = String::from("'{");
    for (n, item) in items.into_iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(array, "{comma}\"{}\"", item.as_ref());
    }
    array.push_str("}'");
    array
}

/// Reads a row of [`message`].
pub(super) fn job(row: &PgRow) -> Result<Job, sqlx::Error> {
    let count = |name: &str| -> Result<u16, sqlx::Error> {
        Ok(row.try_get::<i16, _>(name)?.try_into().unwrap_or_default())
    };
    Ok(Job {
        id: JobId::from_uuid(row.try_get("id")?),
        tenant: TenantId::from_uuid(row.try_get("tenant_id")?),
        kind: parsed(row, "kind")?,
        payload: row.try_get("payload")?,
        attempt: count("attempt")?,
        max_attempts: count("max_attempts")?,
        timeout: Duration::from_millis(
            row.try_get::<i64, _>("timeout_ms")?
                .try_into()
                .unwrap_or_default(),
        ),
        fence: row.try_get("fence")?,
    })
}
