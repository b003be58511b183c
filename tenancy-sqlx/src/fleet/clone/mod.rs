//! Makes a tenant that is like another.

mod half;
mod tables;

use std::fmt;

use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{Slug, Status, Tenant, TenantId, sabotaged};
use time::OffsetDateTime;
use uuid::Uuid;

use super::journal::Kind;
use super::life::{Life, failed, release};
use super::names::refuse_taken;
use super::new_tenant::TenantPlan;
use super::role::Roles;
use super::transaction::{self, Locks};
use super::{Fleet, NewTenant, grants, plans, provision};
use crate::error::{Error, ErrorKind};
use crate::picture::{self, Picture};
use crate::store::notify;

/// What a clone gets of its source's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloneData {
    /// Every row, and sequences where they stand.
    Everything,
    /// None: every table is empty, and sequences begin anew.
    SchemaOnly,
}

/// How far a clone has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloneEvent {
    /// What an earlier call left half made is taken away.
    TakingAway,
    /// Every name is free, and the tenant is known as one that is being made.
    Reserved,
    /// Every table is there.
    Made {
        /// How many.
        tables: usize,
    },
    /// The rows of some tables are there.
    Copied {
        /// How many tables are done.
        tables: usize,
        /// Of how many.
        of: usize,
        /// How many rows they have.
        rows: u64,
    },
    /// Keys, indexes, views and the rest are there.
    Completed,
    /// The clone is what its source is, object for object and row for row.
    Proved,
    /// A resource is being made ready.
    Provisioning {
        /// Its name.
        resource: &'static str,
    },
    /// The tenant serves.
    Active,
    /// Something failed and everything is being taken back.
    Undoing,
}

impl fmt::Display for CloneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakingAway => f.write_str("taking away what an earlier call left half made"),
            Self::Reserved => f.write_str("names are free"),
            Self::Made { tables } => write!(f, "{tables} tables made"),
            Self::Copied { tables, of, rows } => {
                write!(f, "{tables} of {of} tables copied, {rows} rows")
            }
            Self::Completed => f.write_str("keys, indexes and views made"),
            Self::Proved => f.write_str("compared: both are the same"),
            Self::Provisioning { resource } => write!(f, "making {resource} ready"),
            Self::Active => f.write_str("active"),
            Self::Undoing => f.write_str("failed: taking everything back"),
        }
    }
}

/// One clone that is being made.
pub(super) struct Cloning<'a> {
    fleet: &'a Fleet,
    plan: TenantPlan,
    data: CloneData,
    source: Tenant,
    /// What the journal calls it.
    operation: Uuid,
    id: TenantId,
    /// Does the work, in short transactions.
    connection: &'a mut PgConnection,
}

impl Fleet {
    /// Makes a tenant with the same tables as `source`, and with its rows where `data` says so.
    ///
    /// The tables are made as the source's are, not by running migrations again, so a source that
    /// is behind has a clone that is behind, too. Rows are those of one moment, although the
    /// source goes on; values of identity columns and of sequences are the same, and from then on
    /// each tenant counts for itself. Materialized views are filled where the source's are. In the
    /// end both are compared, object for object and by the number of rows, and only then do the
    /// [resources](Fleet::resource) make what they have, and the clone serves. What resources keep
    /// for the source, such as files, is not copied. It has the plan and the overrides of its source.
    ///
    /// Until then the clone is [`Status::Provisioning`], and when anything fails it is taken back
    /// wholly. What a call left that was cut off is taken away by the next one with the same slug.
    /// The source stays in use; nobody renames, purges or migrates it meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such source.
    /// [`ErrorKind::Conflict`] when it is not active, suspended or in maintenance, when a name is
    /// taken or still reserved, when a table was emptied or rewritten meanwhile, when the schema has something that cannot be made again elsewhere,
    /// such as a view of another tenant's tables, or when the comparison fails; the message names
    /// it. [`ErrorKind::Timeout`] when another operation on either tenant does not end. Whatever
    /// a [validator](Fleet::validator) or a resource fails with.
    pub async fn clone_tenant(
        &self,
        source: &Slug,
        new: NewTenant,
        data: CloneData,
        mut progress: impl FnMut(CloneEvent),
    ) -> Result<Tenant, Error> {
        let plan = new.resolve()?;
        for domain in &plan.domains {
            self.refuse_public(domain)?;
        }
        let doing = |slug: &Slug| format!("cloning tenant {source} as {slug}");
        let doing = doing(&plan.slug);
        for validator in &self.validators {
            let valid = validator.validate(&plan).await;
            valid.map_err(|error| error.while_doing(&doing))?;
        }
        let mut life = self.enter_life(source, Kind::Clone).await?;
        let result = self.clone_in(&mut life, plan, data, &mut progress).await;
        life.finish(result.map_err(|error| error.while_doing(&doing)))
            .await
    }

