//! Categories as rows.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use tenancy_axum::ApiError;
use tenancy_core::{Problem, ProblemCode};
use tenancy_sqlx::{Error, ErrorKind, TenantDb, TenantTx, tenant_sql};
use uuid::Uuid;

use super::category_input::CategoryPatch;
use super::cursor::{Cursor, Value};
use crate::paging::Page;

/// A category as clients see it, and as the cache remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub(crate) struct Category {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) slug: String,
    /// How many products are in it.
    pub(crate) product_count: i64,
}

/// The order that lists of categories have.
const ORDER: &str = "name";

/// Finds one category.
pub(super) async fn find(db: &TenantDb, id: Uuid) -> Result<Option<Category>, Error> {
    db.query_as(tenant_sql!(
        "SELECT id, name, slug,
                (SELECT count(*) FROM products WHERE category_id = categories.id) AS product_count
         FROM categories
         WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional()
    .await
}

/// Lists categories by name, from behind `cursor`.
pub(super) async fn list(
    db: &TenantDb,
    cursor: Option<&Cursor>,
    limit: u8,
) -> Result<Page<Category>, Error> {
    let (name, id) = match cursor {
        Some(Cursor {
            value: Value::Text(name),
            id,
            ..
        }) => (Some(name), Some(*id)),
        _ => (None, None),
    };
    let items: Vec<Category> = db
        .query_as(tenant_sql!(
            "SELECT id, name, slug,
                    (SELECT count(*) FROM products WHERE category_id = categories.id)
                        AS product_count
             FROM categories
             WHERE $1::text IS NULL OR (name, id) > ($1, $2)
             ORDER BY name, id
             LIMIT $3"
        ))
        .bind(name)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all()
        .await?;
    Ok(Page::cut(items, limit, |last| behind(last).encode()))
}

/// Where a list goes on behind `category`.
fn behind(category: &Category) -> Cursor {
    Cursor {
        order: ORDER.to_owned(),
        value: Value::Text(category.name.clone()),
        id: category.id,
    }
}

/// The place in a list of categories that `text` says.
pub(super) fn cursor(text: &str) -> Option<Cursor> {
    let cursor = Cursor::decode(text)?;
    let fits = matches!(&cursor.value, Value::Text(name) if !name.contains('\0'));
    (fits && cursor.order == ORDER).then_some(cursor)
}

/// Writes a new category.
pub(super) async fn create(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    name: &str,
    slug: &str,
) -> Result<Category, ApiError> {
    tx.query_as(tenant_sql!(
        "INSERT INTO categories (id, name, slug)
         VALUES ($1, $2, $3)
         RETURNING id, name, slug, 0::bigint AS product_count"
    ))
    .bind(id)
    .bind(name)
    .bind(slug)
    .fetch_one()
    .await
    .map_err(|error| taken(error, Some(slug)))
}

/// Changes the fields that `patch` has and leaves the others.
pub(super) async fn update(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    patch: &CategoryPatch,
) -> Result<Option<Category>, ApiError> {
    tx.query_as(tenant_sql!(
        "UPDATE categories
         SET name = coalesce($2, name), slug = coalesce($3, slug), updated_at = now()
         WHERE id = $1
         RETURNING id, name, slug,
             (SELECT count(*) FROM products WHERE category_id = categories.id) AS product_count"
    ))
    .bind(id)
    .bind(&patch.name)
    .bind(&patch.slug)
    .fetch_optional()
    .await
    .map_err(|error| taken(error, patch.slug.as_deref()))
}

/// Deletes a category; `false` when there was none.
///
/// # Errors
///
/// [`ErrorKind::Constraint`] when products are in it.
pub(super) async fn delete(tx: &mut TenantTx<'_>, id: Uuid) -> Result<bool, Error> {
    let gone = tx
        .execute(tenant_sql!("DELETE FROM categories WHERE id = $1"))
        .bind(id)
        .await?;
    Ok(gone > 0)
}

/// How many products are in a category.
pub(super) async fn count(tx: &mut TenantTx<'_>, id: Uuid) -> Result<i64, Error> {
    tx.query_scalar(tenant_sql!(
        "SELECT count(*) FROM products WHERE category_id = $1"
    ))
    .bind(id)
    .fetch_one()
    .await
}

/// The refusal to delete a category with products.
pub(super) fn not_empty(count: i64) -> ApiError {
    let products = match count {
        1 => "1 product is".to_owned(),
        _ => format!("{count} products are"),
    };
    Problem::new(ProblemCode::Conflict)
        .detail(format!(
            "{products} in this category: move or delete what is in it first"
        ))
        .into()
}

fn taken(error: Error, slug: Option<&str>) -> ApiError {
    match (error.kind(), slug) {
        (ErrorKind::Conflict, Some(slug)) => Problem::new(ProblemCode::Conflict)
            .detail(format!(
                "another category has the slug {slug:?}: use another one"
            ))
            .into(),
        _ => error.into(),
    }
}
