//! The domains a tenant answers to, one of which its links use.

use serde::Serialize;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row};
use tenancy_core::{Domain, Slug, Tenant, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::life::tell;
use super::names::{Freed, reserve};
use super::transaction::{self, Locks};
use super::{Fleet, existing, missing};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::{explain, parsed};

/// What a domain is to its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainRole {
    /// Links use it; the one that was primary becomes an alias.
    Primary,
    /// The tenant answers to it.
    Alias,
}

/// One domain of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainRecord {
    /// Its id.
    pub id: Uuid,
    /// The name.
    pub domain: Domain,
    /// Whether links use it.
    pub is_primary: bool,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl FromRow<'_, PgRow> for DomainRecord {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            domain: parsed(row, "domain")?,
            is_primary: row.try_get("is_primary")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl Fleet {
    /// Adds a domain to a tenant and tells other programs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant, [`ErrorKind::Conflict`]
    /// when the domain is taken, by this tenant too, or still reserved.
    pub async fn add_domain(
        &self,
        tenant: &Slug,
        domain: &Domain,
        role: DomainRole,
    ) -> Result<DomainRecord, Error> {
        self.refuse_public(domain)?;
        let mut connection = self.open().await?;
        let record = add(&mut connection, tenant, domain, role).await;
        transaction::finish(connection, record).await
    }

    /// Takes a domain from a tenant, tells other programs, and keeps it from everybody else for a
    /// while ([`Fleet::name_reservation`]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant or it has no such domain,
    /// [`ErrorKind::Conflict`] when it is the primary one: make another one primary first.
    pub async fn remove_domain(
        &self,
        tenant: &Slug,
        domain: &Domain,
    ) -> Result<DomainRecord, Error> {
        let mut connection = self.open().await?;
        let record = self.remove(&mut connection, tenant, domain).await;
        transaction::finish(connection, record).await
    }

    /// Makes one of a tenant's domains the primary one and tells other programs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant or it has no such domain.
    pub async fn set_primary_domain(
        &self,
        tenant: &Slug,
        domain: &Domain,
    ) -> Result<DomainRecord, Error> {
        let mut connection = self.open().await?;
        let record = set_primary(&mut connection, tenant, domain).await;
        transaction::finish(connection, record).await
    }

    /// Lists the domains of a tenant, the primary one first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was never prepared.
    pub async fn domains(&self, tenant: TenantId) -> Result<Vec<DomainRecord>, Error> {
        let mut connection = self.open().await?;
        let records = read(&mut connection, tenant).await;
        transaction::finish(connection, records).await
    }

    async fn remove(
        &self,
        connection: &mut PgConnection,
        slug: &Slug,
        domain: &Domain,
    ) -> Result<DomainRecord, Error> {
        let tenant = locked(connection, slug, domain).await?;
        let record = one(connection, &tenant, domain).await?;
        if record.is_primary {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "domain {domain} is the primary one of tenant {slug}: make another one primary \
                     first (`domain primary {slug} OTHER`)"
                ),
            ));
        }
        sqlx::query("DELETE FROM tenancy.domains WHERE id = $1")
            .bind(record.id)
            .execute(&mut *connection)
            .await?;
        let domains = std::slice::from_ref(domain);
        tell(connection, &tenant, &[], domains).await?;
        let freed = Freed {
            domains,
            ..Freed::default()
        };
        reserve(connection, tenant.id(), freed, self.reservation).await?;
        transaction::commit(connection).await?;
        Ok(record)
    }
}

