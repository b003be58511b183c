//! Stops a tenant without losing anything, and lets it serve again.

use serde_json::json;
use sqlx::AssertSqlSafe;
use tenancy_core::{Slug, Status, Tenant, sabotaged};

use super::Fleet;
use super::journal::{BEGUN, DONE, Kind};
use super::life::{Life, failed};
use super::repair::HALF_ADOPTED;
use crate::error::{Error, ErrorKind};

impl Fleet {
    /// Stops a tenant and keeps everything: no context of it can be made from now on, and then
    /// each resource is told, the last registered first.
    ///
    /// Other programs are told at once. Requests that had their context before run to their end.
    /// A tenant that is suspended already stays so and its resources are told again: that is how
    /// one that failed is repeated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant,
    /// [`ErrorKind::Conflict`] when it is neither active nor in maintenance, and whatever a
    /// resource fails with; the message names it, and the tenant is suspended by then.
    pub async fn suspend(&self, slug: &Slug) -> Result<Tenant, Error> {
        let mut life = self.enter_life(slug, Kind::Suspend).await?;
        let result = self.suspend_in(&mut life).await;
        let result = result.map(|()| life.tenant.clone());
        life.finish(result.map_err(|error| error.while_doing(format!("suspending tenant {slug}"))))
            .await
    }

    /// Lets a suspended tenant serve again, once each resource is ready in order of registration.
    ///
    /// Other programs are told at once. A tenant that is active stays so, and nothing is called.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant,
    /// [`ErrorKind::Conflict`] when it is not suspended or its adoption has not come to its end, and
    /// whatever a resource fails with; the
    /// message names it, the tenant stays suspended, and the same call may be repeated.
    pub async fn resume(&self, slug: &Slug) -> Result<Tenant, Error> {
        let mut life = self.enter_life(slug, Kind::Resume).await?;
        let result = self.resume_in(&mut life).await;
        let result = result.map(|()| life.tenant.clone());
        life.finish(result.map_err(|error| error.while_doing(format!("resuming tenant {slug}"))))
            .await
    }

    pub(super) async fn suspend_in(&self, life: &mut Life) -> Result<(), Error> {
        match life.tenant.status() {
            // Serving ends first, so that no resource is stopped under a request.
            Status::Active | Status::Maintenance => {
                let begun = life.entry(BEGUN, json!({}));
                life.step(Status::Suspended, begun).await?;
            }
            Status::Suspended => life.note(BEGUN, json!({})).await?,
            status => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("it is {status}: only a tenant that is active can be suspended"),
                ));
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

    pub(super) async fn resume_in(&self, life: &mut Life) -> Result<(), Error> {
        match life.tenant.status() {
            Status::Active => return Ok(()),
            Status::Suspended => {}
            status => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("it is {status}: only a tenant that is suspended can be resumed"),
                ));
            }
        }
        refuse_half_adopted(life).await?;
        life.note(BEGUN, json!({})).await?;
        for resource in &self.resources {
            resource
                .resume(&life.tenant)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        let done = life.entry(DONE, json!({}));
        life.step(Status::Active, done).await
    }
}

/// Refuses a tenant for which some resource has nothing yet: it is not ready by being told so.
async fn refuse_half_adopted(life: &mut Life) -> Result<(), Error> {
    let half: bool = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT {HALF_ADOPTED} FROM tenancy.tenants t WHERE t.id = $1"
    )))
    .bind(life.tenant.id().as_uuid())
    .fetch_one(&mut life.connection)
    .await?;
    if !half || sabotaged!("fleet.half-adopted-resumed") {
        return Ok(());
    }
    Err(life.refused(
        "its adoption has not come to its end: run `tenant adopt` again with the same words, or \
         `tenant repair`"
            .to_owned(),
    ))
}
