//! The pages people see before any client code: the public front, and each tenant's blog and
//! products.

mod front;
pub(crate) mod posts;
pub(crate) mod products;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use tenancy_axum::ApiError;
use tenancy_core::{Problem, ProblemCode};

use crate::routes::{Route, routes};

/// The pages of the public host.
pub(crate) const PUBLIC: &[Route] = routes! { Public:
    GET "/" => front::show,
    GET "/find/" => front::find,
    GET "/style.css" => style,
};

/// The pages of a tenant's host.
pub(crate) const TENANT: &[Route] = routes! { Tenant:
    GET "/" => posts::newest,
    GET "/posts/{id}/" => posts::one,
    GET "/products/" => products::list,
    GET "/products/{id}/" => products::one,
    GET "/style.css" => style,
};

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, include_str!("../../templates/style.css")).into_response()
}

/// Renders a template as a page.
pub(crate) fn page(template: &impl askama::Template) -> Result<Response, ApiError> {
    match template.render() {
        Ok(html) => Ok(axum::response::Html(html).into_response()),
        Err(error) => {
            tracing::error!(target: "saas.pages", %error, "a page could not be rendered");
            Err(Problem::new(ProblemCode::Internal).into())
        }
    }
}
