//! Creates a tenant: all of it or nothing.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use tenancy_core::{Status, Tenant, TenantId, sabotaged};
use time::OffsetDateTime;
use uuid::Uuid;

use super::life::{failed, release};
use super::names::refuse_taken;
use super::new_tenant::TenantPlan;
use super::role::{self, Roles};
use super::transaction::{self, Locks};
use super::{Fleet, NewTenant, ProvisionEvent, domains, grants};
use crate::error::Error;
use crate::migrate::failure::Failure;
use crate::migrate::ledger::{Scope, Target};
use crate::migrate::script::{Script, apply};
use crate::store::{TenantChange, notify};

impl Fleet {
    /// Creates a tenant: its record and domains, its schema with every table, the application's
    /// rights in it, its role where tenants have [one of their own](Fleet::isolation), and
    /// whatever the registered resources make.
    ///
    /// All rows and tables come in one transaction. Without resources the tenant is active from
    /// its end; with them it is [`Status::Provisioning`] until each is ready, and when one fails
    /// everything is taken back in reverse order, the failed one first. A future that is dropped
    /// between the two leaves a tenant that is provisioning and does not serve;
    /// [`Fleet::purge`] takes it away. Other programs are told at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when the slug, the schema or a domain is
    /// taken or still reserved; the message names it. [`ErrorKind::Core`](crate::ErrorKind::Core)
    /// when slug or schema do not follow from each other.
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when it is to have a role and
    /// the logins are not fit for that; the message says what to run. Whatever a [validator](Fleet::validator),
    /// a failing migration or a resource causes; the message names the file and the line, or the
    /// resource.
    pub async fn create(
        &self,
        new: NewTenant,
        mut progress: impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        let plan = new.resolve()?;
        for domain in &plan.domains {
            self.refuse_public(domain)?;
        }
        for validator in &self.validators {
            let valid = validator.validate(&plan).await;
            valid.map_err(|error| creating(&plan, error))?;
        }
        let mut connection = self.open().await?;
        let tenant = self
            .create_on(&mut connection, &plan, &mut progress)
            .await
            .map_err(|error| creating(&plan, error));
        transaction::finish(connection, tenant).await
    }

    async fn create_on(
        &self,
        connection: &mut PgConnection,
        plan: &TenantPlan,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        let id = TenantId::generate();
        let roles = Roles::of(self, connection).await?;
        let role = roles
            .map(|roles| roles.provision(id, &plan.schema))
            .transpose()?;
        let guard = if self.resources.is_empty() {
            None
        } else {
            // Nobody purges a tenant whose resources are still being made.
            let mut guard = self.open().await?;
            transaction::send(&mut guard, transaction::begin(&Locks::of_life(id))).await?;
            Some(guard)
        };
        let rows = self.create_rows(connection, id, plan, role, progress);
        let mut tenant = rows.await?;
        progress(ProvisionEvent::Committed);
        if let Some(guard) = guard {
            let ready = self
                .create_resources(connection, tenant, plan, progress)
                .await;
            release(guard).await;
            tenant = ready?;
        }
        progress(ProvisionEvent::Active);
        Ok(tenant)
    }

    /// Everything in PostgreSQL, in one transaction.
    async fn create_rows(
        &self,
        connection: &mut PgConnection,
        id: TenantId,
        plan: &TenantPlan,
        role: Option<String>,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        transaction::send(
            connection,
            transaction::begin(&Locks::of_names(&plan.slug, &plan.schema, &plan.domains)),
        )
        .await?;
        refuse_taken(connection, plan.wanted()).await?;
        progress(ProvisionEvent::Reserved);

        let status = if self.resources.is_empty() {
            Status::Active
        } else {
            Status::Provisioning
        };
        let tenant = insert(connection, id, plan, status).await?;
        let scope = Scope::Tenant(Target {
            id: tenant.id(),
            slug: plan.slug.clone(),
            schema: plan.schema.clone(),
            status,
        });

        let (run, started_at) = (Uuid::now_v7(), OffsetDateTime::now_utc());
        let pending: Vec<_> = self.migrations.tenant.iter().collect();
        let mut preamble = format!("CREATE SCHEMA {}", plan.schema.quoted());
        if let Some(login) = &self.app_login {
            preamble.push_str("; ");
            preamble.push_str(&grants::tenant(&plan.schema, login));
        }
        if let Some(role) = role {
            preamble.push_str("; ");
            preamble.push_str(&role);
        }
        apply(connection, &Script::new(preamble, &scope, &pending, run))
            .await
            .map_err(Failure::into_error)?;
        progress(ProvisionEvent::Migrated {
            versions: self.migrations.tenant.versions(),
        });
        self.enter(connection, run, started_at, [pending.len(), 0, 0])
            .await?;
        notify(connection, &change(tenant.id(), plan)).await?;
        transaction::commit(connection).await?;
        Ok(tenant.with_migration(self.migrations.tenant.head().unwrap_or(0)))
    }

