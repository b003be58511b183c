//! What a tenant sells, as pages.

use askama::Template;
use axum::response::Response;
use tenancy_axum::{ApiError, Path, Query, Tenant};
use uuid::Uuid;

use super::page;
use crate::catalog::{Answers, Asked, Catalog, Category, Product};

#[derive(Template)]
#[template(path = "products.html")]
struct Products<'a> {
    tenant: &'a str,
    goods: &'a [Product],
    categories: &'a [Category],
    /// The id of the category that is chosen, as it stands in the address.
    chosen: &'a str,
    next: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "product.html")]
struct One<'a> {
    tenant: &'a str,
    product: &'a Product,
    category: Option<&'a Category>,
}

pub(super) async fn list(
    Tenant(context): Tenant,
    catalog: Catalog,
    answers: Answers,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let found = catalog.products(&asked).await?;
    let categories = catalog.categories(Some(100), None).await?;
    let html = page(&Products {
        tenant: context.tenant().name(),
        goods: &found.value.items,
        categories: &categories.value.items,
        chosen: asked.category.as_deref().unwrap_or_default(),
        next: found.value.next.as_deref(),
    })?;
    Ok(answers.with(&found, html))
}

pub(super) async fn one(
    Tenant(context): Tenant,
    catalog: Catalog,
    answers: Answers,
    Path(id): Path<Uuid>,
) -> Result<Response, ApiError> {
    let found = catalog.product(id).await?;
    let category = match found.value.category {
        // It may be gone by now; the product is there all the same.
        Some(id) => catalog.category(id).await.ok(),
        None => None,
    };
    let html = page(&One {
        tenant: context.tenant().name(),
        product: &found.value,
        category: category.as_ref().map(|category| &category.value),
    })?;
    Ok(answers.with(&found, html))
}

/// A price for readers, such as `12.50 EUR`.
pub(crate) fn price(product: &Product) -> String {
    let digits = match &*product.currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(digits);
    let (whole, part) = (product.price_cents / unit, product.price_cents % unit);
    let currency = &product.currency;
    match usize::try_from(digits) {
        Ok(0) | Err(_) => format!("{whole} {currency}"),
        Ok(digits) => format!("{whole}.{part:0digits$} {currency}"),
    }
}

/// What there is of a product, for readers.
pub(crate) fn stock(product: &Product) -> String {
    match product.stock {
        0 => "sold out".to_owned(),
        1..=5 => format!("only {} left", product.stock),
        _ => "in stock".to_owned(),
    }
}
