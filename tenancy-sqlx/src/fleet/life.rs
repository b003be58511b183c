//! One tenant while an operation changes what it is: alone, and told to everybody afterwards.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tenancy_core::{Domain, Slug, Status, Tenant, TenantResource, sabotaged};
use time::OffsetDateTime;

use super::journal::{FAILED, Kind, Operation};
use super::transaction::{self, Locks};
use super::{Fleet, domains, existing};
use crate::error::{Error, ErrorKind};
use crate::store::{TenantChange, notify};

/// One tenant while an operation changes what it is.
///
/// Operations of this kind on one tenant wait for each other from beginning to end, also while
/// resources are called. Their rows are changed in short transactions of their own.
pub(super) struct Life {
    /// As the last transaction left it.
    pub(super) tenant: Tenant,
    pub(super) connection: PgConnection,
    /// Holds the lock, in a transaction that does nothing else.
    guard: PgConnection,
    /// What the journal calls what is done.
    pub(super) operation: Operation,
    has_begun: bool,
}

impl Fleet {
    /// Begins to change the tenant called `slug`.
    pub(super) async fn enter_life(&self, slug: &Slug, kind: Kind) -> Result<Life, Error> {
        let mut guard = self.open().await?;
        match hold(&mut guard, slug).await {
            Ok(tenant) => Life::of(self, guard, tenant, kind).await,
            Err(error) => transaction::finish(guard, Err(error)).await,
        }
    }
}

impl Life {
    /// Goes on with a tenant whose lock `guard` holds.
    pub(super) async fn of(
        fleet: &Fleet,
        guard: PgConnection,
        tenant: Tenant,
        kind: Kind,
    ) -> Result<Self, Error> {
        Ok(Self {
            operation: fleet.operation(tenant.id(), kind),
            tenant,
            connection: fleet.open().await?,
            guard,
            has_begun: false,
        })
    }

    /// Writes a step of the journal in the open transaction, or in one of its own.
    pub(super) async fn note(&mut self, step: &str, detail: Value) -> Result<(), Error> {
        let sql = self.entry(step, detail);
        transaction::send(&mut self.connection, sql).await
    }

    /// The statement that writes a step of the journal.
    pub(super) fn entry(&mut self, step: &str, detail: Value) -> String {
        self.has_begun = true;
        self.operation.sql(step, detail)
    }

    /// Takes the step to `next` in a transaction of its own, in which `statement` runs, too.
    pub(super) async fn step(&mut self, next: Status, statement: String) -> Result<(), Error> {
        let tenant = &self.tenant;
        let connection = &mut self.connection;
        transaction::send(
            connection,
            transaction::begin(&Locks::of_tenant(tenant.id())),
        )
        .await?;
        let updated_at: Option<OffsetDateTime> = sqlx::query_scalar(
            "UPDATE tenancy.tenants SET status = $3, updated_at = pg_catalog.now(),
                 maintenance_message = NULL, maintenance_until = NULL
             WHERE id = $1 AND status = $2 RETURNING updated_at",
        )
        .bind(tenant.id().as_uuid())
        .bind(tenant.status().as_str())
        .bind(next.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        let updated_at = updated_at.ok_or_else(|| changed(tenant))?;
        tell(connection, tenant, &[], &[]).await?;
        transaction::send(connection, transaction::commit_after(&statement)).await?;
        let created_at = tenant.created_at();
        let tenant = tenant.clone().with_status(next);
        self.tenant = tenant.with_times(created_at, updated_at);
        Ok(())
    }

    /// Says that the tenant's status does not allow it, and that nothing was begun.
    pub(super) fn refused(&mut self, why: String) -> Error {
        self.has_begun = false;
        Error::new(ErrorKind::Conflict, why)
    }

    /// Says that there is no way back from a purge that has begun.
    pub(super) fn purge_only(&mut self) -> Error {
        let slug = self.tenant.slug();
        let why = format!(
            "its purge has begun and only that can go on: `tenant purge {slug} --confirm {slug}`"
        );
        self.refused(why)
    }

    /// Whether something of the tenant may be gone already.
    pub(super) async fn has_begun_a_purge(&mut self) -> Result<bool, Error> {
        if sabotaged!("fleet.purge-taken-back") {
            return Ok(false);
        }
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM tenancy.journal
                            WHERE tenant_id = $1 AND kind = 'purge' AND step = 'begun')",
        )
        .bind(self.tenant.id().as_uuid())
        .fetch_one(&mut self.connection)
        .await?)
    }

    /// Lets the next operation on the tenant begin.
    pub(super) async fn finish<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            let entry = self
                .operation
                .sql(FAILED, json!({ "error": error.to_string() }));
            // Outside a transaction the first is no more than a warning.
            let end = if self.has_begun {
                format!("ROLLBACK; {entry}")
            } else {
                "ROLLBACK".to_owned()
            };
            if let Err(error) = transaction::send(&mut self.connection, end).await {
                tracing::debug!(%error, "a failed operation could not be ended by hand");
            }
        }
        transaction::close(self.connection).await;
        release(self.guard).await;
        result
    }
}

/// Takes the lock of the tenant called `slug` and reads it as it is from then on.
async fn hold(guard: &mut PgConnection, slug: &Slug) -> Result<Tenant, Error> {
    let before = existing(guard, slug).await?;
    let locks = Locks::of_life(before.id());
    transaction::send(guard, transaction::begin(&locks))
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.while_doing(format!(
                "another operation on tenant {slug} has not ended; try again later"
            )),
            _ => error,
        })?;
    let tenant = existing(guard, slug).await?;
    if tenant.id() == before.id() {
        return Ok(tenant);
    }
    Err(changed(&before))
}

/// Ends the transaction that holds a lock and nothing else.
pub(super) async fn release(mut guard: PgConnection) {
    // When it cannot be told, the end of the connection tells it.
    if let Err(error) = transaction::rollback(&mut guard).await {
        tracing::debug!(%error, "a lock could not be let go by hand");
    }
    transaction::close(guard).await;
}

/// Tells every program what to forget once the open transaction is committed: the tenant under
/// all its names, and under those that it had.
pub(super) async fn tell(
    connection: &mut PgConnection,
    tenant: &Tenant,
    slugs: &[&Slug],
    freed: &[Domain],
) -> Result<(), Error> {
    if sabotaged!("fleet.change-untold") {
        return Ok(());
    }
    let mut all = vec![tenant.slug().clone()];
    all.extend(slugs.iter().map(|slug| (*slug).clone()));
    let records = domains::read(&mut *connection, tenant.id()).await?;
    let mut domains: Vec<_> = records.into_iter().map(|record| record.domain).collect();
    domains.extend(freed.iter().cloned());
    let change = TenantChange::Tenant {
        id: tenant.id(),
        slugs: all,
        domains,
    };
    notify(connection, &change).await
}

/// Says which resource failed.
pub(super) fn failed(resource: &dyn TenantResource, error: tenancy_core::Error) -> Error {
    Error::from(error).while_doing(format!("resource {}", resource.name()))
}

fn changed(tenant: &Tenant) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "tenant {} was changed meanwhile: look at it and try again",
            tenant.slug()
        ),
    )
}