    /// Everything outside, then the step to active; or nothing of both.
    async fn create_resources(
        &self,
        connection: &mut PgConnection,
        tenant: Tenant,
        plan: &TenantPlan,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        for (index, resource) in self.resources.iter().enumerate() {
            progress(ProvisionEvent::Provisioning {
                resource: resource.name(),
            });
            if let Err(error) = resource.provision(&tenant).await {
                let error = failed(&**resource, error);
                progress(ProvisionEvent::Undoing);
                // The one that failed may have come half way, so it is purged like those before.
                return Err(match self.undo(connection, &tenant, plan, index).await {
                    Ok(()) => error,
                    Err(left) => {
                        error.while_doing(format!("what was made could not be taken back ({left})"))
                    }
                });
            }
        }
        activate(connection, tenant, plan).await
    }

    /// Takes back the resources up to `last`, newest first, then the schema and the rows.
    async fn undo(
        &self,
        connection: &mut PgConnection,
        tenant: &Tenant,
        plan: &TenantPlan,
        last: usize,
    ) -> Result<(), Error> {
        if sabotaged!("fleet.half-created-stays") {
            return Ok(());
        }
        for resource in self.resources[..=last].iter().rev() {
            resource
                .purge(tenant)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        let (id, schema) = (tenant.id(), plan.schema.quoted());
        transaction::send(
            connection,
            format!(
                "{}; DROP SCHEMA {schema} CASCADE; \
                 DELETE FROM tenancy.migrations WHERE scope = 'tenant' AND tenant_id = '{id}'; \
                 DELETE FROM tenancy.tenants WHERE id = '{id}'",
                transaction::begin(&Locks::of_tenant(id))
            ),
        )
        .await?;
        role::remove(connection, id).await?;
        notify(connection, &change(id, plan)).await?;
        transaction::commit(connection).await
    }
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: TenantId,
    plan: &TenantPlan,
    status: Status,
) -> Result<Tenant, Error> {
    let row: PgRow = sqlx::query(
        "INSERT INTO tenancy.tenants (id, slug, schema_name, name, description, status)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING created_at, updated_at",
    )
    .bind(id.as_uuid())
    .bind(plan.slug.as_str())
    .bind(plan.schema.as_str())
    .bind(&plan.name)
    .bind(&plan.description)
    .bind(status.as_str())
    .fetch_one(&mut *connection)
    .await?;
    let primary = plan.domains.first();
    for domain in &plan.domains {
        sqlx::query(
            "INSERT INTO tenancy.domains (id, tenant_id, domain, is_primary)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(Uuid::now_v7())
        .bind(id.as_uuid())
        .bind(domain.as_str())
        .bind(Some(domain) == primary)
        .execute(&mut *connection)
        .await
        .map_err(|error| domains::taken(error, domain))?;
    }
    Ok(Tenant::new(id, plan.slug.clone(), plan.schema.clone())
        .with_name(&plan.name)
        .with_description(&plan.description)
        .with_status(status)
        .with_primary_domain(primary.cloned())
        .with_times(row.try_get("created_at")?, row.try_get("updated_at")?))
}

async fn activate(
    connection: &mut PgConnection,
    tenant: Tenant,
    plan: &TenantPlan,
) -> Result<Tenant, Error> {
    transaction::send(
        connection,
        transaction::begin(&Locks::of_tenant(tenant.id())),
    )
    .await?;
    let updated_at = sqlx::query_scalar(
        "UPDATE tenancy.tenants SET status = 'active', updated_at = pg_catalog.now()
         WHERE id = $1 AND status = 'provisioning' RETURNING updated_at",
    )
    .bind(tenant.id().as_uuid())
    .fetch_one(&mut *connection)
    .await?;
    notify(connection, &change(tenant.id(), plan)).await?;
    transaction::commit(connection).await?;
    let created_at = tenant.created_at();
    Ok(tenant
        .with_status(Status::Active)
        .with_times(created_at, updated_at))
}

fn creating(plan: &TenantPlan, error: Error) -> Error {
    error.while_doing(format!("creating tenant {}", plan.slug))
}

/// What others are told: also those who had asked for the names before there was a tenant.
pub(super) fn change(id: TenantId, plan: &TenantPlan) -> TenantChange {
    TenantChange::Tenant {
        id,
        slugs: vec![plan.slug.clone()],
        domains: plan.domains.clone(),
    }
}
