//! The owner's transactions: a connection of their own, explicit limits, and locks that end with
//! them.

use std::time::Duration;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tenancy_core::{Domain, SchemaName, Slug, TenantId, sabotaged};

use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::Scope;
use crate::pooler;

/// The oldest PostgreSQL that is supported, as the server counts.
const OLDEST: u32 = 150_000;

/// Opens a connection that nothing else uses; dropping it ends whatever it was doing.
pub(crate) async fn open(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connection = options.connect().await.map_err(|error| {
        if pooler::is_refusal(&error) {
            return pooler::direct_only().with_source(error);
        }
        Error::from(error).while_doing(format!(
            "connecting to {}:{} as {}",
            options.get_host(),
            options.get_port(),
            options.get_username()
        ))
    })?;
    match connection.server_version_num() {
        Some(version) if version < OLDEST => {
            let _ = connection.close().await;
            Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "PostgreSQL {} is too old: use 15 or newer",
                    version / 10_000
                ),
            ))
        }
        _ => Ok(connection),
    }
}

/// Locks that a transaction takes first, in one order everywhere so that none wait in a circle.
#[derive(Debug)]
pub(crate) struct Locks(Vec<i64>);

impl Locks {
    /// None.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Keeps two programs from bringing one scope to head at once.
    pub(crate) fn of_scope(scope: &Scope) -> Self {
        match scope {
            Scope::Tenant(target) => Self::of_tenant(target.id),
            shared => Self(vec![key(shared.name(), "")]),
        }
    }

    /// Keeps two programs from changing one tenant at once.
    pub(crate) fn of_tenant(id: TenantId) -> Self {
        Self(vec![key("tenant", &id.to_string())])
    }

    /// Keeps two programs from changing what one tenant is at once, from beginning to end.
    pub(crate) fn of_life(id: TenantId) -> Self {
        Self(vec![key("life", &id.to_string())])
    }

    /// Keeps two programs from changing one tenant, or giving out one of its new names, at once.
    pub(crate) fn of_rename(
        id: TenantId,
        slug: &Slug,
        schema: &SchemaName,
        domains: &[Domain],
    ) -> Self {
        let Self(mut keys) = Self::of_names(slug, schema, domains);
        keys.push(key("tenant", &id.to_string()));
        keys.sort_unstable();
        Self(keys)
    }

    /// Keeps two programs from giving out one name at once.
    pub(crate) fn of_names(slug: &Slug, schema: &SchemaName, domains: &[Domain]) -> Self {
        let mut keys = vec![key("slug", slug.as_str()), key("schema", schema.as_str())];
        keys.extend(domains.iter().map(|domain| key("domain", domain.as_str())));
        keys.sort_unstable();
        Self(keys)
    }

    /// Keeps two programs from making one schema at once.
    pub(crate) fn of_schema(schema: &SchemaName) -> Self {
        Self(vec![key("schema", schema.as_str())])
    }

    /// Keeps two programs from changing one tenant, or giving out one domain, at once.
    pub(crate) fn of_domain(id: TenantId, domain: &Domain) -> Self {
        let mut keys = vec![
            key("tenant", &id.to_string()),
            key("domain", domain.as_str()),
        ];
        keys.sort_unstable();
        Self(keys)
    }
}

impl Locks {
    /// Their keys, in order.
    pub(crate) fn keys(&self) -> &[i64] {
        &self.0
    }
}

/// How long a transaction waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For our own locks: as long as an honest migration may take.
    pub(crate) own: Duration,
    /// For those of tables: only briefly, because everybody who comes after us queues behind our
    /// waiting.
    pub(crate) tables: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            own: Duration::from_mins(1),
            tables: Duration::from_secs(5),
        }
    }
}

