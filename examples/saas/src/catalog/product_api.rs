//! `/api/catalog/products/`: products as JSON.

use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use tenancy_axum::{ApiError, Json, Path, Query};
use uuid::Uuid;

use super::answer::Answers;
use super::product::Product;
use super::product_input::{ProductInput, ProductPatch, StockChange};
use super::selection::Asked;
use super::tenant_catalog::Catalog;
use crate::input::valid;
use crate::routes::{Route, routes};

/// The routes of products, with and without the closing slash.
pub(super) const ROUTES: &[Route] = routes! { Tenant:
    GET "/api/catalog/products" => list,
    GET "/api/catalog/products/" => list,
    POST "/api/catalog/products" => create,
    POST "/api/catalog/products/" => create,
    GET "/api/catalog/products/{id}" => retrieve,
    GET "/api/catalog/products/{id}/" => retrieve,
    PUT "/api/catalog/products/{id}" => replace,
    PUT "/api/catalog/products/{id}/" => replace,
    PATCH "/api/catalog/products/{id}" => update,
    PATCH "/api/catalog/products/{id}/" => update,
    DELETE "/api/catalog/products/{id}" => delete,
    DELETE "/api/catalog/products/{id}/" => delete,
    POST "/api/catalog/products/{id}/stock" => change_stock,
    POST "/api/catalog/products/{id}/stock/" => change_stock,
};

async fn list(
    catalog: Catalog,
    answers: Answers,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    Ok(answers.json(catalog.products_json(&asked).await?))
}

async fn create(
    catalog: Catalog,
    Json(input): Json<ProductInput>,
) -> Result<impl IntoResponse, ApiError> {
    let product = catalog.create_product(valid(input)?).await?;
    let location = format!("/api/catalog/products/{}/", product.id);
    Ok((
        StatusCode::CREATED,
        AppendHeaders([(header::LOCATION, location)]),
        Json(product),
    ))
}

async fn retrieve(
    catalog: Catalog,
    answers: Answers,
    Path(id): Path<Uuid>,
) -> Result<Response, ApiError> {
    Ok(answers.json(catalog.product_json(id).await?))
}

async fn replace(
    catalog: Catalog,
    Path(id): Path<Uuid>,
    Json(input): Json<ProductInput>,
) -> Result<Json<Product>, ApiError> {
    let patch = valid(input)?.into();
    Ok(Json(catalog.update_product(id, patch).await?))
}

async fn update(
    catalog: Catalog,
    Path(id): Path<Uuid>,
    Json(patch): Json<ProductPatch>,
) -> Result<Json<Product>, ApiError> {
    Ok(Json(catalog.update_product(id, valid(patch)?).await?))
}

async fn change_stock(
    catalog: Catalog,
    Path(id): Path<Uuid>,
    Json(change): Json<StockChange>,
) -> Result<Json<Product>, ApiError> {
    Ok(Json(catalog.change_stock(id, valid(change)?).await?))
}

async fn delete(catalog: Catalog, Path(id): Path<Uuid>) -> Result<StatusCode, ApiError> {
    catalog.delete_product(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
