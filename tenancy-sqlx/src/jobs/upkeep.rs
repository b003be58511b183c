//! What a worker does beside the jobs: sees whether there are any, and clears away what has ended.

use std::time::Duration;

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Row};

use super::ask::{Encoded, ask};
use super::queue::PgJobs;
use crate::error::Error;
use crate::transaction::milliseconds;

/// What a look into the queue shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Something is due, be it of a tenant that is not active.
    pub(super) due: bool,
    /// Somebody's lease has run out.
    pub(super) left: bool,
}

/// The front of two indices.
const LOOK: &str = "SELECT EXISTS (SELECT FROM tenancy.jobs \
         WHERE status = 'queued' AND run_at <= pg_catalog.now()) AS due, \
     EXISTS (SELECT FROM tenancy.jobs \
         WHERE status = 'running' AND lease_until <= pg_catalog.now()) AS left";

const ENDED: &str = "DELETE FROM tenancy.jobs WHERE id IN (SELECT id FROM tenancy.jobs \
     WHERE status IN ('done', 'cancelled') \
       AND finished_at < pg_catalog.now() - $1 * '1 ms'::pg_catalog.interval \
     ORDER BY finished_at LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING id";

/// A transaction that began before its tenant was purged may have enqueued something afterwards.
const PURGED: &str = "WITH RECURSIVE present (tenant_id) AS ( \
         (SELECT tenant_id FROM tenancy.jobs ORDER BY tenant_id LIMIT 1) \
         UNION ALL \
         SELECT (SELECT j.tenant_id FROM tenancy.jobs j WHERE j.tenant_id > present.tenant_id \
                 ORDER BY j.tenant_id LIMIT 1) \
         FROM present WHERE present.tenant_id IS NOT NULL \
     ) \
     DELETE FROM tenancy.jobs WHERE tenant_id IN (SELECT t.id FROM present \
         JOIN tenancy.tenants t ON t.id = present.tenant_id WHERE t.status = 'purged') \
     RETURNING id";

impl PgJobs {
    /// Whether a claim makes sense.
    pub(super) async fn look(&self) -> Result<Look, Error> {
        let rows = ask(&self.database, LOOK, Ok(PgArguments::default())).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Look {
            due: row.try_get("due")?,
            left: row.try_get("left")?,
        })
    }

    /// Removes what has ended so long ago, and what purged tenants have left. Gives how many.
    pub(super) async fn clear(&self, kept: Duration) -> Result<usize, Error> {
        let arguments = || -> Encoded {
            let mut arguments = PgArguments::default();
            arguments.add(milliseconds(kept))?;
            Ok(arguments)
        };
        let mut cleared = ask(&self.database, PURGED, Ok(PgArguments::default()))
            .await?
            .len();
        loop {
            let rows = ask(&self.database, ENDED, arguments()).await?;
            cleared += rows.len();
            if rows.len() < 1000 {
                return Ok(cleared);
            }
        }
    }
}
