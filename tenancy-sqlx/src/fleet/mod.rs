//! The owner's side of the fleet: it makes, migrates, changes, lists and purges tenants.

mod names;
mod new_tenant;
mod validator;

mod isolation;
mod role;

mod kept;

mod domains;
mod prepare;
mod provision;

pub(crate) mod journal;
mod life;

mod archive;
mod maintenance;
mod suspension;

mod plans;
mod rename;

mod dependents;
mod drop;
mod expired;
mod purge;
mod purge_plan;
mod residue;

mod repair;
mod unfinished;

mod clone;
mod drift;
mod migrate;

mod moves;

pub(crate) mod grants;
pub(crate) mod transaction;

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_core::{Domain, Identifier, SchemaName, Slug, Tenant, TenantResource};

use crate::error::Error;
use crate::migrate::ledger::{self, Sets};
use crate::migrate::{Migration, MigrationSet, Migrations};
use crate::pooler;
use crate::store::{TENANT, tenant_from_row};
use crate::transaction::OutboxEntry;

pub use clone::{CloneData, CloneEvent};
pub use domains::{DomainRecord, DomainRole};
pub use drift::{DriftReport, TenantDrift};
pub use expired::ExpiredPurge;
pub use isolation::Isolation;
pub use journal::JournalEntry;
pub use moves::{
    Adopted, Adoption, AdoptionPlan, ArchiveInfo, ExportFormat, ExportSummary, Kept, MoveEvent,
    TableRows,
};
pub use new_tenant::{NewTenant, ProvisionEvent, TenantPlan};
pub use purge_plan::{PlannedTable, PurgePlan};
pub use rename::Rename;
pub use repair::{Fault, Repair, RepairOutcome, RepairReport, Repaired};
pub use residue::Residue;
pub use validator::TenantValidator;

/// The framework's own tables.
static FRAMEWORK: LazyLock<MigrationSet> = LazyLock::new(|| {
    MigrationSet::new([
        Migration::new(1, "fleet", include_str!("../../migrations/1_fleet.sql")),
        Migration::new(2, "append", include_str!("../../migrations/2_append.sql")),
        Migration::new(3, "roles", include_str!("../../migrations/3_roles.sql")),
        Migration::new(4, "life", include_str!("../../migrations/4_life.sql")),
        Migration::new(5, "outbox", include_str!("../../migrations/5_outbox.sql")),
        Migration::new(6, "jobs", include_str!("../../migrations/6_jobs.sql")),
        Migration::new(
            7,
            "processes",
            include_str!("../../migrations/7_processes.sql"),
        ),
        Migration::new(8, "plans", include_str!("../../migrations/8_plans.sql")),
    ])
    .expect("the framework's migrations obey their own rules, as a test shows")
});

/// All tenants of one database, through the login that owns their schemas.
///
/// Every operation has a connection of its own, which ends with it unless the fleet is to [keep
/// some](Fleet::keep_connections): dropping the future of one leaves no lock and no open
/// transaction behind. The connection must be a direct one, not
/// through a pooler. Cloning copies pointers.
#[derive(Clone)]
pub struct Fleet {
    pub(crate) owner: PgConnectOptions,
    pub(crate) app_login: Option<Arc<str>>,
    pub(crate) application: Option<PgConnectOptions>,
    pub(crate) migrations: Migrations,
    resources: Vec<Arc<dyn TenantResource>>,
    first_messages: Vec<OutboxEntry>,
    public_hosts: Vec<Domain>,
    validators: Vec<Arc<dyn TenantValidator>>,
    reservation: Duration,
    isolation: Isolation,
    kept: Option<Arc<kept::Kept>>,
}

impl Fleet {
    /// Takes the owner's connection, the login the application uses, and the migrations.
    ///
    /// Without `app_login` nothing is granted: the application then connects as the owner, or its
    /// rights are given by other means.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) or
    /// [`ErrorKind::Forbidden`](crate::ErrorKind::Forbidden) when the server does not let us in,
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when it is older than
    /// PostgreSQL 15, when it is seen to be behind a transaction pooler, or when a migration names
    /// a schema that is not its side's.
    pub async fn connect(
        owner: PgConnectOptions,
        app_login: Option<String>,
        migrations: Migrations,
    ) -> Result<Self, Error> {
        migrations.check()?;
        let fleet = Self {
            owner,
            app_login: app_login.map(Arc::from),
            application: None,
            migrations,
            resources: Vec::new(),
            first_messages: Vec::new(),
            public_hosts: Vec::new(),
            validators: Vec::new(),
            reservation: names::RESERVATION,
            isolation: Isolation::default(),
            kept: None,
        };
        let mut connection = fleet.open().await?;
        pooler::refuse(&mut connection, &fleet.owner).await?;
        transaction::close(connection).await;
        Ok(fleet)
    }

    /// Says how the application connects, which [`Fleet::doctor`] looks at too.
    #[must_use]
    pub fn application(mut self, options: PgConnectOptions) -> Self {
        self.application = Some(options);
        self
    }

    /// Registers a store that tenants have something in; they are made ready in this order.
    #[must_use]
    pub fn resource(mut self, resource: Arc<dyn TenantResource>) -> Self {
        self.resources.push(resource);
        self
    }

    /// Leaves `message` in the outbox for every tenant that comes to be, whichever way: made, cloned,
    /// imported or adopted. It is there exactly when the tenant is.
    ///
    /// For what is built from a tenant's rows elsewhere, such as its search index: who builds it is
    /// told when the tenant serves, and whatever is down meanwhile keeps no tenant from being made.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Fleet, OutboxEntry};
    /// # fn example(fleet: Fleet) -> Fleet {
    /// fleet.first_message(OutboxEntry::new("search.products", "*"))
    /// # }
    /// ```
    #[must_use]
    pub fn first_message(mut self, message: OutboxEntry) -> Self {
        self.first_messages.push(message);
        self
    }

