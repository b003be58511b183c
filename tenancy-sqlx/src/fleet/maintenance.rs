//! Keeps a tenant's users out for a while, and tells them why.

use serde_json::json;
use tenancy_core::{Maintenance, Slug, Status, Tenant};
use time::OffsetDateTime;

use super::Fleet;
use super::journal::{self, BEGUN, DONE, JournalEntry, Kind};
use super::life::{Life, tell};
use super::transaction::{self, Locks};
use crate::error::Error;

impl Fleet {
    /// Keeps users out and tells them `maintenance`: every request is answered 503 with its
    /// message and, in `Retry-After`, how long it is expected to last.
    ///
    /// No resource is told: the tenant's stores go on. Other programs are told at once. A tenant
    /// that is in maintenance already has the new message from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`](crate::ErrorKind::Core) with `InvalidName` when the message cannot be
    /// shown to everybody, or with `NotFound` when there is no such tenant.
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when it is neither active nor suspended.
    pub async fn begin_maintenance(
        &self,
        slug: &Slug,
        maintenance: Maintenance,
    ) -> Result<Tenant, Error> {
        maintenance.check()?;
        let mut life = self.enter_life(slug, Kind::Maintenance).await?;
        let result = begin(&mut life, maintenance).await;
        let result = result.map(|()| life.tenant.clone());
        let doing =
            |error: Error| error.while_doing(format!("taking tenant {slug} out of service"));
        life.finish(result.map_err(doing)).await
    }

    /// Gives a tenant the status back that it had before its maintenance: active or suspended.
    ///
    /// Other programs are told at once. A tenant that is active or suspended stays so.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`](crate::ErrorKind::Core) with `NotFound` when there is no such tenant,
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when it is provisioning or archived.
    pub async fn end_maintenance(&self, slug: &Slug) -> Result<Tenant, Error> {
        let mut life = self.enter_life(slug, Kind::Maintenance).await?;
        let result = self.end(&mut life).await;
        let result = result.map(|()| life.tenant.clone());
        let doing =
            |error: Error| error.while_doing(format!("ending maintenance of tenant {slug}"));
        life.finish(result.map_err(doing)).await
    }

    async fn end(&self, life: &mut Life) -> Result<(), Error> {
        match life.tenant.status() {
            Status::Maintenance => {}
            Status::Active | Status::Suspended => return Ok(()),
            status => {
                return Err(life.refused(format!("it is {status}: it is in no maintenance")));
            }
        }
        let entries = journal::of_tenant(&mut life.connection, life.tenant.id()).await?;
        let begun = last_begun(&entries);
        if let Some(begun) = begun {
            life.operation = self.continued(begun, Kind::Maintenance);
        }
        let before = match begun.and_then(|entry| entry.detail["from"].as_str()) {
            Some("suspended") => Status::Suspended,
            _ => Status::Active,
        };
        let done = life.entry(DONE, json!({ "to": before }));
        life.step(before, done).await
    }
}

async fn begin(life: &mut Life, maintenance: Maintenance) -> Result<(), Error> {
    let from = life.tenant.status();
    let detail = json!({
        "from": from, "maintenance": maintenance,
    });
    match from {
        Status::Active | Status::Suspended => {
            let begun = life.entry(BEGUN, detail);
            let said = said(&life.tenant, &maintenance);
            life.step(Status::Maintenance, format!("{said}; {begun}"))
                .await?;
            life.tenant = life.tenant.clone().with_maintenance(maintenance);
            Ok(())
        }
        Status::Maintenance => again(life, maintenance).await,
        status => Err(life.refused(format!(
            "it is {status}: only a tenant that is active or suspended can be in maintenance"
        ))),
    }
}

/// Changes what a tenant in maintenance says.
async fn again(life: &mut Life, maintenance: Maintenance) -> Result<(), Error> {
    let (connection, tenant) = (&mut life.connection, &life.tenant);
    let entry = life
        .operation
        .sql("changed", json!({ "maintenance": maintenance }));
    let begin = transaction::begin(&Locks::of_tenant(tenant.id()));
    let said = said(tenant, &maintenance);
    transaction::send(connection, format!("{begin}; {said}; {entry}")).await?;
    tell(connection, tenant, &[], &[]).await?;
    transaction::commit(connection).await?;
    life.tenant = life.tenant.clone().with_maintenance(maintenance);
    Ok(())
}

fn said(tenant: &Tenant, maintenance: &Maintenance) -> String {
    let message = maintenance
        .text()
        .map_or_else(|| "NULL".to_owned(), journal::literal);
    let until = maintenance
        .end()
        .map_or_else(|| "NULL".to_owned(), timestamp);
    format!(
        "UPDATE tenancy.tenants SET maintenance_message = {message}, maintenance_until = {until}, \
         updated_at = pg_catalog.now() WHERE id = '{}'",
        tenant.id()
    )
}

fn timestamp(at: OffsetDateTime) -> String {
    let micros = at.unix_timestamp_nanos() / 1000;
    format!(
        "'epoch'::timestamptz + pg_catalog.make_interval(secs => {}.{:06})",
        micros.div_euclid(1_000_000),
        micros.rem_euclid(1_000_000)
    )
}

/// The maintenance that has not ended.
fn last_begun(entries: &[JournalEntry]) -> Option<&JournalEntry> {
    let of_kind = |entry: &&JournalEntry| entry.kind == Kind::Maintenance.as_str();
    entries
        .iter()
        .rev()
        .filter(of_kind)
        .find(|entry| entry.step == BEGUN)
}
