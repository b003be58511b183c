//! Names of tenants: which are free, and which nobody else gets for a while after they were freed.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use tenancy_core::{Domain, SchemaName, Slug, TenantId, sabotaged};

use super::Fleet;
use super::journal::literal;
use super::transaction::{self, Locks};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger;

/// How long a freed name stays reserved unless the fleet says otherwise: far longer than the
/// core's cached store remembers, and than any request should run.
pub(super) const RESERVATION: Duration = Duration::from_mins(10);

impl Fleet {
    /// Keeps names that a purge, a rename or a removed domain freed from everybody else for
    /// `span`; 10 minutes unless it is said.
    ///
    /// Whoever found the tenant before may go on with its old names for a while: a cached store
    /// for its time to live, a request or a transaction until it ends. `span` must be at least
    /// twice the longest of these in every program of the installation, or such a latecomer may
    /// meet the rows of whoever got the name next. The tenant that had a name may have it back at
    /// once.
    #[must_use]
    pub fn name_reservation(mut self, span: Duration) -> Self {
        self.reservation = span;
        self
    }
}

/// Names that somebody wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) slug: &'a Slug,
    pub(super) schema: &'a SchemaName,
    pub(super) domains: &'a [Domain],
    /// Who wants them, when it is a tenant already: what it has is no obstacle, and neither is
    /// what it had.
    pub(super) by: Option<TenantId>,
}

/// Refuses names that are not free, naming the first that is not.
pub(super) async fn refuse_taken(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
) -> Result<(), Error> {
    refuse_taken_but(connection, wanted, None).await
}

/// The same, for who brings a schema of PostgreSQL's along that is no tenant's yet.
pub(super) async fn refuse_taken_but(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    brought: Option<&str>,
) -> Result<(), Error> {
    let rows = transaction::rows(connection, question(wanted, brought));
    judge(rows.await.map_err(ledger::explain)?.last(), wanted)
}

/// The message that begins a transaction with the locks of `wanted` and asks for what is taken.
pub(super) async fn reserve_wanted(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
) -> Result<(), Error> {
    let locks = Locks::of_names(wanted.slug, wanted.schema, wanted.domains);
    let message = format!("{}; {}", transaction::begin(&locks), question(wanted, None));
    let rows = transaction::rows(connection, message);
    judge(rows.await.map_err(ledger::explain)?.last(), wanted)
}

/// Asks for one row, which [`judge`] understands.
fn question(wanted: Wanted<'_>, brought: Option<&str>) -> String {
    let text = |text: &str| format!("{}::pg_catalog.text", literal(text));
    let (slug, schema) = (text(wanted.slug.as_str()), text(wanted.schema.as_str()));
    let domains: Vec<_> = wanted
        .domains
        .iter()
        .map(|name| text(name.as_str()))
        .collect();
    let domains = format!("ARRAY[{}]::pg_catalog.text[]", domains.join(", "));
    let by = match wanted.by {
        Some(id) => format!("'{id}'::pg_catalog.uuid"),
        None => "NULL::pg_catalog.uuid".to_owned(),
    };
    let brought = brought.map_or_else(|| "NULL::pg_catalog.text".to_owned(), text);
    format!(
        "SELECT
            EXISTS (SELECT FROM tenancy.tenants WHERE slug = {slug} AND status <> 'purged'
                AND id IS DISTINCT FROM {by}) AS slug,
            EXISTS (SELECT FROM tenancy.tenants WHERE schema_name = {schema} AND status <> 'purged'
                AND id IS DISTINCT FROM {by}) AS schema,
            EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {schema})
                AND NOT EXISTS (SELECT FROM tenancy.tenants WHERE id = {by} AND schema_name = {schema})
                AND {schema} IS DISTINCT FROM {brought}
                AS namespace,
            (SELECT domain FROM tenancy.domains WHERE domain = ANY ({domains}) ORDER BY domain LIMIT 1)
                AS domain,
            (SELECT kind || ' ' || name FROM tenancy.reserved_names
             WHERE until > pg_catalog.clock_timestamp()
               AND ({by} IS NULL OR tenant_id IS DISTINCT FROM {by})
               AND ((kind = 'slug' AND name = {slug}) OR (kind = 'schema' AND name = {schema})
                    OR (kind = 'domain' AND name = ANY ({domains})))
             ORDER BY kind, name LIMIT 1) AS reserved"
    )
}

/// Refuses what the server says is taken.
fn judge(row: Option<&PgRow>, wanted: Wanted<'_>) -> Result<(), Error> {
    let row = row.ok_or_else(|| {
        Error::new(
            ErrorKind::Internal,
            "the server did not say which names are taken",
        )
    })?;
    let conflict = |message: String| Err(Error::new(ErrorKind::Conflict, message));
    if row.try_get("slug")? {
        return conflict(format!("slug {} is taken: choose another", wanted.slug));
    }
    if row.try_get("schema")? {
        return conflict(format!(
            "schema {} belongs to another tenant: choose another",
            wanted.schema
        ));
    }
    if let Some(domain) = row.try_get::<Option<&str>, _>("domain")? {
        return conflict(format!("domain {domain} is taken: choose another"));
    }
    if let Some(name) = row.try_get::<Option<&str>, _>("reserved")? {
        return conflict(format!(
            "{name} was freed a short while ago and is still reserved: choose another or try later"
        ));
    }
    if row.try_get("namespace")? {
        return conflict(format!(
            "schema {} exists in PostgreSQL and is no tenant's: choose another",
            wanted.schema
        ));
    }
    Ok(())
}

/// Names that a tenant no longer has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Freed<'a> {
    pub(super) slug: Option<&'a Slug>,
    pub(super) schema: Option<&'a SchemaName>,
    pub(super) domains: &'a [Domain],
}

/// Reserves what `tenant` no longer has, and forgets reservations that have ended.
pub(super) async fn reserve(
    connection: &mut PgConnection,
    tenant: TenantId,
    freed: Freed<'_>,
    span: Duration,
) -> Result<(), Error> {
    if sabotaged!("fleet.freed-name-unreserved") {
        return Ok(());
    }
    let slug = freed.slug.map(|slug| ("slug", slug.as_str()));
    let schema = freed.schema.map(|schema| ("schema", schema.as_str()));
    let domains = freed.domains.iter().map(|name| ("domain", name.as_str()));
    let (kinds, names): (Vec<_>, Vec<_>) = slug.into_iter().chain(schema).chain(domains).unzip();
    sqlx::query(
        "DELETE FROM tenancy.reserved_names WHERE (kind, name) IN
            (SELECT kind, name FROM tenancy.reserved_names
             WHERE until <= pg_catalog.clock_timestamp() FOR UPDATE SKIP LOCKED)",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO tenancy.reserved_names (kind, name, until, tenant_id)
         SELECT kind, name,
                pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => $3), $4
         FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]))
             AS freed (kind, name)
         ON CONFLICT (kind, name) DO UPDATE
         SET until = greatest(reserved_names.until, excluded.until),
             tenant_id = excluded.tenant_id",
    )
    .bind(kinds)
    .bind(names)
    .bind(span.as_secs_f64())
    .bind(tenant.as_uuid())
    .execute(connection)
    .await?;
    Ok(())
}
