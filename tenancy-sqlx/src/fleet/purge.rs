//! Removes a tenant for good, and proves that nothing of it is left.

use std::time::Duration;

use serde_json::json;
use tenancy_core::{Domain, Slug, Status, Tenant, sabotaged};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::journal::{BEGUN, DONE, Kind};
use super::life::{Life, failed, tell};
use super::names::{Freed, reserve};
use super::residue::{self, Residue};
use super::transaction::{self, Locks};
use super::{Fleet, dependents, domains, drop, role};
use crate::error::{Error, ErrorKind};

impl Fleet {
    /// Removes everything of an archived tenant for good; `confirm` is its slug, typed again.
    ///
    /// Once nobody tells its messages any more, each resource is purged, the last registered first, and must have nothing left. Then its
    /// tables are dropped, in batches that the server's lock table can hold. In a last transaction
    /// its schema is dropped, and its role, if it [has one](Fleet::isolation) that no other
    /// database of the server uses, and its domains and its rows of the framework's tables are
    /// deleted; only its record and its [journal](Fleet::journal) stay. Nothing is left then that
    /// [`Fleet::residue`] would find. Its names are reserved ([`Fleet::name_reservation`]) and
    /// other programs are told. Once a purge has begun the tenant cannot be brought back; a call
    /// that failed or was cut off is repeated with the same words.
    ///
    /// A tenant that is provisioning because its creation was cut off may be purged, too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when `confirm` is not `slug`, [`ErrorKind::Core`] with
    /// `NotFound` when there is no such tenant. [`ErrorKind::Conflict`] when it is not archived,
    /// when its grace has not passed, when a resource has something left, or when anything outside
    /// its schema depends on something in it, which nothing here would drop; the message says
    /// what. [`ErrorKind::Configuration`] when it has a role that the owner may not remove.
    /// Whatever a resource fails with.
    pub async fn purge(&self, slug: &Slug, confirm: &Slug) -> Result<Tenant, Error> {
        if slug != confirm && !sabotaged!("fleet.purge-unconfirmed") {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("purging tenant {slug} is confirmed by its own slug, not by {confirm}"),
            ));
        }
        let mut life = self.enter_life(slug, Kind::Purge).await?;
        let result = self.purge_in(&mut life).await;
        life.finish(result.map_err(|error| error.while_doing(format!("purging tenant {slug}"))))
            .await
    }

    pub(super) async fn purge_in(&self, life: &mut Life) -> Result<Tenant, Error> {
        refuse_early(life).await?;
        // What cannot be dropped in the end is better known before anything is gone.
        dependents::refuse(&mut life.connection, life.tenant.schema_name()).await?;
        role::refuse(&mut life.connection, life.tenant.id()).await?;
        let begun = life.entry(BEGUN, json!({ "confirmed": life.tenant.slug() }));
        match life.tenant.status() {
            Status::Archived => transaction::send(&mut life.connection, begun).await?,
            // Half removed, its creation cannot be gone on with.
            _ => life.step(Status::Archived, begun).await?,
        }
        untold(life).await?;
        for resource in self.resources.iter().rev() {
            let error = |error| failed(&**resource, error);
            resource.purge(&life.tenant).await.map_err(error)?;
        }
        let residue = self.residue_of_resources(&life.tenant).await?;
        if let Some(residue) = residue.first()
            && !sabotaged!("fleet.residue-ignored")
        {
            return Err(left(residue));
        }
        if !self.resources.is_empty() {
            let names: Vec<_> = self.resources.iter().map(|store| store.name()).collect();
            life.note("resources", json!({ "purged": names })).await?;
        }
        let schema = life.tenant.schema_name();
        drop::shrink(&mut life.connection, &life.operation, schema).await?;
        self.purge_rest(life).await
    }

    /// What is left in PostgreSQL, in one transaction.
    async fn purge_rest(&self, life: &mut Life) -> Result<Tenant, Error> {
        let done = life.entry(DONE, json!({}));
        let (connection, tenant) = (&mut life.connection, &life.tenant);
        let (id, schema) = (tenant.id(), tenant.schema_name());
        transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
        // Once nobody can use its tables, nothing outside can come to depend on them.
        drop::lock_rest(connection, schema).await?;
        dependents::refuse(connection, schema).await?;
        let records = domains::read(connection, id).await?;
        let freed: Vec<Domain> = records.into_iter().map(|record| record.domain).collect();
        let rows = residue::delete_rows(connection, tenant).await?;
        transaction::send(
            connection,
            format!("DROP SCHEMA IF EXISTS {} CASCADE; {rows}", schema.quoted()),
        )
        .await?;
        role::remove(connection, id).await?;
        let updated_at: OffsetDateTime = sqlx::query_scalar(
            "UPDATE tenancy.tenants
             SET status = 'purged', purge_after = NULL, updated_at = pg_catalog.now()
             WHERE id = $1 RETURNING updated_at",
        )
        .bind(id.as_uuid())
        .fetch_one(&mut *connection)
        .await?;
        tell(connection, tenant, &[], &freed).await?;
        let names = Freed {
            slug: Some(tenant.slug()),
            schema: Some(schema),
            domains: &freed,
        };
        reserve(connection, id, names, self.reservation).await?;
        let left = residue::of_database(connection, tenant).await?;
        if !left.is_empty() {
            let store = "postgres".to_owned();
            return Err(self::left(&Residue { store, left }));
        }
        transaction::send(connection, transaction::commit_after(&done)).await?;
        Ok(tenant
            .clone()
            .with_status(Status::Purged)
            .with_primary_domain(None)
            .with_times(tenant.created_at(), updated_at))
    }
}

