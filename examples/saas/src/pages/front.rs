//! The public front page: find one's tenant.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tenancy_axum::{ApiError, Authority, Query};
use tenancy_core::{Domain, Identifier, Slug, Status, TenantStore};

use super::page;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "front.html")]
struct Front {
    base_domain: Domain,
    port: String,
    showcase: Vec<Domain>,
    missed: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Find {
    tenant: String,
}

pub(super) async fn show(
    State(state): State<AppState>,
    authority: Authority,
) -> Result<Response, ApiError> {
    front(&state, &authority, None)
}

/// Sends a visitor to the tenant whose name they typed.
pub(super) async fn find(
    State(state): State<AppState>,
    authority: Authority,
    Query(query): Query<Find>,
) -> Result<Response, ApiError> {
    let typed = query.tenant.trim().to_ascii_lowercase();
    if let Ok(slug) = Slug::parse(&typed) {
        let tenant = state.tenants.find(&Identifier::Slug(slug)).await?;
        let home = tenant
            .filter(|tenant| tenant.status() == Status::Active)
            .and_then(|tenant| tenant.primary_domain().cloned());
        if let Some(domain) = home {
            let address = format!("//{domain}{}/", port(&authority));
            return Ok(Redirect::to(&address).into_response());
        }
    }
    front(&state, &authority, Some(query.tenant))
}

fn front(
    state: &AppState,
    authority: &Authority,
    missed: Option<String>,
) -> Result<Response, ApiError> {
    page(&Front {
        base_domain: state.site.base_domain.clone(),
        port: port(authority),
        showcase: state.site.showcase.clone(),
        missed,
    })
}

/// `:8000` when the visitor came to a port of its own, so that links lead back to it.
fn port(authority: &Authority) -> String {
    authority
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default()
}
