//! The application that the tests ask: three tenants on `localhost`, and routes of each kind.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post, put};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenancy_axum::testing::{TestApp, TestResponse};
use tenancy_axum::{
    ApiError, BodyLimitLayer, Health, Json, Path, PublicOnly, Query, RequestId, Routes, Tenant,
};
use tenancy_core::{
    Domain, ExactDomain, MemoryStore, Problem, ProblemCode, Resolver, SchemaName, Slug, Status,
    Subdomain, TenantId,
};
use uuid::Uuid;

pub(crate) fn store() -> MemoryStore {
    let store = MemoryStore::new();
    for (slug, status) in [
        ("tenant1", Status::Active),
        ("tenant2", Status::Active),
        ("stopped", Status::Suspended),
        ("fresh", Status::Provisioning),
        ("works", Status::Maintenance),
        ("gone", Status::Archived),
    ] {
        let id = TenantId::generate();
        let tenant = tenancy_core::Tenant::new(
            id,
            Slug::parse(slug).unwrap(),
            SchemaName::parse(slug).unwrap(),
        );
        store.insert(tenant.with_status(status)).unwrap();
        if slug == "tenant2" {
            let domain = Domain::parse("shop.example").unwrap();
            store.add_domain(id, domain).unwrap();
        }
    }
    store
}

pub(crate) fn resolver() -> Resolver {
    let base = Domain::parse("localhost").unwrap();
    Resolver::new(store())
        .strategy(Subdomain::of(base.clone()))
        .strategy(ExactDomain)
        .public_host(base)
}

pub(crate) fn router() -> Router {
    let tenant = Router::new()
        .route("/api/whoami", get(whoami))
        .route("/api/either", get(either))
        .route("/api/items/", get(list).post(create))
        .route("/api/items/{id}/", get(show))
        .route("/api/echo", post(echo))
        .route("/api/ignore", post(|| async { "ignored" }))
        .route(
            "/api/image",
            put(length).layer(BodyLimitLayer::new(3 << 20)),
        )
        .route("/api/tiny", put(length).layer(BodyLimitLayer::new(4)))
        .route("/api/fail", get(fail))
        .route("/api/panic", get(panics))
        .route("/api/slow", get(slow))
        .route("/api/bare/{status}", get(bare))
        .route("/api/taken", get(taken))
        .route("/api/own", get(own));
    let public = Router::new()
        .route("/api/tenants/", get(|_: PublicOnly| async { "tenants" }))
        .route("/api/either", get(either))
        .route("/api/misplaced", get(whoami));
    let universal = Health::new()
        .check("database", || async { Ok::<(), std::io::Error>(()) })
        .routes()
        .route("/universal/either", get(either))
        .route("/universal/only", get(|_: PublicOnly| async { "never" }));
    Routes::new(resolver())
        .tenant(tenant)
        .public(public)
        .universal(universal)
        .build()
}

pub(crate) fn app() -> TestApp {
    TestApp::new(router())
}

/// Asserts that `response` is a complete problem of `code`, and gives it.
#[track_caller]
pub(crate) fn problem(response: &TestResponse, status: u16, code: &str, path: &str) -> Value {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    let problem: Value = response.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code);
    assert_eq!(problem["type"], format!("urn:tenancy:problem:{code}"));
    assert_eq!(problem["instance"], path);
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    let id = response.header("x-request-id").unwrap();
    assert_eq!(problem["request_id"], id);
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    problem
}

async fn whoami(Tenant(tenant): Tenant) -> String {
    tenant.slug().to_string()
}

async fn either(tenant: Option<Tenant>) -> String {
    tenant.map_or_else(
        || "nobody".to_owned(),
        |Tenant(tenant)| tenant.slug().to_string(),
    )
}

#[derive(Deserialize)]
struct Page {
    limit: Option<u32>,
}

async fn list(Query(page): Query<Page>) -> String {
    format!("{:?}", page.limit)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    name: String,
    price: u32,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize, Deserialize)]
struct Tag {
    label: String,
}

async fn create(Json(item): Json<Item>) -> (StatusCode, Json<Item>) {
    (StatusCode::CREATED, Json(item))
}

async fn show(Path(id): Path<Uuid>) -> String {
    id.to_string()
}

async fn echo(body: String) -> String {
    body
}

async fn length(body: Bytes) -> String {
    body.len().to_string()
}

async fn fail() -> ApiError {
    ApiError::internal(std::io::Error::other("password=hunter2 at 10.0.0.1"))
}

async fn panics(id: RequestId) -> String {
    panic!("the secret plan of {}", id.as_str())
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    "slow but done"
}

async fn bare(Path(status): Path<u16>) -> (StatusCode, &'static str) {
    (
        StatusCode::from_u16(status).unwrap(),
        "words of the handler",
    )
}

async fn taken() -> ApiError {
    Problem::new(ProblemCode::Conflict)
        .detail("the name <b> is taken")
        .instance("/its/own")
        .into()
}

async fn own() -> (StatusCode, Json<Value>) {
    let body = serde_json::json!({ "mine": true });
    (StatusCode::IM_A_TEAPOT, Json(body))
}