    async fn clone_in(
        &self,
        life: &mut Life,
        plan: TenantPlan,
        data: CloneData,
        progress: &mut impl FnMut(CloneEvent),
    ) -> Result<Tenant, Error> {
        let slug = life.tenant.slug();
        match life.tenant.status() {
            Status::Active | Status::Suspended | Status::Maintenance => {}
            status => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "tenant {slug} is {status}: only one that has been made and is not archived has a clone"
                    ),
                ));
            }
        }
        half::take_away(self, &mut life.connection, &plan, progress).await?;
        let id = TenantId::generate();
        // Nobody purges or migrates a tenant that is being made, or migrates what it is made from.
        let mut guard = self.open().await?;
        let result = async {
            let locks = [Locks::of_life(id), Locks::of_tenant(life.tenant.id())];
            transaction::send(
                &mut guard,
                format!(
                    "{}; SAVEPOINT still{}{}",
                    transaction::begin(&locks[0]),
                    transaction::take(&locks[1], "60s"),
                    transaction::take(&Locks::of_tenant(id), "60s"),
                ),
            )
            .await?;
            let clone = Cloning {
                fleet: self,
                plan,
                data,
                source: life.tenant.clone(),
                operation: Uuid::now_v7(),
                id,
                connection: &mut life.connection,
            };
            clone.make(&mut guard, progress).await
        };
        let result = result.await;
        release(guard).await;
        result
    }
}

