//! Completes what a crash cut off, one tenant after the other.

mod fault;

use serde::Serialize;
use serde_json::json;
use sqlx::postgres::PgConnection;
use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::journal::{self, BEGUN, DONE, JournalEntry, Kind, UNDONE};
use super::life::{Life, failed, release};
use super::role::Roles;
use super::transaction::{self, Locks};
use super::{Fleet, find, grants};
use crate::error::{Error, ErrorKind};
use crate::migrate::RunKind;
use crate::migrate::failure::Failure;
use crate::migrate::ledger::{Scope, Target};
use crate::migrate::script::{Script, apply};
use crate::store::notify_of;

pub use fault::Fault;
use fault::Found;
pub(super) use fault::HALF_ADOPTED;

/// How far a repair goes.
///
/// # Example
///
/// ```
/// use tenancy_sqlx::Repair;
///
/// let look = Repair::new().missing_schemas().dry_run();
/// # let _ = look;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Repair {
    missing_schemas: bool,
    dry_run: bool,
}

impl Repair {
    /// Completes what was cut off, and no more.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives tenants whose schema is gone from PostgreSQL an empty one with every table; without
    /// this they are only reported. What was in it does not come back.
    #[must_use]
    pub fn missing_schemas(mut self) -> Self {
        self.missing_schemas = true;
        self
    }

    /// Says what would be done, and does nothing.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }
}

/// What a repair found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// Every tenant that was not as it should be, by slug.
    pub tenants: Vec<Repaired>,
}

impl RepairReport {
    /// Whether nothing is left to be mended.
    pub fn is_complete(&self) -> bool {
        let mended = |tenant: &Repaired| tenant.outcome == RepairOutcome::Mended;
        self.tenants.iter().all(mended)
    }
}

/// A tenant that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Repaired {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its name in URLs and commands.
    pub slug: Slug,
    /// What was the matter.
    pub fault: Fault,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: RepairOutcome,
}

/// What came of one repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairOutcome {
    /// The tenant is complete, or completely gone.
    Mended,
    /// Another program is at work on it, so nothing was touched.
    InUse,
    /// Nothing was done, because nobody asked for it.
    Reported,
    /// It could not be mended.
    Failed {
        /// Why.
        message: String,
    },
}

impl Fleet {
    /// Completes what crashes cut off, and leaves alone what somebody is at work on.
    ///
    /// A tenant that is provisioning becomes active, or is taken back wholly when it was a copy or
    /// an import, whose data nobody has any more. An adopted tenant whose resources were never all
    /// ready gets them and becomes active; its tables stay, whatever fails. A purge that was confirmed and begun goes on.
    /// Resources that may not have been told of a suspension, an archiving, a resumption or a
    /// rename are told again. `progress` is told of each tenant when it has ended; one that fails
    /// stops no other.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was never prepared. What fails for one
    /// tenant is in the report.
    pub async fn repair(
        &self,
        repair: Repair,
        mut progress: impl FnMut(&Repaired),
    ) -> Result<RepairReport, Error> {
        let mut connection = self.open().await?;
        let found = fault::find(&mut connection, None).await;
        let found = transaction::finish(connection, found).await?;
        let mut report = RepairReport::default();
        for found in found {
            let outcome = if repair.dry_run || !found.fault.is_mended_by(repair) {
                RepairOutcome::Reported
            } else {
                self.mend(&found)
                    .await
                    .unwrap_or_else(|error| RepairOutcome::Failed {
                        message: error.to_string(),
                    })
            };
            let repaired = Repaired {
                tenant_id: found.id,
                slug: found.slug,
                fault: found.fault,
                outcome,
            };
            progress(&repaired);
            report.tenants.push(repaired);
        }
        Ok(report)
    }

    async fn mend(&self, found: &Found) -> Result<RepairOutcome, Error> {
        let mut guard = self.open().await?;
        if !transaction::try_life(&mut guard, found.id).await? {
            release(guard).await;
            return Ok(RepairOutcome::InUse);
        }
        // It may have been mended, or renamed, a moment ago.
        let again = fault::find(&mut guard, Some(found.id)).await?;
        let tenant = find(&mut guard, &found.slug).await?;
        let still = again
            .first()
            .is_some_and(|again| again.fault == found.fault);
        let Some(tenant) = tenant.filter(|_| still) else {
            release(guard).await;
            return Ok(RepairOutcome::Mended);
        };
        let mut life = Life::of(self, guard, tenant, found.fault.kind()).await?;
        let result = self.mend_in(&mut life, found.fault).await;
        life.finish(result).await?;
        Ok(RepairOutcome::Mended)
    }