    /// Keeps a host for the public side: no tenant gets it as a domain.
    #[must_use]
    pub fn public_host(mut self, host: Domain) -> Self {
        self.public_hosts.push(host);
        self
    }

    /// Refuses a domain that is the public side's.
    fn refuse_public(&self, domain: &Domain) -> Result<(), Error> {
        if self.public_hosts.contains(domain) {
            return Err(Error::new(
                crate::ErrorKind::Conflict,
                format!("domain {domain} is the public host: choose one below it, or another"),
            ));
        }
        Ok(())
    }

    /// The migrations of this program.
    pub fn migrations(&self) -> &Migrations {
        &self.migrations
    }

    /// Lists every tenant that is not purged, by slug.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the database was never
    /// prepared.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let mut lent = self.lend().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{TENANT} WHERE t.status <> 'purged' ORDER BY t.slug"
        )))
        .fetch_all(&mut lent.connection)
        .await
        .map_err(ledger::explain);
        let rows = self.give_back(lent, rows).await?;
        Ok(rows
            .iter()
            .map(tenant_from_row)
            .collect::<Result<_, sqlx::Error>>()?)
    }

    /// Finds a tenant by its slug.
    ///
    /// # Errors
    ///
    /// As [`Fleet::tenants`].
    pub async fn tenant(&self, slug: &Slug) -> Result<Option<Tenant>, Error> {
        let mut lent = self.lend().await?;
        let tenant = find(&mut lent.connection, slug).await;
        self.give_back(lent, tenant).await
    }

    /// Finds a tenant by the schema that holds its tables.
    ///
    /// # Errors
    ///
    /// As [`Fleet::tenants`].
    pub async fn tenant_of_schema(&self, schema: &SchemaName) -> Result<Option<Tenant>, Error> {
        let mut lent = self.lend().await?;
        let tenant = find_by(&mut lent.connection, "schema_name", schema.as_str()).await;
        self.give_back(lent, tenant).await
    }

    /// The owner's login and where its server is.
    #[cfg(feature = "cli")]
    pub(crate) fn owner(&self) -> &PgConnectOptions {
        &self.owner
    }

    pub(crate) async fn open(&self) -> Result<PgConnection, Error> {
        transaction::open(&self.owner).await
    }

    pub(crate) fn sets(&self) -> Sets<'_> {
        Sets {
            framework: &FRAMEWORK,
            shared: &self.migrations.shared,
            tenant: &self.migrations.tenant,
        }
    }

    /// What the ledger calls this program.
    fn program(&self) -> &str {
        self.owner.get_application_name().unwrap_or("tenancy")
    }
}

/// Finds a tenant by its slug on the owner's connection.
async fn find(connection: &mut PgConnection, slug: &Slug) -> Result<Option<Tenant>, Error> {
    find_by(connection, "slug", slug.as_str()).await
}

/// Finds a tenant that must be there.
async fn existing(connection: &mut PgConnection, slug: &Slug) -> Result<Tenant, Error> {
    find(connection, slug).await?.ok_or_else(|| missing(slug))
}

/// Says that there is no such tenant.
fn missing(slug: &Slug) -> Error {
    Error::from(tenancy_core::Error::new(
        tenancy_core::ErrorKind::NotFound,
        format!("tenant {slug} does not exist: `tenant list` shows those that do"),
    ))
}

/// Finds the record that `identifier` names, which may be that of a purged tenant when no other
/// has the name.
async fn record(connection: &mut PgConnection, identifier: &Identifier) -> Result<Tenant, Error> {
    let condition = match identifier {
        Identifier::Id(_) => "t.id::text = $1",
        Identifier::Slug(_) => "t.slug = $1",
        _ => "t.id = (SELECT tenant_id FROM tenancy.domains WHERE domain = $1)",
    };
    let name = match identifier {
        Identifier::Id(id) => id.to_string(),
        Identifier::Slug(slug) => slug.to_string(),
        Identifier::Domain(domain) => domain.to_string(),
        other => other.to_string(),
    };
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{TENANT} WHERE {condition} ORDER BY t.status = 'purged', t.updated_at DESC LIMIT 1"
    )))
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(ledger::explain)?;
    let tenant = row.as_ref().map(tenant_from_row).transpose()?;
    tenant.ok_or_else(|| {
        Error::from(tenancy_core::Error::new(
            tenancy_core::ErrorKind::NotFound,
            format!("no tenant has or had {identifier}: `tenant list` shows those there are"),
        ))
    })
}

/// Finds the tenant that has `name` in a column of names.
async fn find_by(
    connection: &mut PgConnection,
    column: &'static str,
    name: &str,
) -> Result<Option<Tenant>, Error> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{TENANT} WHERE t.{column} = $1 AND t.status <> 'purged'"
    )))
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(ledger::explain)?;
    Ok(row.as_ref().map(tenant_from_row).transpose()?)
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resources: Vec<_> = self.resources.iter().map(|store| store.name()).collect();
        f.debug_struct("Fleet")
            .field("owner", &self.owner.get_username())
            .field("app_login", &self.app_login)
            .field("isolation", &self.isolation)
            .field("resources", &resources)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frameworks_migrations_obey_their_own_rules() {
        assert_eq!(FRAMEWORK.versions(), [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
