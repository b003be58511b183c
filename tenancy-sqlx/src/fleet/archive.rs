//! Takes a tenant out of use for good, with a while in which it can be had back.

use std::time::Duration;

use serde_json::json;
use tenancy_core::{Slug, Status, Tenant};
use time::OffsetDateTime;

use super::journal::{BEGUN, DONE, Kind};
use super::life::{Life, failed};
use super::{Fleet, find, transaction};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::explain;

impl Fleet {
    /// Takes a tenant out of use and keeps everything: its hosts answer as if it had never been,
    /// and then each resource is suspended, the last registered first.
    ///
    /// With a `grace` it cannot be purged before that has passed, and
    /// [`Fleet::purge_expired`] purges it afterwards; without one it may be purged whenever
    /// somebody confirms it. [`Fleet::undelete`] brings it back. Other programs are told at once.
    /// A tenant that is archived already stays so: its resources are told again, and a `grace`
    /// that is given replaces the one it had.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant, [`ErrorKind::Conflict`]
    /// when it is provisioning, [`ErrorKind::InvalidInput`] when the grace is longer than a
    /// hundred years, and whatever a resource fails with; the message names it, the tenant is
    /// archived by then, and the same call may be repeated.
    pub async fn archive(&self, slug: &Slug, grace: Option<Duration>) -> Result<Tenant, Error> {
        if grace.is_some_and(|grace| grace > LONGEST) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the grace of tenant {slug} is invalid: use at most a hundred years"),
            ));
        }
        let mut life = self.enter_life(slug, Kind::Archive).await?;
        let result = self.archive_in(&mut life, grace).await;
        let result = result.map(|()| life.tenant.clone());
        life.finish(result.map_err(|error| error.while_doing(format!("archiving tenant {slug}"))))
            .await
    }

    /// Brings an archived tenant back, suspended, so that somebody looks before it serves.
    ///
    /// Other programs are told at once. A tenant that is suspended stays so.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant, and
    /// [`ErrorKind::Conflict`] when it is not archived, or its purge has begun: then only that can
    /// go on.
    pub async fn undelete(&self, slug: &Slug) -> Result<Tenant, Error> {
        let mut life = self.enter_life(slug, Kind::Undelete).await?;
        let result = undelete(&mut life).await;
        let result = result.map(|()| life.tenant.clone());
        life.finish(
            result.map_err(|error| error.while_doing(format!("bringing tenant {slug} back"))),
        )
        .await
    }

    /// When a tenant may be purged; `None` when it is not archived or waits for nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant.
    pub async fn purge_after(&self, slug: &Slug) -> Result<Option<OffsetDateTime>, Error> {
        let mut connection = self.open().await?;
        let after = async {
            let tenant = find(&mut connection, slug).await?;
            let tenant = tenant.ok_or_else(|| super::missing(slug))?;
            sqlx::query_scalar("SELECT purge_after FROM tenancy.tenants WHERE id = $1")
                .bind(tenant.id().as_uuid())
                .fetch_one(&mut connection)
                .await
                .map_err(explain)
        }
        .await;
        transaction::finish(connection, after).await
    }

    pub(super) async fn archive_in(
        &self,
        life: &mut Life,
        grace: Option<Duration>,
    ) -> Result<(), Error> {
        let id = life.tenant.id();
        let seconds = grace.map(|grace| grace.as_secs_f64());
        let begun = life.entry(BEGUN, json!({ "grace_s": seconds }));
        let until = match seconds {
            Some(seconds) => format!(
                "pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => {seconds})"
            ),
            None => "purge_after".to_owned(),
        };
        let begun =
            format!("{begun}; UPDATE tenancy.tenants SET purge_after = {until} WHERE id = '{id}'");
        match life.tenant.status() {
            // Serving ends first, so that no resource is stopped under a request.
            Status::Active | Status::Suspended | Status::Maintenance => {
                life.step(Status::Archived, begun).await?;
            }
            Status::Archived if life.has_begun_a_purge().await? => {
                return Err(life.purge_only());
            }
            Status::Archived => transaction::send(&mut life.connection, begun).await?,
            status => {
                return Err(life.refused(format!(
                    "it is {status}: only a tenant that was complete can be archived"
                )));
            }
        }
        for resource in self.resources.iter().rev() {
            resource
                .suspend(&life.tenant)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        life.note(DONE, json!({})).await
    }
}

/// Longer than anybody's plans.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

async fn undelete(life: &mut Life) -> Result<(), Error> {
    match life.tenant.status() {
        Status::Suspended => return Ok(()),
        Status::Archived => {}
        status => {
            return Err(life.refused(format!(
                "it is {status}: only an archived tenant is brought back"
            )));
        }
    }
    if life.has_begun_a_purge().await? {
        return Err(life.purge_only());
    }
    let id = life.tenant.id();
    let done = life.entry(DONE, json!({}));
    let forget = format!("UPDATE tenancy.tenants SET purge_after = NULL WHERE id = '{id}'");
    life.step(Status::Suspended, format!("{forget}; {done}"))
        .await
}
