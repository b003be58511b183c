//! Creates a tenant: all of it or nothing.

use std::fmt::Write as _;

use serde_json::json;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgRow};
use tenancy_core::{Domain, Status, Tenant, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::journal::{self, BEGUN, DONE, Kind, Operation, UNDOING, literal};
use super::life::release;
use super::names::reserve_wanted;
use super::new_tenant::TenantPlan;
use super::role::Roles;
use super::transaction::{self, Locks};
use super::{Fleet, NewTenant, ProvisionEvent, domains, find, grants};
use crate::error::{Error, ErrorKind};
use crate::migrate::RunKind;
use crate::migrate::ledger::{Scope, Target};
use crate::migrate::script::{Script, apply};
use crate::store::{TenantChange, telling};

impl Fleet {
    /// Creates a tenant: its record and domains, its schema with every table, the application's
    /// rights in it, its role where tenants have [one of their own](Fleet::isolation), and
    /// whatever the registered resources make.
    ///
    /// All rows and tables come in one transaction. Without resources the tenant is active from
    /// its end; with them it is [`Status::Provisioning`] until each is ready, and when one fails
    /// everything is taken back in reverse order, the failed one first. A future that is dropped
    /// or a program that is killed between the two leaves a tenant that is provisioning and does
    /// not serve: the same call, or [`Fleet::repair`], completes it, and [`Fleet::purge`] takes it
    /// away. Other programs are told at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when the slug, the schema or a domain is
    /// taken or still reserved, or another program is creating the same tenant; the message says
    /// which. [`ErrorKind::Core`](crate::ErrorKind::Core)
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
        let mut lent = self.lend().await?;
        let tenant = self
            .create_on(&mut lent.connection, &plan, &mut progress)
            .await
            .map_err(|error| creating(&plan, error));
        self.give_back(lent, tenant).await
    }

    async fn create_on(
        &self,
        connection: &mut PgConnection,
        plan: &TenantPlan,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        let taken = match self.create_new(connection, plan, progress).await {
            Err(error) if error.kind() == ErrorKind::Conflict => error,
            ended => return ended,
        };
        transaction::rollback(connection).await?;
        match self.resume_creation(connection, plan, progress).await? {
            Left::Nothing => Err(taken),
            Left::TakenBack => self.create_new(connection, plan, progress).await,
            Left::Completed(tenant) => Ok(*tenant),
        }
    }

    async fn create_new(
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
            // Nobody changes a tenant whose resources are still being made, and whoever finds it
            // without this lock knows that its creator died.
            let mut guard = self.lend().await?;
            let begin = transaction::begin(&Locks::of_life(id));
            transaction::send(&mut guard.connection, begin).await?;
            Some(guard)
        };
        let operation = self.operation(id, Kind::Create);
        let rows = self.create_rows(connection, &operation, plan, role, progress);
        let mut tenant = rows.await?;
        progress(ProvisionEvent::Committed);
        if let Some(mut guard) = guard {
            let ready = self
                .complete(connection, tenant, &operation, progress)
                .await;
            // When it cannot be told that it is over, the end of the connection tells it.
            let let_go = transaction::rollback(&mut guard.connection).await;
            let _ = self.give_back(guard, let_go).await;
            tenant = ready?;
        }
        progress(ProvisionEvent::Active);
        Ok(tenant)
    }

    /// Goes on with the creation of the same tenant that a crash cut off, if there is one.
    async fn resume_creation(
        &self,
        connection: &mut PgConnection,
        plan: &TenantPlan,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Left, Error> {
        let Some(found) = same(connection, plan).await? else {
            return Ok(Left::Nothing);
        };
        let mut guard = self.open().await?;
        if !transaction::try_life(&mut guard, found.id()).await? {
            release(guard).await;
            return Err(Error::new(
                ErrorKind::Conflict,
                "it is being created by another program: wait until that has ended",
            ));
        }
        let left = self.resume_alone(connection, plan, progress).await;
        release(guard).await;
        left
    }

    async fn resume_alone(
        &self,
        connection: &mut PgConnection,
        plan: &TenantPlan,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Left, Error> {
        // Its creator may have come to the end a moment ago.
        let Some(tenant) = same(connection, plan).await? else {
            return Ok(Left::Nothing);
        };
        let entries = journal::of_tenant(connection, tenant.id()).await?;
        let operation = match entries.last() {
            Some(last) if last.kind == Kind::Create.as_str() => self.continued(last, Kind::Create),
            // What another operation makes is not what this one promises.
            Some(_) => return Ok(Left::Nothing),
            None => self.operation(tenant.id(), Kind::Create),
        };
        if entries.iter().any(|entry| entry.step == UNDOING) {
            let all = self.resources.len();
            self.take_back(connection, &tenant, &operation, all).await?;
            return Ok(Left::TakenBack);
        }
        let tenant = self
            .complete(connection, tenant, &operation, progress)
            .await?;
        progress(ProvisionEvent::Active);
        Ok(Left::Completed(Box::new(tenant)))
    }

    /// Everything in PostgreSQL, in one transaction.
    async fn create_rows(
        &self,
        connection: &mut PgConnection,
        operation: &Operation,
        plan: &TenantPlan,
        role: Option<String>,
        progress: &mut impl FnMut(ProvisionEvent),
    ) -> Result<Tenant, Error> {
        reserve_wanted(connection, plan.wanted()).await?;
        progress(ProvisionEvent::Reserved);

        let status = if self.resources.is_empty() {
            Status::Active
        } else {
            Status::Provisioning
        };
        let id = operation.tenant();
        let scope = Scope::Tenant(Target {
            id,
            slug: plan.slug.clone(),
            schema: plan.schema.clone(),
            status,
        });

        let (run, started_at) = (Uuid::now_v7(), OffsetDateTime::now_utc());
        let pending: Vec<_> = self.migrations.tenant.iter().collect();
        let names = json!({
            "slug": plan.slug, "schema": plan.schema, "domains": plan.domains,
        });
        let mut preamble = format!(
            "{}; {}; CREATE SCHEMA {}",
            self.rows(id, plan, status),
            operation.sql(BEGUN, names),
            plan.schema.quoted()
        );
        if let Some(login) = &self.app_login {
            preamble.push_str("; ");
            preamble.push_str(&grants::tenant(&plan.schema, login));
        }
        if let Some(role) = role {
            preamble.push_str("; ");
            preamble.push_str(&role);
        }
        let mut script = Script::new(preamble, &scope, &pending, run);
        let counts = [pending.len(), 0, 0];
        script.push(&self.entered(RunKind::Create, run, started_at, counts));
        script.push("; ");
        script.push(&telling(&change(id, plan)));
        if status == Status::Active {
            script.push("; ");
            script.push(&operation.sql(DONE, json!({})));
        }
        let answers = apply(connection, &script).await;
        let answers =
            answers.map_err(|failure| failure.explained_by(|error| refused(error, plan)))?;
        let tenant = made(&answers, id, plan, status)?;
        progress(ProvisionEvent::Migrated {
            versions: self.migrations.tenant.versions(),
        });
        transaction::commit(connection).await?;
        Ok(tenant.with_migration(self.migrations.tenant.head().unwrap_or(0)))
    }
}

/// What was left of an earlier creation of the same tenant.
enum Left {
    /// Nothing, or what is somebody else's.
    Nothing,
    /// What was there is gone: it was being taken back already.
    TakenBack,
    /// All of it, and it is complete now.
    Completed(Box<Tenant>),
}

/// The tenant that is just what `plan` says and not complete.
async fn same(connection: &mut PgConnection, plan: &TenantPlan) -> Result<Option<Tenant>, Error> {
    let Some(tenant) = find(connection, &plan.slug).await? else {
        return Ok(None);
    };
    let records = domains::read(connection, tenant.id()).await?;
    let is_same = tenant.status() == Status::Provisioning
        && tenant.schema_name() == &plan.schema
        && tenant.name() == plan.name
        && tenant.description() == plan.description
        && tenant.primary_domain() == plan.domains.first()
        && records.len() == plan.domains.len()
        && records
            .iter()
            .all(|record| plan.domains.contains(&record.domain));
    Ok(is_same.then_some(tenant))
}

impl Fleet {
    /// Enters a tenant, its domains and its first messages.
    pub(super) async fn insert(
        &self,
        connection: &mut PgConnection,
        id: TenantId,
        plan: &TenantPlan,
        status: Status,
    ) -> Result<Tenant, Error> {
        let answers = transaction::rows(connection, self.rows(id, plan, status)).await;
        made(
            &answers.map_err(|error| refused(error, plan))?,
            id,
            plan,
            status,
        )
    }

    /// The statements that do that; [`made`] understands what they answer.
    fn rows(&self, id: TenantId, plan: &TenantPlan, status: Status) -> String {
        let mut sql = format!(
            "INSERT INTO tenancy.tenants (id, slug, schema_name, name, description, status) \
             VALUES ('{id}', {}, {}, {}, {}, '{}') RETURNING created_at, updated_at",
            literal(plan.slug.as_str()),
            literal(plan.schema.as_str()),
            literal(&plan.name),
            literal(&plan.description),
            status.as_str()
        );
        for (index, domain) in plan.domains.iter().enumerate() {
            let _ = write!(
                sql,
                "; INSERT INTO tenancy.domains (id, tenant_id, domain, is_primary) \
                 VALUES ('{}', '{id}', {}, {})",
                Uuid::now_v7(),
                literal(domain.as_str()),
                index == 0
            );
        }
        for message in &self.first_messages {
            let [topic, key, payload] = message.parts().map(|part: String| literal(&part));
            let _ = write!(
                sql,
                "; INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload) \
                 VALUES ('{}', '{id}', {topic}, {key}, {payload})",
                Uuid::now_v7()
            );
        }
        sql
    }
}

/// The tenant that was entered.
fn made(
    answers: &[PgRow],
    id: TenantId,
    plan: &TenantPlan,
    status: Status,
) -> Result<Tenant, Error> {
    let row = answers.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Tenant::new(id, plan.slug.clone(), plan.schema.clone())
        .with_name(&plan.name)
        .with_description(&plan.description)
        .with_status(status)
        .with_primary_domain(plan.domains.first().cloned())
        .with_times(row.try_get("created_at")?, row.try_get("updated_at")?))
}

/// Names the domain when another tenant was first.
fn refused(error: sqlx::Error, plan: &TenantPlan) -> Error {
    let postgres = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let detail = postgres
        .and_then(PgDatabaseError::detail)
        .unwrap_or_default();
    let named = |domain: &&Domain| detail.contains(&format!("({domain})"));
    match plan.domains.iter().find(named).or(plan.domains.first()) {
        Some(domain) => domains::taken(error, domain),
        None => Error::from(error),
    }
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
