//! `…/search/?q=`: hits as JSON.

use tenancy_axum::{ApiError, Json, Query};
use tenancy_search::Kind;
use tenancy_sqlx::{Read, TenantSql, tenant_sql};
use uuid::Uuid;

use super::finding::{Asked, Findable, Finding, Hits};
use super::{BLOGS, PRODUCTS};
use crate::blog::Blog;
use crate::catalog::Product;
use crate::routes::{Route, routes};

/// The routes of searches, with and without the closing slash.
pub(super) const ROUTES: &[Route] = routes! { Tenant:
    GET "/api/catalog/products/search" => products,
    GET "/api/catalog/products/search/" => products,
    GET "/api/blogs/search" => blogs,
    GET "/api/blogs/search/" => blogs,
};

async fn products(
    finding: Finding,
    Query(asked): Query<Asked>,
) -> Result<Json<Hits<Product>>, ApiError> {
    Ok(Json(finding.find(&asked).await?))
}

async fn blogs(finding: Finding, Query(asked): Query<Asked>) -> Result<Json<Hits<Blog>>, ApiError> {
    Ok(Json(finding.find(&asked).await?))
}

impl Findable for Product {
    const KIND: Kind = PRODUCTS;
    const BY_ID: &'static TenantSql<Read> = tenant_sql!(
        "SELECT id, name, sku, description, price_cents, currency, stock, category_id,
                created_at, updated_at
         FROM products WHERE id = ANY($1)"
    );

    fn id(&self) -> Uuid {
        self.id
    }

    fn fields(&self) -> (&'static str, &str, Vec<(&'static str, &str)>) {
        let texts = vec![("sku", &*self.sku), ("description", &*self.description)];
        ("name", &self.name, texts)
    }
}

impl Findable for Blog {
    const KIND: Kind = BLOGS;
    const BY_ID: &'static TenantSql<Read> = tenant_sql!(
        "SELECT id, title, description, body, author, published, created_at, updated_at
         FROM blogs WHERE published AND id = ANY($1)"
    );

    fn id(&self) -> Uuid {
        self.id
    }

    fn fields(&self) -> (&'static str, &str, Vec<(&'static str, &str)>) {
        let texts = vec![("description", &*self.description)];
        ("title", &self.title, texts)
    }
}
