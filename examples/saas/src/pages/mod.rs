//! The pages people see before any client code: the public front and each tenant's blog.

mod front;
pub(crate) mod posts;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tenancy_axum::ApiError;
use tenancy_core::{Problem, ProblemCode};

use crate::state::AppState;

/// The pages of the public host.
pub(crate) fn public() -> Router<AppState> {
    Router::new()
        .route("/", get(front::show))
        .route("/find/", get(front::find))
        .route("/style.css", get(style))
}

/// The pages of a tenant's host.
pub(crate) fn tenant() -> Router<AppState> {
    Router::new()
        .route("/", get(posts::newest))
        .route("/posts/{id}/", get(posts::one))
        .route("/style.css", get(style))
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, include_str!("../../templates/style.css")).into_response()
}

/// Renders a template as a page.
fn page(template: &impl askama::Template) -> Result<Response, ApiError> {
    match template.render() {
        Ok(html) => Ok(axum::response::Html(html).into_response()),
        Err(error) => {
            tracing::error!(target: "saas.pages", %error, "a page could not be rendered");
            Err(Problem::new(ProblemCode::Internal).into())
        }
    }
}
