//! Which jobs are next: one of each tenant, in turn.

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tenancy_core::job::{Claim, Job, JobId, JobKind, Priority};
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
    let kinds = list(claim.kinds.iter().map(JobKind::as_str));
    let ranks = list(Priority::ALL.map(|priority| priority.rank().to_string()));
    let except = list(claim.except.iter().map(ToString::to_string));
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

#[cfg(all(test, feature = "testing"))]
mod tests {
    use serde_json::Value;
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::testing::TestDatabase;
    use crate::{Fleet, Migrations};

    /// What the plan reads of the jobs, and how.
    fn reads(plan: &Value, found: &mut Vec<(String, f64)>) {
        if plan["Relation Name"] == "jobs" && plan["Node Type"] != "ModifyTable" {
            let number = |key: &str| plan[key].as_f64().unwrap_or_default();
            let read = number("Actual Rows") + number("Rows Removed by Filter");
            let how = plan["Node Type"].as_str().unwrap_or_default().to_owned();
            found.push((how, read * number("Actual Loops")));
        }
        for below in plan["Plans"].as_array().into_iter().flatten() {
            reads(below, found);
        }
    }

    #[tokio::test]
    async fn a_claim_reads_a_few_entries_however_many_jobs_there_are() {
        let test = TestDatabase::new().await;
        let fleet = Fleet::connect(test.owner_options(), None, Migrations::default()).await;
        fleet.unwrap().prepare().await.unwrap();
        let mut superuser = test.superuser().await;
        // One has thousands that are due, and thousands more in front of them that are not.
        let fill = "INSERT INTO tenancy.tenants (id, slug, schema_name, name, status)
                SELECT gen_random_uuid(), 't' || n, 't' || n, '', 'active'
                FROM generate_series(1, 20) n;
            INSERT INTO tenancy.jobs (id, tenant_id, kind, payload, priority, max_attempts,
                timeout_ms, run_at)
            SELECT gen_random_uuid(), t.id, kind, '{}', p, 1, 1,
                now() + CASE WHEN p = 0 THEN '1 day' ELSE '-1 day' END::interval
            FROM tenancy.tenants t, generate_series(0, 2) p, unnest(ARRAY['a', 'b', 'c']) kind,
                generate_series(1, CASE slug WHEN 't7' THEN 3000 ELSE 3 END)";
        sqlx::raw_sql(fill).execute(&mut superuser).await.unwrap();
        // As it is found, and as it is once the server has counted.
        for counted in ["SELECT 1", "ANALYZE tenancy.jobs"] {
            sqlx::raw_sql(counted)
                .execute(&mut superuser)
                .await
                .unwrap();
            let claim = Claim::new(["b", "c"].map(JobKind::new).to_vec(), 8);
            let explain = "EXPLAIN (ANALYZE, FORMAT JSON) WITH RECURSIVE";
            let message = message(&claim).replacen("WITH RECURSIVE", explain, 1);
            let rows = sqlx::raw_sql(AssertSqlSafe(message)).fetch_all(&mut superuser);
            let rows = rows.await.unwrap();
            let plan: Value = rows.last().unwrap().try_get(0).unwrap();
            let mut found = Vec::new();
            reads(&plan[0]["Plan"], &mut found);
            assert!(
                found.iter().all(|(how, _)| how.contains("Index")),
                "{plan:#}"
            );
            let read: f64 = found.iter().map(|(_, rows)| rows).sum();
            // Eight tenants, with two kinds of which two priorities are due.
            assert!(read < 150.0, "{read} entries were read: {plan:#}");
        }
    }
}