/// Waits until nobody tells the tenant's messages, who could put back what a resource removed. That
/// ends by itself: of a tenant that is not active no lease is given, and none is kept.
async fn untold(life: &mut Life) -> Result<(), Error> {
    while !sabotaged!("outbox.purge-unwaited") {
        let told: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM tenancy.outbox_leases
             WHERE tenant_id = $1 AND held_until > pg_catalog.clock_timestamp())",
        )
        .bind(life.tenant.id().as_uuid())
        .fetch_one(&mut life.connection)
        .await?;
        if !told {
            break;
        }
        tokio::time::sleep(TOLD).await;
    }
    Ok(())
}

/// How often it is asked whether messages are still told.
const TOLD: Duration = Duration::from_millis(50);

/// Refuses a tenant that is in use, or that somebody may still want back.
pub(super) async fn refuse_early(life: &mut Life) -> Result<(), Error> {
    let slug = life.tenant.slug().clone();
    match life.tenant.status() {
        Status::Archived if life.has_begun_a_purge().await? => return Ok(()),
        Status::Archived => {}
        Status::Provisioning => return Ok(()),
        _ if sabotaged!("fleet.purge-while-serving") => return Ok(()),
        status => {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("it is {status}: archive it first (`tenant archive {slug}`)"),
            ));
        }
    }
    let grace: Option<OffsetDateTime> = sqlx::query_scalar(
        "SELECT purge_after FROM tenancy.tenants
         WHERE id = $1 AND purge_after > pg_catalog.clock_timestamp()",
    )
    .bind(life.tenant.id().as_uuid())
    .fetch_optional(&mut life.connection)
    .await?
    .flatten();
    let Some(until) = grace.filter(|_| !sabotaged!("fleet.grace-ignored")) else {
        return Ok(());
    };
    let until = until.replace_nanosecond(0).unwrap_or(until);
    let until = until.format(&Rfc3339).unwrap_or_else(|_| until.to_string());
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "it may be had back until {until}: wait until then, bring it back \
             (`tenant undelete {slug}`), or end its grace (`tenant archive {slug} --grace 0s`)"
        ),
    ))
}

fn left(residue: &Residue) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "resource {} still has {}: remove it and run the same again",
            residue.store,
            residue.left.join(", ")
        ),
    )
}
