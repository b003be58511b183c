//! What a worker leaves behind that dies between a commit and the cache.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use saas::app::{self, Tenancy};
use saas::state::{AppState, CacheHeader, Site};
use serde_json::Value;
use tenancy_axum::RequestMetrics;
use tenancy_core::job::{JobId, JobQueue as _};
use tenancy_core::rate::MemoryRateLimiter;
use tenancy_core::{CachedStore, Caches, Domain, MemoryCache, Prefix, TrustedProxies};
use tenancy_search::{MemoryEngine, Search};
use tenancy_sqlx::jobs::PgJobs;
use tenancy_sqlx::testing::{TestTenant, TestTenants};
use tenancy_sqlx::{PgTenantStore, tenant_sql};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::{IMPORT, PRODUCTS};
use crate::program::until;

const CATEGORY: Uuid = Uuid::from_u128(7);

async fn ask(app: &Router, tenant: &TestTenant, method: Method, path: &str, body: &str) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", tenant.host())
        .header("content-type", "text/csv")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let taken = [StatusCode::OK, StatusCode::ACCEPTED].contains(&answer.status());
    assert!(taken, "{path}: {}", answer.status());
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tenancy_sqlx::test]
async fn what_a_worker_wrote_that_died_before_the_cache_heard_of_it_is_shown_in_the_end(
    tenants: TestTenants,
) {
    let tenant = tenants.tenant().await;
    let database = tenants.database().await;
    let base_domain = Domain::parse("example").unwrap();
    let state = AppState {
        tenants: PgTenantStore::new(&database),
        database,
        caches: Caches::new(MemoryCache::new()),
        search: Search::new(MemoryEngine::new(), app::SEARCHED),
        cache_header: CacheHeader::Shown,
        site: Site {
            base_domain: base_domain.clone(),
            showcase: Vec::new(),
        },
        prefix: Prefix::default(),
        rates: Arc::new(MemoryRateLimiter::new()),
    };
    let store = CachedStore::new(state.tenants.clone());
    let tenancy = Tenancy::ByHost { base_domain };
    let resolver = app::resolver(&tenancy, store, TrustedProxies::default());
    let app = app::router(&state, resolver, RequestMetrics::new(1));
    let insert = tenant_sql!("INSERT INTO categories (id, name, slug) VALUES ($1, 'X', 'x')");
    tenant.db().execute(insert).bind(CATEGORY).await.unwrap();
    let list = format!("{PRODUCTS}?category={CATEGORY}");
    let empty = ask(&app, &tenant, Method::GET, &list, "").await;
    assert_eq!(empty["items"], serde_json::json!([]));

    let text = "name,sku,price_cents,category\nChair,S-1,1,x\nTable,S-2,1,\n";
    let accepted = ask(&app, &tenant, Method::POST, IMPORT, text).await;
    let id: JobId = accepted["job_id"].as_str().unwrap().parse().unwrap();
    // Its first line is written with the progress, and nobody was told.
    let insert = tenant_sql!(
        "INSERT INTO products (id, name, sku, price_cents, currency, category_id)
         VALUES ($1, 'Chair', 'S-1', 1, 'EUR', $1)"
    );
    tenant.db().execute(insert).bind(CATEGORY).await.unwrap();
    let told = r#"UPDATE tenancy.jobs SET progress = '{ "done": 1, "of": 2, "created": 1 }'"#;
    let mut superuser = tenants.test_database().superuser().await;
    sqlx::query(told).execute(&mut superuser).await.unwrap();

    let jobs = PgJobs::new(&state.database);
    let done = until("the import is done", async || {
        let job = jobs.find(tenant.context(), id).await.unwrap();
        job.is_some_and(|job| job.status.is_ended())
    });
    app::worker(&state).run(done).await.unwrap();
    let job = jobs.find(tenant.context(), id).await.unwrap().unwrap();
    assert_eq!(job.progress["created"], 2, "{job:?}");
    let page = ask(&app, &tenant, Method::GET, &list, "").await;
    assert_eq!(page["items"][0]["sku"], "S-1", "{page}");
}
