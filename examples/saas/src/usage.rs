//! `/api/usage/`: what the tenant's plan admits, and how much of it is used.

use serde::Serialize;
use tenancy_axum::{ApiError, Json};
use tenancy_core::{Features, LimitName, PlanName};
use tenancy_sqlx::{Error, Read, TenantDb, TenantSql, tenant_sql};

use crate::routes::{Route, routes};

/// How many products there may be.
pub(crate) const PRODUCTS: LimitName = LimitName::new("products");

/// Counts products, but no more than it is told.
pub(crate) const PRODUCTS_THERE: &TenantSql<Read> =
    tenant_sql!("SELECT count(*) FROM (SELECT id FROM products LIMIT $1) AS counted");

/// The routes of usage, with and without the closing slash.
pub(crate) const ROUTES: &[Route] = routes! { Tenant:
    GET "/api/usage" => usage,
    GET "/api/usage/" => usage,
};

/// What a tenant may use, and uses.
#[derive(Debug, Serialize)]
struct Usage {
    plan: Option<PlanName>,
    limits: Vec<Limited>,
    features: Features,
}

/// How much of one thing there is.
#[derive(Debug, Serialize)]
struct Limited {
    name: LimitName,
    /// Nothing where only a rate is limited.
    used: Option<i64>,
    /// Nothing when it is unlimited.
    limit: Option<u64>,
}

async fn usage(db: TenantDb) -> Result<Json<Usage>, ApiError> {
    let tenant = db.context().tenant();
    let limits = tenant.limits();
    let limited = |name: LimitName, used| Limited {
        used,
        limit: limits.get(&name),
        name,
    };
    Ok(Json(Usage {
        plan: tenant.plan().cloned(),
        limits: vec![
            limited(PRODUCTS, Some(products(&db).await?)),
            limited(LimitName::REQUESTS_PER_SECOND, None),
        ],
        features: tenant.features().clone(),
    }))
}

/// All of them, however many the limit is: it may have been larger.
async fn products(db: &TenantDb) -> Result<i64, Error> {
    let count = db.query_scalar(PRODUCTS_THERE).bind(i64::MAX);
    count.fetch_one().await
}
