//! The search box of a tenant's site: a form that works by itself, and answers as one types where
//! scripts run.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join;
use tenancy_axum::{ApiError, Query};
use tenancy_core::ProblemCode;

use super::finding::{Asked, Finding, Hits, Item};
use crate::blog::Blog;
use crate::catalog::Product;
use crate::pages::page;
use crate::routes::{Route, routes};

/// The search page and its script.
pub(super) const ROUTES: &[Route] = routes! { Tenant:
    GET "/search/" => search,
    GET "/search.js" => script,
};

#[derive(Template)]
#[template(path = "search.html")]
struct Whole<'a> {
    tenant: &'a str,
    q: &'a str,
    results: Results<'a>,
}

/// What the script puts in place of what was found before.
#[derive(Template)]
#[template(path = "search_results.html")]
struct Results<'a> {
    q: &'a str,
    found: Option<(Hits<Product>, Hits<Blog>)>,
    /// The engine does not answer, or the index is being built.
    away: bool,
}

/// How the script asks for the results alone.
const PART: &str = "x-part";

async fn search(
    finding: Finding,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    // The page has the best of both kinds, and no second one.
    let asked = Asked::whole(asked.q);
    let q = asked.q.trim();
    let (mut found, mut away) = (None, false);
    if !q.is_empty() {
        match both(&finding, &asked).await {
            Ok(both) => found = Some(both),
            Err(error) if error.problem().code() == ProblemCode::Unavailable => away = true,
            Err(error) => return Err(error),
        }
    }
    let results = Results { q, found, away };
    let answer = if headers.contains_key(PART) {
        page(&results)
    } else {
        page(&Whole {
            tenant: finding.context().tenant().name(),
            q,
            results,
        })
    }?;
    let mut answer = ([(header::VARY, PART)], answer).into_response();
    if away {
        let soon = [(header::RETRY_AFTER, "1")];
        answer = (StatusCode::SERVICE_UNAVAILABLE, soon, answer).into_response();
    }
    Ok(answer)
}

async fn both(finding: &Finding, asked: &Asked) -> Result<(Hits<Product>, Hits<Blog>), ApiError> {
    try_join(finding.find(asked), finding.find(asked)).await
}

async fn script() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, include_str!("../../templates/search.js")).into_response()
}

/// What is shown of a field: its hits, which are safe as they are, or nothing marked.
pub(crate) fn marked<T>(item: &Item<T>, field: &str) -> Option<String> {
    item.highlight.get(field).map(|parts| parts.join(" … "))
}