impl Cloning<'_> {
    async fn make(
        mut self,
        guard: &mut PgConnection,
        progress: &mut impl FnMut(CloneEvent),
    ) -> Result<Tenant, Error> {
        let source = self.describe(&self.source.clone()).await?;
        source.require_whole()?;
        let tenant = self.reserve().await?;
        progress(CloneEvent::Reserved);
        let mut begun = 0;
        let made = self
            .complete(&source, tenant.clone(), guard, &mut begun, progress)
            .await;
        let error = match made {
            Ok(tenant) => return Ok(tenant),
            Err(error) => error,
        };
        progress(CloneEvent::Undoing);
        Err(match self.undo(&tenant, begun).await {
            Ok(()) => error,
            Err(left) => {
                error.while_doing(format!("what was made could not be taken back ({left})"))
            }
        })
    }

    /// Everything that may have to be undone.
    async fn complete(
        &mut self,
        source: &Picture,
        tenant: Tenant,
        guard: &mut PgConnection,
        begun: &mut usize,
        progress: &mut impl FnMut(CloneEvent),
    ) -> Result<Tenant, Error> {
        let schema = self.plan.schema.clone();
        tables::run(self.connection, &schema, source.before_rows()).await?;
        progress(CloneEvent::Made {
            tables: source.tables.len(),
        });
        if self.data == CloneData::Everything {
            self.copy(source, progress).await?;
        }
        tables::run(self.connection, &schema, source.after_rows()).await?;
        tables::fill(self.connection, &schema, &source.filled).await?;
        progress(CloneEvent::Completed);
        self.prove(source, &tenant).await?;
        progress(CloneEvent::Proved);
        // The tables are done: what resources do may take long.
        transaction::send(guard, "ROLLBACK TO still".to_owned()).await?;
        for resource in &self.fleet.resources {
            progress(CloneEvent::Provisioning {
                resource: resource.name(),
            });
            // One that fails may have come half way, so it is purged like those before.
            *begun += 1;
            let error = |error| failed(&**resource, error);
            resource.provision(&tenant).await.map_err(error)?;
        }
        let tenant = self.activate(tenant).await?;
        progress(CloneEvent::Active);
        Ok(tenant)
    }

    /// Describes a tenant's schema.
    async fn describe(&mut self, tenant: &Tenant) -> Result<Picture, Error> {
        transaction::send(self.connection, READ.to_owned()).await?;
        let picture = Picture::read(self.connection, tenant.schema_name()).await;
        // Also after a failure.
        transaction::rollback(self.connection).await?;
        picture
    }

    /// The tenant's rows, its schema and its rights, in one transaction; the tables come later.
    async fn reserve(&mut self) -> Result<Tenant, Error> {
        let roles = Roles::of(self.fleet, self.connection).await?;
        let role = roles
            .map(|roles| roles.provision(self.id, &self.plan.schema))
            .transpose()?;
        let result = self.reserve_in(role).await;
        if result.is_err() {
            transaction::rollback(self.connection).await?;
        }
        result
    }

    async fn reserve_in(&mut self, role: Option<String>) -> Result<Tenant, Error> {
        let (connection, plan) = (&mut *self.connection, &self.plan);
        let locks = Locks::of_names(&plan.slug, &plan.schema, &plan.domains);
        transaction::send(connection, transaction::begin(&locks)).await?;
        refuse_taken(connection, plan.wanted()).await?;
        let tenant = self
            .fleet
            .insert(connection, self.id, plan, Status::Provisioning)
            .await?;
        let mut sql = format!("CREATE SCHEMA {}", plan.schema.quoted());
        if let Some(login) = &self.fleet.app_login {
            sql.push_str("; ");
            sql.push_str(&grants::tenant(&plan.schema, login));
        }
        if let Some(role) = role {
            sql.push_str("; ");
            sql.push_str(&role);
        }
        transaction::send(connection, sql).await?;
        let head = self.copy_ledger().await?;
        self.note("begun").await?;
        notify(self.connection, &provision::change(self.id, &self.plan)).await?;
        transaction::commit(self.connection).await?;
        Ok(tenant.with_migration(head))
    }

    /// Enters the source's migrations for the clone, as a run of their own; the newest of them.
    async fn copy_ledger(&mut self) -> Result<i64, Error> {
        let run = Uuid::now_v7();
        let (count, head): (i64, Option<i64>) = sqlx::query_as(
            "WITH copied AS (
                INSERT INTO tenancy.migrations
                    (scope, tenant_id, version, name, checksum, run_id, applied_at, duration_us)
                SELECT scope, $1, version, name, checksum, $2, pg_catalog.clock_timestamp(), 0
                FROM tenancy.migrations WHERE scope = 'tenant' AND tenant_id = $3
                RETURNING version)
             SELECT pg_catalog.count(*), pg_catalog.max(version) FROM copied",
        )
        .bind(self.id.as_uuid())
        .bind(run)
        .bind(self.source.id().as_uuid())
        .fetch_one(&mut *self.connection)
        .await?;
        sqlx::query(
            "INSERT INTO tenancy.migration_runs (id, program, finished_at, applied, kind)
             VALUES ($1, $2, pg_catalog.clock_timestamp(), $3, 'clone')",
        )
        .bind(run)
        .bind(self.fleet.program())
        .bind(count)
        .execute(&mut *self.connection)
        .await?;
        Ok(head.unwrap_or(0))
    }

    /// Writes a step into the journal.
    async fn note(&mut self, step: &str) -> Result<(), Error> {
        let detail = json!({ "source": self.source.id(), "slug": self.plan.slug });
        note(self.connection, self.operation, self.id, step, &detail).await
    }

    /// Refuses a clone that is not what its source is.
    async fn prove(&mut self, source: &Picture, tenant: &Tenant) -> Result<(), Error> {
        let found = self.describe(tenant).await?;
        // A name that was not printed bare, because it is ambiguous, leads to the source.
        found.require_whole()?;
        let differences = picture::differences(&source.objects, &found.objects);
        let mut named: Vec<String> = differences.iter().map(ToString::to_string).collect();
        if source.filled != found.filled {
            named.push("materialized views are filled otherwise".to_owned());
        }
        if named.is_empty() || sabotaged!("fleet.clone-unproved") {
            return Ok(());
        }
        let more = named.len() > NAMED;
        named.truncate(NAMED);
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the clone is not what its source is ({}{})",
                named.join(", "),
                if more { ", …" } else { "" }
            ),
        ))
    }

    async fn activate(&mut self, tenant: Tenant) -> Result<Tenant, Error> {
        let locks = Locks::of_tenant(self.id);
        transaction::send(self.connection, transaction::begin(&locks)).await?;
        let updated_at: OffsetDateTime = sqlx::query_scalar(
            "UPDATE tenancy.tenants SET status = 'active', updated_at = pg_catalog.now()
             WHERE id = $1 AND status = 'provisioning' RETURNING updated_at",
        )
        .bind(self.id.as_uuid())
        .fetch_one(&mut *self.connection)
        .await?;
        let terms = plans::same_terms(self.id, self.source.id());
        transaction::send(self.connection, terms).await?;
        self.note("done").await?;
        notify(self.connection, &provision::change(self.id, &self.plan)).await?;
        transaction::commit(self.connection).await?;
        let created_at = tenant.created_at();
        Ok(tenant
            .with_status(Status::Active)
            .with_plan(self.source.plan().cloned())
            .with_terms(self.source.limits().clone(), self.source.features().clone())
            .with_times(created_at, updated_at))
    }

    /// Takes back the first `begun` resources, newest first, then the schema and the rows.
    async fn undo(&mut self, tenant: &Tenant, begun: usize) -> Result<(), Error> {
        if sabotaged!("fleet.half-clone-stays") {
            return Ok(());
        }
        transaction::rollback(self.connection).await?;
        half::remove(self.fleet, self.connection, tenant, begun).await?;
        self.note("undone").await
    }
}

/// How many differences are named in a message.
const NAMED: usize = 5;

/// Begins to describe a schema.
const READ: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
    SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = 0; \
    SET LOCAL lock_timeout = '5s'";

/// Writes a step of a clone into the journal.
async fn note(
    connection: &mut PgConnection,
    operation: Uuid,
    tenant: TenantId,
    step: &str,
    detail: &serde_json::Value,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO tenancy.journal (operation, tenant_id, kind, step, detail)
         VALUES ($1, $2, 'clone', $3, $4::jsonb)",
    )
    .bind(operation)
    .bind(tenant.as_uuid())
    .bind(step)
    .bind(detail.to_string())
    .execute(connection)
    .await?;
    Ok(())
}