/// 64 bits of a digest over purpose and name; a collision makes two things wait for each other.
fn key(purpose: &str, name: &str) -> i64 {
    let digest = Sha256::digest(format!("tenancy:{purpose}:{name}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(bytes)
}

/// The message that begins a transaction and takes `locks`.
pub(crate) fn begin(locks: &Locks) -> String {
    begin_within(locks, Patience::default())
}

/// The message that begins a transaction and takes `locks`, waiting no longer than that.
pub(crate) fn begin_within(locks: &Locks, patience: Patience) -> String {
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
         SET LOCAL standard_conforming_strings = on; \
         SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0";
    // Zero would be for ever.
    let [own, tables] = [patience.own, patience.tables].map(|time| time.as_millis().max(1));
    format!(
        "{begin}{}",
        take_within(locks, &format!("{own}ms"), &format!("{tables}ms"))
    )
}

/// What comes after the other statements of a message to take `locks`, each within `limit`.
pub(crate) fn take(locks: &Locks, limit: &str) -> String {
    take_within(locks, limit, "5s")
}

/// The same; later locks are waited for as long as `tables` says.
fn take_within(locks: &Locks, limit: &str, tables: &str) -> String {
    use std::fmt::Write as _;
    let mut sql = format!("; SET LOCAL lock_timeout = '{limit}'");
    let keys = sabotaged!("fleet.no-lock", &[][..], &locks.0);
    for key in keys {
        let _ = write!(sql, "; SELECT pg_catalog.pg_advisory_xact_lock({key})");
    }
    let _ = write!(sql, "; SET LOCAL lock_timeout = '{tables}'");
    sql
}

/// Begins a transaction that holds the lock of a tenant's life, if nobody else does.
pub(crate) async fn try_life(guard: &mut PgConnection, id: TenantId) -> Result<bool, Error> {
    send(guard, begin(&Locks(Vec::new()))).await?;
    if sabotaged!("fleet.owner-unasked") {
        return Ok(true);
    }
    let Locks(keys) = Locks::of_life(id);
    Ok(sqlx::query_scalar(
        "SELECT pg_catalog.bool_and(pg_catalog.pg_try_advisory_xact_lock(key)) \
             FROM pg_catalog.unnest($1::bigint[]) AS key",
    )
    .bind(keys)
    .fetch_one(guard)
    .await?)
}

/// Sends framework SQL that needs no answer.
pub(crate) async fn send(connection: &mut PgConnection, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}

/// Sends framework SQL and gives all rows of all its statements, as texts.
pub(crate) async fn rows(
    connection: &mut PgConnection,
    sql: String,
) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_many(connection)
        .try_filter_map(async |step| Ok(step.right()))
        .try_collect()
        .await
}

pub(crate) async fn commit(connection: &mut PgConnection) -> Result<(), Error> {
    send(connection, ending().to_owned()).await
}

/// The message that commits after `last`.
pub(crate) fn commit_after(last: &str) -> String {
    format!("{last}; {}", ending())
}

/// Ends a transaction of the owner's.
///
/// Whoever has news to tell takes a lock in the middle of committing that all such transactions of
/// the whole server share. Each holds it for an instant, but there may be many, and the brief
/// patience with tables would waste work that is complete. There is a limit all the same, because
/// constraints that are deferred wait for rows here, too.
fn ending() -> &'static str {
    sabotaged!(
        "fleet.commit-impatient",
        "COMMIT",
        "SET LOCAL lock_timeout = '60s'; COMMIT"
    )
}

pub(crate) async fn rollback(connection: &mut PgConnection) -> Result<(), Error> {
    send(connection, "ROLLBACK".into()).await
}

/// Ends the connection of one operation: when that failed, its locks are gone before its caller
/// hears of it. (A dropped connection loses them too, but only once the server has noticed.)
pub(crate) async fn finish<T>(
    mut connection: PgConnection,
    result: Result<T, Error>,
) -> Result<T, Error> {
    if result.is_err() {
        // Outside a transaction this is no more than a warning.
        if let Err(error) = rollback(&mut connection).await {
            tracing::debug!(%error, "a failed operation could not be rolled back by hand");
        }
    }
    close(connection).await;
    result
}

/// Says goodbye; whether the server hears it decides nothing.
pub(crate) async fn close(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not close in good order");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_one_order_and_differ_by_purpose() {
        let [a, b] = ["aa", "bb"].map(|name| Slug::parse(name).unwrap());
        let [c, d] = ["bb", "aa"].map(|name| SchemaName::parse(name).unwrap());
        let domains = ["a.example", "b.example"].map(|name| Domain::parse(name).unwrap());
        for locks in [
            Locks::of_names(&a, &c, &domains),
            Locks::of_names(&b, &d, &domains),
        ] {
            assert_eq!(locks.0.len(), 4);
            assert!(locks.0.is_sorted());
        }
        assert_ne!(key("slug", "aa"), key("schema", "aa"));
    }
}
