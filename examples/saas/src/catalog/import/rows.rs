//! What a line makes of the rows.

use std::collections::HashMap;

use tenancy_core::ErrorKind as Core;
use tenancy_core::job::JobError;
use tenancy_sqlx::{ErrorKind, TenantTx, tenant_sql};
use uuid::Uuid;

use super::super::product;
use super::super::product_input::{ProductPatch, usual_currency};
use super::super::touched::Touched;
use super::Known;
use crate::usage;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Created,
    Updated,
    /// Nothing, for a product has the sku.
    Taken,
    /// It is not there: the tenant's plan admits no more products.
    Full,
}

/// The ids of the categories with these slugs; they stay until the transaction ends.
pub(super) async fn categories(
    tx: &mut TenantTx<'_>,
    slugs: Vec<String>,
) -> Result<HashMap<String, Uuid>, tenancy_sqlx::Error> {
    let found: Vec<(String, Uuid)> = tx
        .query_as(tenant_sql!(
            "SELECT slug, id FROM categories WHERE slug = ANY($1) FOR SHARE"
        ))
        .bind(slugs)
        .fetch_all()
        .await?;
    Ok(found.into_iter().collect())
}

/// Writes a product, or changes the one that has its sku.
pub(super) async fn put(
    tx: &mut TenantTx<'_>,
    sku: &str,
    patch: &ProductPatch,
    category: Option<Uuid>,
    known: Known,
    touched: &Touched,
) -> Result<Became, JobError> {
    let admitted = match tx.admit(&usage::PRODUCTS, usage::PRODUCTS_THERE).await {
        Ok(_) => true,
        Err(error) if matches!(error.kind(), ErrorKind::Core(Core::LimitReached { .. })) => false,
        Err(error) => return Err(error.into()),
    };
    // Whoever had the sku may delete the product between the two.
    for _ in 0..2 {
        if admitted && let Some(id) = create(tx, sku, patch, category).await? {
            tx.append(product::changed(id)).await?;
            touched.product(id, category);
            touched.categories(category);
            return Ok(Became::Created);
        }
        let found = find(tx, sku).await?;
        if found.is_none() && !admitted {
            return Ok(Became::Full);
        }
        if known == Known::Reported {
            return Ok(Became::Taken);
        }
        if let Some((id, before)) = found {
            let updated = product::update(tx, id, patch).await;
            let after = updated.map_err(|failure| JobError::retry(format!("{failure:?}")))?;
            touched.product(id, before);
            touched.product(id, after.category);
            if before != after.category {
                touched.categories(before.into_iter().chain(after.category));
            }
            return Ok(Became::Updated);
        }
    }
    Ok(Became::Taken)
}

/// Writes a product unless one has its sku.
async fn create(
    tx: &mut TenantTx<'_>,
    sku: &str,
    patch: &ProductPatch,
    category: Option<Uuid>,
) -> Result<Option<Uuid>, tenancy_sqlx::Error> {
    tx.query_scalar(tenant_sql!(
        "INSERT INTO products
             (id, name, sku, description, price_cents, currency, stock, category_id)
         VALUES ($1, $2, $3, coalesce($4, ''), $5, $6, coalesce($7, 0), $8)
         ON CONFLICT (sku) DO NOTHING
         RETURNING id"
    ))
    .bind(Uuid::now_v7())
    .bind(&patch.name)
    .bind(sku)
    .bind(&patch.description)
    .bind(patch.price_cents)
    .bind(patch.currency.clone().unwrap_or_else(usual_currency))
    .bind(patch.stock)
    .bind(category)
    .fetch_optional()
    .await
}

/// The product with this sku, and the category that it stays in until the transaction ends.
async fn find(
    tx: &mut TenantTx<'_>,
    sku: &str,
) -> Result<Option<(Uuid, Option<Uuid>)>, tenancy_sqlx::Error> {
    tx.query_as(tenant_sql!(
        "SELECT id, category_id FROM products WHERE sku = $1 FOR UPDATE"
    ))
    .bind(sku)
    .fetch_optional()
    .await
}