async fn set_primary(
    connection: &mut PgConnection,
    slug: &Slug,
    domain: &Domain,
) -> Result<DomainRecord, Error> {
    let tenant = locked(connection, slug, domain).await?;
    let mut record = one(connection, &tenant, domain).await?;
    // Two statements, because an index that is unique allows no other order.
    for (statement, id) in [
        (
            "UPDATE tenancy.domains SET is_primary = false WHERE tenant_id = $1 AND is_primary",
            *tenant.id().as_uuid(),
        ),
        (
            "UPDATE tenancy.domains SET is_primary = true WHERE id = $1",
            record.id,
        ),
    ] {
        sqlx::query(statement)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    tell(connection, &tenant, &[], &[]).await?;
    transaction::commit(connection).await?;
    record.is_primary = true;
    Ok(record)
}

/// Begins a transaction with the locks of a tenant and a domain.
async fn locked(
    connection: &mut PgConnection,
    slug: &Slug,
    domain: &Domain,
) -> Result<Tenant, Error> {
    let tenant = existing(connection, slug).await?;
    let locks = Locks::of_domain(tenant.id(), domain);
    transaction::send(connection, transaction::begin(&locks)).await?;
    Ok(tenant)
}

/// The domain if it is the tenant's.
async fn one(
    connection: &mut PgConnection,
    tenant: &Tenant,
    domain: &Domain,
) -> Result<DomainRecord, Error> {
    let records = read(connection, tenant.id()).await?;
    records
        .into_iter()
        .find(|record| record.domain == *domain)
        .ok_or_else(|| not_its(tenant.slug(), domain))
}

async fn add(
    connection: &mut PgConnection,
    tenant: &Slug,
    domain: &Domain,
    role: DomainRole,
) -> Result<DomainRecord, Error> {
    let found = locked(connection, tenant, domain).await?;
    let id = found.id();
    let reserved: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM tenancy.reserved_names WHERE kind = 'domain'
             AND name = $1 AND until > pg_catalog.clock_timestamp()
             AND tenant_id IS DISTINCT FROM $2)",
    )
    .bind(domain.as_str())
    .bind(id.as_uuid())
    .fetch_one(&mut *connection)
    .await?;
    if reserved {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "domain {domain} was freed a short while ago and is still reserved: choose \
                 another or try later"
            ),
        ));
    }
    if role == DomainRole::Primary {
        sqlx::query(
            "UPDATE tenancy.domains SET is_primary = false WHERE tenant_id = $1 AND is_primary",
        )
        .bind(id.as_uuid())
        .execute(&mut *connection)
        .await?;
    }
    let record: DomainRecord = sqlx::query_as(
        "INSERT INTO tenancy.domains (id, tenant_id, domain, is_primary)
         SELECT $1, id, $3, $4 FROM tenancy.tenants WHERE id = $2 AND status <> 'purged'
         RETURNING id, domain, is_primary, created_at",
    )
    .bind(Uuid::now_v7())
    .bind(id.as_uuid())
    .bind(domain.as_str())
    .bind(role == DomainRole::Primary)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|error| taken(error, domain))?
    .ok_or_else(|| missing(tenant))?;
    // Every domain of the tenant: what they resolve to carries the primary one.
    tell(connection, &found, &[], &[]).await?;
    transaction::commit(&mut *connection).await?;
    Ok(record)
}

pub(super) async fn read(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<DomainRecord>, Error> {
    sqlx::query_as(
        "SELECT id, domain, is_primary, created_at FROM tenancy.domains
         WHERE tenant_id = $1 ORDER BY is_primary DESC, domain",
    )
    .bind(tenant.as_uuid())
    .fetch_all(connection)
    .await
    .map_err(explain)
}

/// Says that the tenant has no such domain.
pub(super) fn not_its(tenant: &Slug, domain: &Domain) -> Error {
    Error::from(tenancy_core::Error::new(
        tenancy_core::ErrorKind::NotFound,
        format!(
            "tenant {tenant} has no domain {domain}: `domain list {tenant}` shows those it has"
        ),
    ))
}

/// Names the domain when another tenant was first.
pub(super) fn taken(error: sqlx::Error, domain: &Domain) -> Error {
    let unique = error
        .as_database_error()
        .is_some_and(|error| error.constraint() == Some("domains_domain_key"));
    if unique {
        return Error::new(
            ErrorKind::Conflict,
            format!("domain {domain} is taken: choose another"),
        )
        .with_source(error);
    }
    Error::from(error)
}