    async fn mend_in(&self, life: &mut Life, fault: Fault) -> Result<(), Error> {
        match fault {
            Fault::Unfinished | Fault::Undone => self.mend_creation(life, fault).await,
            Fault::Purge => self.purge_in(life).await.map(drop),
            Fault::Suspend => self.suspend_in(life).await,
            Fault::Resume => self.resume_in(life).await,
            Fault::Archive => self.archive_in(life, None).await,
            Fault::Rename => self.rename_back(life).await,
            Fault::SchemaMissing => self.remake_schema(life).await,
        }
    }

    async fn mend_creation(&self, life: &mut Life, fault: Fault) -> Result<(), Error> {
        let entries = journal::of_tenant(&mut life.connection, life.tenant.id()).await?;
        let operation = entries.last().and_then(|last| {
            let kind = Kind::parse(&last.kind)?;
            Some(self.continued(last, kind))
        });
        let operation = operation.unwrap_or_else(|| life.operation.clone());
        let (connection, tenant) = (&mut life.connection, life.tenant.clone());
        if tenant.status() == Status::Suspended {
            let is_adoption =
                |entry: &&JournalEntry| entry.kind == Kind::Adopt.as_str() && entry.step == BEGUN;
            let operation = match entries.iter().find(is_adoption) {
                Some(begun) => self.continued(begun, Kind::Adopt),
                None => operation,
            };
            return self.provide(connection, tenant, &operation).await.map(drop);
        }
        if fault == Fault::Undone {
            let all = usize::MAX;
            return self.take_back(connection, &tenant, &operation, all).await;
        }
        let mut quietly = |_| {};
        self.complete(connection, tenant, &operation, &mut quietly)
            .await
            .map(drop)
    }

    /// Tells every resource that a rename did not come to its end: the names are the old ones.
    async fn rename_back(&self, life: &mut Life) -> Result<(), Error> {
        let entries = journal::of_tenant(&mut life.connection, life.tenant.id()).await?;
        let begun = entries
            .iter()
            .rev()
            .find(|entry| entry.kind == Kind::Rename.as_str() && entry.detail["to"].is_object());
        let Some(begun) = begun else { return Ok(()) };
        life.operation = self.continued(begun, Kind::Rename);
        let name = |key: &str| begun.detail["to"][key].as_str().unwrap_or_default();
        let (slug, schema) = (
            Slug::parse(name("slug"))?,
            SchemaName::parse(name("schema"))?,
        );
        let before = &life.tenant;
        let after = Tenant::new(before.id(), slug, schema)
            .with_name(before.name())
            .with_description(before.description())
            .with_status(before.status())
            .with_primary_domain(before.primary_domain().cloned())
            .with_migration(before.migration())
            .with_times(before.created_at(), before.updated_at());
        for resource in self.resources.iter().rev() {
            let told = resource.rename(&after, before).await;
            told.map_err(|error| failed(&**resource, error))?;
        }
        life.note(UNDONE, json!({})).await
    }

    /// Makes an empty schema with every table for a tenant whose own is gone.
    async fn remake_schema(&self, life: &mut Life) -> Result<(), Error> {
        let done = life.entry(DONE, json!({ "schema": life.tenant.schema_name() }));
        let (connection, tenant) = (&mut life.connection, &life.tenant);
        let (id, schema) = (tenant.id(), tenant.schema_name());
        let scope = Scope::Tenant(Target {
            id,
            slug: tenant.slug().clone(),
            schema: schema.clone(),
            status: tenant.status(),
        });
        transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
        refuse_back(connection, schema).await?;
        let (run, started_at) = (Uuid::now_v7(), OffsetDateTime::now_utc());
        let pending: Vec<_> = self.migrations.tenant.iter().collect();
        let mut preamble = format!(
            "DELETE FROM tenancy.migrations WHERE scope = 'tenant' AND tenant_id = '{id}'; \
             CREATE SCHEMA {}",
            schema.quoted()
        );
        if let Some(login) = &self.app_login {
            preamble.push_str("; ");
            preamble.push_str(&grants::tenant(schema, login));
        }
        let mut script = Script::new(preamble, &scope, &pending, run);
        script.push(&notify_of(id));
        apply(connection, &script)
            .await
            .map_err(Failure::into_error)?;
        let counts = [pending.len(), 0, 0];
        self.enter(connection, RunKind::Create, run, started_at, counts)
            .await?;
        transaction::send(connection, transaction::commit_after(&done)).await?;
        match Roles::of(self, connection).await? {
            Some(roles) => roles.repair_all(connection).await,
            None => Ok(()),
        }
    }
}

/// Whoever brought the schema back meanwhile, from a backup perhaps, was first.
async fn refuse_back(connection: &mut PgConnection, schema: &SchemaName) -> Result<(), Error> {
    let back: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)",
    )
    .bind(schema.as_str())
    .fetch_one(connection)
    .await?;
    if back {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("schema {schema} is back: look at it and run the same again"),
        ));
    }
    Ok(())
}
