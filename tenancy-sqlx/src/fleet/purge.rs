//! Removes a tenant for good, and proves that nothing of it is left.

use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{Domain, Slug, Status, Tenant, sabotaged};
use time::OffsetDateTime;

use super::journal::{BEGUN, DONE, Kind};
use super::life::{Life, failed, tell};
use super::names::{Freed, reserve};
use super::transaction::{self, Locks};
use super::{Fleet, dependents, domains, role};
use crate::error::{Error, ErrorKind};

impl Fleet {
    /// Removes everything of a suspended or archived tenant for good; `confirm` is its slug, typed
    /// again.
    ///
    /// It becomes archived, so that it cannot be resumed half removed. Each resource is purged,
    /// the last registered first, and must have nothing left. Then, in one transaction, its schema
    /// is dropped, and its role, if it [has one](Fleet::isolation) that no other database of the
    /// server uses, and its domains and its rows of the ledger, the outbox and the audit table are
    /// deleted; only its record stays, as purged. Its names are reserved
    /// ([`Fleet::name_reservation`]) and other programs are told. A call that failed or was cut
    /// off is repeated with the same words.
    ///
    /// A tenant that is provisioning because its creation was cut off may be purged, too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when `confirm` is not `slug`, [`ErrorKind::Core`] with
    /// `NotFound` when there is no such tenant. [`ErrorKind::Conflict`] when it is not suspended
    /// or archived, when a resource has something left, or when anything outside its schema
    /// depends on something in it, which nothing here would drop; the message says what.
    /// [`ErrorKind::Configuration`] when it has a role that the owner may not remove. Whatever
    /// a resource fails with.
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

    async fn purge_in(&self, life: &mut Life) -> Result<Tenant, Error> {
        let slug = life.tenant.slug();
        match life.tenant.status() {
            Status::Suspended | Status::Archived | Status::Provisioning => {}
            _ if sabotaged!("fleet.purge-while-serving") => {}
            status => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("it is {status}: suspend it first (`tenant suspend {slug}`)"),
                ));
            }
        }
        // What cannot be dropped in the end is better known before anything is gone.
        dependents::refuse(&mut life.connection, life.tenant.schema_name()).await?;
        role::refuse(&mut life.connection, life.tenant.id()).await?;
        let begun = life.entry(BEGUN, json!({ "confirmed": life.tenant.slug() }));
        match life.tenant.status() {
            Status::Archived => transaction::send(&mut life.connection, begun).await?,
            _ => life.step(Status::Archived, begun).await?,
        }
        for resource in self.resources.iter().rev() {
            let error = |error| failed(&**resource, error);
            resource.purge(&life.tenant).await.map_err(error)?;
        }
        for resource in self.resources.iter().rev() {
            let error = |error| failed(&**resource, error);
            let left = resource.residue(&life.tenant).await.map_err(error)?;
            if !left.is_empty() && !sabotaged!("fleet.residue-ignored") {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "resource {} still has {}: remove it and run the same again",
                        resource.name(),
                        left.join(", ")
                    ),
                ));
            }
        }
        self.purge_rows(life).await
    }

    /// Everything in PostgreSQL, in one transaction.
    async fn purge_rows(&self, life: &mut Life) -> Result<Tenant, Error> {
        let done = life.entry(DONE, json!({}));
        let (connection, tenant) = (&mut life.connection, &life.tenant);
        let (id, schema) = (tenant.id(), tenant.schema_name());
        transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
        // Once nobody can use its tables, nothing outside can come to depend on them.
        lock_tables(connection, tenant).await?;
        dependents::refuse(connection, schema).await?;
        transaction::send(
            connection,
            format!("DROP SCHEMA IF EXISTS {} CASCADE", schema.quoted()),
        )
        .await?;
        role::remove(connection, id).await?;
        let records = domains::read(connection, id).await?;
        let freed: Vec<Domain> = records.into_iter().map(|record| record.domain).collect();
        transaction::send(
            connection,
            format!(
                "DELETE FROM tenancy.domains WHERE tenant_id = '{id}'; \
                 DELETE FROM tenancy.migrations WHERE scope = 'tenant' AND tenant_id = '{id}'; \
                 DELETE FROM tenancy.outbox WHERE tenant_id = '{id}'; \
                 DELETE FROM tenancy.audit WHERE tenant_id = '{id}'"
            ),
        )
        .await?;
        let updated_at: OffsetDateTime = sqlx::query_scalar(
            "UPDATE tenancy.tenants SET status = 'purged', updated_at = pg_catalog.now()
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
        transaction::send(connection, format!("{done}; COMMIT")).await?;
        Ok(tenant
            .clone()
            .with_status(Status::Purged)
            .with_primary_domain(None)
            .with_times(tenant.created_at(), updated_at))
    }
}

/// Waits, not for long, until nobody uses the tenant's tables, and keeps everybody out.
async fn lock_tables(connection: &mut PgConnection, tenant: &Tenant) -> Result<(), Error> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE nspname = $1 AND relkind IN ('r', 'p') ORDER BY relname",
    )
    .bind(tenant.schema_name().as_str())
    .fetch_all(&mut *connection)
    .await?;
    if tables.is_empty() {
        return Ok(());
    }
    transaction::send(connection, format!("LOCK TABLE {}", tables.join(", ")))
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.while_doing("its tables are in use; try again later"),
            _ => error,
        })
}
