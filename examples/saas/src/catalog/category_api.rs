//! `/api/catalog/categories/`: categories as JSON.

use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use tenancy_axum::{ApiError, Json, Path, Query};
use uuid::Uuid;

use super::answer::Answers;
use super::category::Category;
use super::category_input::{CategoryInput, CategoryPatch};
use super::tenant_catalog::Catalog;
use crate::input::valid;
use crate::routes::{Route, routes};

/// The routes of categories, with and without the closing slash.
pub(super) const ROUTES: &[Route] = routes! { Tenant:
    GET "/api/catalog/categories" => list,
    GET "/api/catalog/categories/" => list,
    POST "/api/catalog/categories" => create,
    POST "/api/catalog/categories/" => create,
    GET "/api/catalog/categories/{id}" => retrieve,
    GET "/api/catalog/categories/{id}/" => retrieve,
    PATCH "/api/catalog/categories/{id}" => update,
    PATCH "/api/catalog/categories/{id}/" => update,
    DELETE "/api/catalog/categories/{id}" => delete,
    DELETE "/api/catalog/categories/{id}/" => delete,
};

/// `?limit=` and `?cursor=` of a list.
#[derive(Debug, Deserialize)]
struct Paging {
    limit: Option<u32>,
    cursor: Option<String>,
}

async fn list(
    catalog: Catalog,
    answers: Answers,
    Query(paging): Query<Paging>,
) -> Result<Response, ApiError> {
    let found = catalog.categories(paging.limit, paging.cursor.as_deref());
    Ok(answers.json(found.await?))
}

async fn create(
    catalog: Catalog,
    Json(input): Json<CategoryInput>,
) -> Result<impl IntoResponse, ApiError> {
    let category = catalog.create_category(valid(input)?).await?;
    let location = format!("/api/catalog/categories/{}/", category.id);
    Ok((
        StatusCode::CREATED,
        AppendHeaders([(header::LOCATION, location)]),
        Json(category),
    ))
}

async fn retrieve(
    catalog: Catalog,
    answers: Answers,
    Path(id): Path<Uuid>,
) -> Result<Response, ApiError> {
    Ok(answers.json(catalog.category(id).await?))
}

async fn update(
    catalog: Catalog,
    Path(id): Path<Uuid>,
    Json(patch): Json<CategoryPatch>,
) -> Result<Json<Category>, ApiError> {
    Ok(Json(catalog.update_category(id, valid(patch)?).await?))
}

async fn delete(catalog: Catalog, Path(id): Path<Uuid>) -> Result<StatusCode, ApiError> {
    catalog.delete_category(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
