//! Products as rows.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::FromRow;
use tenancy_axum::ApiError;
use tenancy_core::{Problem, ProblemCode};
use tenancy_sqlx::{
    AuditEntry, DynSql, Error, ErrorKind, OutboxEntry, TenantDb, TenantTx, tenant_sql,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::product_input::{Move, ProductInput, ProductPatch};
use super::selection::Selection;
use crate::input::{fault, invalid};
use crate::paging::Page;
use crate::usage;

/// A product as clients see it, and as the cache remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub(crate) struct Product {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) sku: String,
    pub(crate) description: String,
    pub(crate) price_cents: i64,
    pub(crate) currency: String,
    pub(crate) stock: i64,
    /// The id of its category.
    #[sqlx(rename = "category_id")]
    pub(crate) category: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated_at: OffsetDateTime,
}

/// Finds one product.
pub(super) async fn find(db: &TenantDb, id: Uuid) -> Result<Option<Product>, Error> {
    db.query_as(tenant_sql!(
        "SELECT id, name, sku, description, price_cents, currency, stock, category_id,
                created_at, updated_at
         FROM products
         WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional()
    .await
}

/// Lists the products of `selection`.
pub(super) async fn list(db: &TenantDb, selection: &Selection) -> Result<Page<Product>, Error> {
    let mut sql = DynSql::read(
        "SELECT id, name, sku, description, price_cents, currency, stock, category_id,
                created_at, updated_at
         FROM products
         WHERE true",
    );
    selection.apply(&mut sql);
    let items = db.query_as(sql).fetch_all().await?;
    Ok(Page::cut(items, selection.limit, |last| {
        selection.next(last)
    }))
}

/// Writes a new product.
pub(super) async fn create(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    input: &ProductInput,
) -> Result<Product, ApiError> {
    let admission = tx.admit(&usage::PRODUCTS, usage::PRODUCTS_THERE).await?;
    let made = tx
        .query_as(tenant_sql!(
            "INSERT INTO products
                 (id, name, sku, description, price_cents, currency, stock, category_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             RETURNING id, name, sku, description, price_cents, currency, stock, category_id,
                       created_at, updated_at"
        ))
        .bind(id)
        .bind(&input.name)
        .bind(&input.sku)
        .bind(&input.description)
        .bind(input.price_cents)
        .bind(&input.currency)
        .bind(input.stock)
        .bind(input.category)
        .fetch_one()
        .await
        .map_err(|error| refused(error, Some(&input.sku), input.category))?;
    tx.append(changed(id)).await?;
    if let Some(threshold) = admission.crossed() {
        let crossed = json!({ "percent": threshold.percent(), "used": admission.used() });
        let line = AuditEntry::new("system", "limit.crossed", "limit:products");
        tx.append(line.detail(crossed)).await?;
    }
    Ok(made)
}

/// The category that a product is in, and stays in until this transaction ends; nothing when there
/// is no such product.
pub(super) async fn lock(
    tx: &mut TenantTx<'_>,
    id: Uuid,
) -> Result<Option<Option<Uuid>>, ApiError> {
    let category = tx
        .query_scalar(tenant_sql!(
            "SELECT category_id FROM products WHERE id = $1 FOR UPDATE"
        ))
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(category)
}

/// Changes the fields that `patch` has and leaves the others.
pub(super) async fn update(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    patch: &ProductPatch,
) -> Result<Product, ApiError> {
    let (moves, category) = match patch.category {
        Move::Stays => (false, None),
        Move::To(category) => (true, category),
    };
    let product = tx
        .query_as(tenant_sql!(
            "UPDATE products
             SET name = coalesce($2, name),
                 sku = coalesce($3, sku),
                 description = coalesce($4, description),
                 price_cents = coalesce($5, price_cents),
                 currency = coalesce($6, currency),
                 stock = coalesce($7, stock),
                 category_id = CASE WHEN $8 THEN $9 ELSE category_id END,
                 updated_at = now()
             WHERE id = $1
             RETURNING id, name, sku, description, price_cents, currency, stock, category_id,
                       created_at, updated_at"
        ))
        .bind(id)
        .bind(&patch.name)
        .bind(&patch.sku)
        .bind(&patch.description)
        .bind(patch.price_cents)
        .bind(&patch.currency)
        .bind(patch.stock)
        .bind(moves)
        .bind(category)
        .fetch_one()
        .await
        .map_err(|error| refused(error, patch.sku.as_deref(), category))?;
    tx.append(changed(id)).await?;
    Ok(product)
}

/// Adds `change` to the stock, or takes that much from it; nothing happens when there is no such
/// product or its stock would be none that it can have.
pub(super) async fn change_stock(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    change: i64,
) -> Result<Option<Product>, ApiError> {
    // One statement, so that of two at the same time the later one counts what the earlier left.
    let product = tx
        .query_as(tenant_sql!(
            "UPDATE products
             SET stock = stock + $2, updated_at = now()
             WHERE id = $1 AND stock + $2 BETWEEN 0 AND 1000000000
             RETURNING id, name, sku, description, price_cents, currency, stock, category_id,
                       created_at, updated_at"
        ))
        .bind(id)
        .bind(change)
        .fetch_optional()
        .await?;
    if product.is_some() {
        tx.append(changed(id)).await?;
    }
    Ok(product)
}

/// How much there is of a product.
pub(super) async fn stock(tx: &mut TenantTx<'_>, id: Uuid) -> Result<Option<i64>, Error> {
    tx.query_scalar(tenant_sql!("SELECT stock FROM products WHERE id = $1"))
        .bind(id)
        .fetch_optional()
        .await
}

/// Deletes a product and gives the category that it was in; nothing when there was none.
pub(super) async fn delete(
    tx: &mut TenantTx<'_>,
    id: Uuid,
) -> Result<Option<Option<Uuid>>, ApiError> {
    let category = tx
        .query_scalar(tenant_sql!(
            "DELETE FROM products WHERE id = $1 RETURNING category_id"
        ))
        .bind(id)
        .fetch_optional()
        .await?;
    if category.is_some() {
        tx.append(changed(id)).await?;
    }
    Ok(category)
}

/// The message that lets the search follow a change of a product, of the same transaction.
pub(crate) fn changed(id: Uuid) -> OutboxEntry {
    OutboxEntry::new("search.products", id.to_string())
}

/// Says in the client's words what the database does not take.
fn refused(error: Error, sku: Option<&str>, category: Option<Uuid>) -> ApiError {
    match (error.kind(), error.constraint(), sku, category) {
        (ErrorKind::Conflict, Some("products_sku_taken"), Some(sku), _) => {
            Problem::new(ProblemCode::Conflict)
                .detail(format!(
                    "another product has the sku {sku:?}: use another one"
                ))
                .into()
        }
        (ErrorKind::Constraint, Some("products_category_known"), _, Some(id)) => invalid([fault(
            "category",
            format!("there is no category with the id {id}"),
        )]),
        _ => error.into(),
    }
}
