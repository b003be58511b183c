//! Plans, which tenant has which, and what is otherwise for one tenant.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use tenancy_core::{Overrides, Plan, PlanName, Slug, Tenant, TenantId};

use super::life::tell;
use super::transaction::{self, Locks};
use super::{Fleet, existing};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::{explain, parsed};
use crate::store::{TenantChange, notify};

impl Fleet {
    /// Lists every plan, by name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was never prepared.
    pub async fn plans(&self) -> Result<Vec<Plan>, Error> {
        let mut lent = self.lend().await?;
        let rows = sqlx::query("SELECT name, limits, features FROM tenancy.plans ORDER BY name")
            .fetch_all(&mut lent.connection)
            .await
            .map_err(explain);
        let rows = self.give_back(lent, rows).await?;
        let plans = rows.iter().map(|row| Ok(PlanRow::from_row(row)?.0));
        plans
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::from)
    }

    /// Makes a plan, or changes the terms of all tenants that have it, and tells other programs.
    ///
    /// What a tenant has beyond a limit that became smaller stays; it gets no more of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was never prepared.
    pub async fn set_plan(&self, plan: &Plan) -> Result<(), Error> {
        let mut connection = self.open().await?;
        let set = set(&mut connection, plan).await;
        let set = set.map_err(|error| error.while_doing(format!("setting plan {}", plan.name())));
        transaction::finish(connection, set).await
    }

    /// Gives a tenant another plan, or none, and tells other programs; its overrides stay.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant or no such plan.
    pub async fn assign_plan(
        &self,
        tenant: &Slug,
        plan: Option<&PlanName>,
    ) -> Result<Tenant, Error> {
        let mut connection = self.open().await?;
        let tenant = assign(&mut connection, tenant, plan).await;
        transaction::finish(connection, tenant).await
    }

    /// Changes where a tenant's terms differ from its plan's, and tells other programs; `change` gets
    /// what there is.
    ///
    /// ```no_run
    /// # use tenancy_core::{LimitName, Slug};
    /// # async fn example(fleet: tenancy_sqlx::Fleet) -> Result<(), tenancy_sqlx::Error> {
    /// const PRODUCTS: LimitName = LimitName::new("products");
    /// let acme = Slug::parse("acme")?;
    /// fleet.override_limits(&acme, |overrides| overrides.limit(PRODUCTS, 100)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant.
    pub async fn override_limits(
        &self,
        tenant: &Slug,
        change: impl FnOnce(Overrides) -> Overrides + Send,
    ) -> Result<Tenant, Error> {
        let mut connection = self.open().await?;
        let tenant = override_limits(&mut connection, tenant, change).await;
        transaction::finish(connection, tenant).await
    }
}

async fn set(connection: &mut PgConnection, plan: &Plan) -> Result<(), Error> {
    transaction::send(connection, transaction::begin(&Locks::none())).await?;
    sqlx::query(
        "INSERT INTO tenancy.plans (name, limits, features) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET limits = excluded.limits,
             features = excluded.features, updated_at = pg_catalog.now()",
    )
    .bind(plan.name().as_str())
    .bind(Json(plan.limits()))
    .bind(Json(plan.features()))
    .execute(&mut *connection)
    .await
    .map_err(explain)?;
    // Any number of tenants may have it.
    notify(connection, &TenantChange::All).await?;
    transaction::commit(connection).await
}

async fn assign(
    connection: &mut PgConnection,
    slug: &Slug,
    plan: Option<&PlanName>,
) -> Result<Tenant, Error> {
    let tenant = locked(connection, slug).await?;
    let updated = sqlx::query(
        "UPDATE tenancy.tenants SET plan = $2, updated_at = pg_catalog.now() WHERE id = $1",
    )
    .bind(tenant.id().as_uuid())
    .bind(plan.map(PlanName::as_str))
    .execute(&mut *connection)
    .await
    .map_err(Error::from);
    match (updated, plan) {
        (Err(error), Some(plan)) if error.kind() == ErrorKind::Constraint => {
            return Err(Error::from(tenancy_core::Error::with_source(
                tenancy_core::ErrorKind::NotFound,
                format!("plan {plan} does not exist: `plan list` shows those that do"),
                error,
            )));
        }
        (updated, _) => updated?,
    };
    end(connection, &tenant).await
}

async fn override_limits(
    connection: &mut PgConnection,
    slug: &Slug,
    change: impl FnOnce(Overrides) -> Overrides,
) -> Result<Tenant, Error> {
    let tenant = locked(connection, slug).await?;
    let present: Option<Json<Overrides>> =
        sqlx::query_scalar("SELECT overrides FROM tenancy.tenants WHERE id = $1")
            .bind(tenant.id().as_uuid())
            .fetch_one(&mut *connection)
            .await?;
    let overrides = change(present.map(|Json(present)| present).unwrap_or_default());
    sqlx::query(
        "UPDATE tenancy.tenants SET overrides = $2, updated_at = pg_catalog.now() WHERE id = $1",
    )
    .bind(tenant.id().as_uuid())
    .bind((!overrides.is_empty()).then_some(Json(overrides)))
    .execute(&mut *connection)
    .await?;
    end(connection, &tenant).await
}

/// The statement that gives a tenant the plan and the overrides of another.
pub(super) fn same_terms(id: TenantId, source: TenantId) -> String {
    format!(
        "UPDATE tenancy.tenants t SET plan = s.plan, overrides = s.overrides \
         FROM tenancy.tenants s WHERE t.id = '{id}' AND s.id = '{source}'"
    )
}

/// Begins a transaction with the lock of a tenant, and reads that as it is from then on.
async fn locked(connection: &mut PgConnection, slug: &Slug) -> Result<Tenant, Error> {
    let before = existing(connection, slug).await?;
    let locks = Locks::of_tenant(before.id());
    transaction::send(connection, transaction::begin(&locks)).await?;
    let tenant = existing(connection, slug).await?;
    if tenant.id() == before.id() {
        return Ok(tenant);
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!("tenant {slug} was changed meanwhile: look at it and try again"),
    ))
}

/// Tells that the tenant was changed, commits, and gives it as it is now.
async fn end(connection: &mut PgConnection, tenant: &Tenant) -> Result<Tenant, Error> {
    tell(connection, tenant, &[], &[]).await?;
    let tenant = existing(connection, tenant.slug()).await?;
    transaction::commit(connection).await?;
    Ok(tenant)
}

struct PlanRow(Plan);

impl FromRow<'_, PgRow> for PlanRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (Json(limits), Json(features)) = (row.try_get("limits")?, row.try_get("features")?);
        Ok(Self(Plan::new(parsed(row, "name")?).with(limits, features)))
    }
}
