//! Purges the tenants that nobody wanted back.

use tenancy_core::{Slug, Status, Tenant};

use super::journal::Kind;
use super::{Fleet, transaction};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::explain;

/// What came of purging one tenant whose grace has passed.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExpiredPurge {
    /// The tenant's name in URLs and commands.
    pub slug: Slug,
    /// The purged tenant, or why it is still there.
    pub result: Result<Tenant, Error>,
}

impl Fleet {
    /// Purges every archived tenant whose grace has passed, the longest waiting first; those that
    /// were archived without one wait for [`Fleet::purge`].
    ///
    /// One that fails stops no other; `progress` is told of each when it has ended. A tenant that
    /// is brought back meanwhile stays, and one that another program has purged is not told of.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the database was never
    /// prepared. What fails for one tenant is in its entry.
    pub async fn purge_expired(
        &self,
        mut progress: impl FnMut(&ExpiredPurge),
    ) -> Result<Vec<ExpiredPurge>, Error> {
        let mut ends = Vec::new();
        for slug in self.expired().await? {
            let result = self.purge_if_expired(&slug).await;
            let Some(result) = result.transpose() else {
                continue;
            };
            let end = ExpiredPurge { slug, result };
            progress(&end);
            ends.push(end);
        }
        Ok(ends)
    }

    /// The archived tenants whose grace has passed, the longest waiting first.
    ///
    /// # Errors
    ///
    /// As [`Fleet::purge_expired`].
    pub async fn expired(&self) -> Result<Vec<Slug>, Error> {
        let mut connection = self.open().await?;
        let slugs: Result<Vec<String>, _> = sqlx::query_scalar(
            "SELECT slug FROM tenancy.tenants
             WHERE status = 'archived' AND purge_after <= pg_catalog.clock_timestamp()
             ORDER BY purge_after, slug",
        )
        .fetch_all(&mut connection)
        .await;
        let slugs = transaction::finish(connection, slugs.map_err(explain)).await?;
        let slugs = slugs.iter().map(|slug| Slug::parse(slug));
        Ok(slugs.collect::<Result<_, _>>()?)
    }

    async fn purge_if_expired(&self, slug: &Slug) -> Result<Option<Tenant>, Error> {
        let mut life = match self.enter_life(slug, Kind::Purge).await {
            // Another program was quicker.
            Err(error) if is_gone(&error) => return Ok(None),
            life => life?,
        };
        let waiting = "SELECT EXISTS (SELECT FROM tenancy.tenants WHERE id = $1
             AND status = 'archived' AND purge_after <= pg_catalog.clock_timestamp())";
        let is_expired = life.tenant.status() == Status::Archived
            && sqlx::query_scalar(waiting)
                .bind(life.tenant.id().as_uuid())
                .fetch_one(&mut life.connection)
                .await?;
        let result = if is_expired {
            self.purge_in(&mut life).await.map(Some)
        } else {
            Ok(None)
        };
        life.finish(result.map_err(|error| error.while_doing(format!("purging tenant {slug}"))))
            .await
    }
}

fn is_gone(error: &Error) -> bool {
    error.kind() == ErrorKind::Core(tenancy_core::ErrorKind::NotFound)
}
