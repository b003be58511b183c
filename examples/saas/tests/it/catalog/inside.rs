//! The application in this process, where a request can be dropped at any of its steps.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use saas::app::{self, Tenancy};
use saas::state::{AppState, CacheHeader, Site};
use serde_json::{Value, json};
use tenancy_axum::RequestMetrics;
use tenancy_core::rate::MemoryRateLimiter;
use tenancy_core::{CachedStore, Caches, Domain, MemoryCache, Prefix, TrustedProxies};
use tenancy_search::{MemoryEngine, Search};
use tenancy_sqlx::testing::{TestTenant, TestTenants};
use tenancy_sqlx::{Database, PgTenantStore, PoolSettings, tenant_sql};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::PRODUCTS;
use super::cut::Wire;
use crate::program::until;

const ID: Uuid = Uuid::from_u128(7);

fn application(database: Database) -> Router {
    let base_domain = Domain::parse("example").unwrap();
    let state = AppState {
        tenants: PgTenantStore::new(&database),
        database,
        caches: Caches::new(MemoryCache::new()),
        rates: Arc::new(MemoryRateLimiter::new()),
        search: Search::new(MemoryEngine::new(), app::SEARCHED),
        cache_header: CacheHeader::Shown,
        site: Site {
            base_domain: base_domain.clone(),
            showcase: Vec::new(),
        },
        prefix: Prefix::default(),
    };
    let store = CachedStore::new(state.tenants.clone());
    let tenancy = Tenancy::ByHost { base_domain };
    let resolver = app::resolver(&tenancy, store, TrustedProxies::default());
    app::router(&state, resolver, RequestMetrics::new(1))
}

fn request(tenant: &TestTenant, method: Method, path: &str, body: &Value) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", tenant.host())
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

/// The answer, and what it says of the cache.
async fn get(app: &Router, tenant: &TestTenant, path: &str) -> (Value, String) {
    let request = request(tenant, Method::GET, path, &Value::Null);
    let answer = app.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let source = answer.headers()["x-cache"].to_str().unwrap().to_owned();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (serde_json::from_slice(&body).unwrap(), source)
}

async fn add(tenant: &TestTenant, id: Uuid) {
    tenant
        .db()
        .execute(tenant_sql!(
            "INSERT INTO products (id, name, sku, price_cents, currency)
             VALUES ($1, 'Chair', $1::text, 0, 'EUR')"
        ))
        .bind(id)
        .await
        .unwrap();
}

async fn price(tenant: &TestTenant) -> i64 {
    tenant
        .db()
        .query_scalar(tenant_sql!(
            "SELECT price_cents FROM products WHERE id = $1"
        ))
        .bind(ID)
        .fetch_one()
        .await
        .unwrap()
}

#[tenancy_sqlx::test]
async fn a_client_that_leaves_at_any_step_leaves_nothing_old_behind(tenants: TestTenants) {
    let tenant = tenants.tenant().await;
    add(&tenant, ID).await;
    let app = application(tenants.database().await);
    let at = format!("{PRODUCTS}{ID}/");
    let mut changed = 0;
    for step in 0..60_i64 {
        let (before, _) = get(&app, &tenant, &at).await;
        let body = json!({ "price_cents": step + 1 });
        let request = request(&tenant, Method::PATCH, &at, &body);
        let mut polls = 0;
        {
            let mut asking = pin!(app.clone().oneshot(request));
            // Dropped after so many polls, unless it has ended before.
            poll_fn(|context| {
                polls += 1;
                if asking.as_mut().poll(context).is_ready() || polls > step / 4 {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
            .await;
        }
        // What it began goes on, or never began.
        until("the cache and the row agree", async || {
            let now = get(&app, &tenant, &at).await.0;
            now["price_cents"] == price(&tenant).await
        })
        .await;
        changed += i64::from(get(&app, &tenant, &at).await.0 != before);
    }
    assert!(
        changed > 10,
        "hardly any change was made, so this proves nothing"
    );
}

#[tenancy_sqlx::test]
async fn what_was_committed_is_served_although_nobody_heard_of_the_commit(tenants: TestTenants) {
    let tenant = tenants.tenant().await;
    add(&tenant, ID).await;
    let wire = Wire::new(tenants.test_database().app_options()).await;
    let settings = PoolSettings::default().max_connections(4);
    let database = Database::connect(wire.options.clone(), settings)
        .await
        .unwrap();
    let app = application(database.clone());
    let at = format!("{PRODUCTS}{ID}/");
    for round in 1..=5 {
        for path in [&at, PRODUCTS] {
            get(&app, &tenant, path).await;
        }
        wire.cut_next_commit();
        let body = json!({ "price_cents": round });
        let asked = request(&tenant, Method::PATCH, &at, &body);
        let answer = app.clone().oneshot(asked).await.unwrap();
        assert!(answer.status().is_server_error(), "{}", answer.status());
        assert!(wire.was_cut());
        assert_eq!(price(&tenant).await, round);
        assert_eq!(get(&app, &tenant, &at).await.0["price_cents"], round);
        let (list, _) = get(&app, &tenant, PRODUCTS).await;
        assert_eq!(list["items"][0]["price_cents"], round);
    }
    database.close().await;
}

#[tenancy_sqlx::test]
async fn a_change_takes_from_the_cache_what_it_must_and_leaves_the_rest(tenants: TestTenants) {
    let tenant = tenants.tenant().await;
    let other = Uuid::from_u128(8);
    add(&tenant, ID).await;
    add(&tenant, other).await;
    let shelves = [Uuid::from_u128(1), Uuid::from_u128(2)];
    for id in shelves {
        tenant
            .db()
            .execute(tenant_sql!(
                "INSERT INTO categories (id, name, slug) VALUES ($1, 'Shelf', $2)"
            ))
            .bind(id)
            .bind(id.simple().to_string())
            .await
            .unwrap();
    }
    let app = application(tenants.database().await);
    let one = format!("{PRODUCTS}{ID}/");
    let twin = format!("{PRODUCTS}{other}/");
    let all = PRODUCTS.to_owned();
    let of = shelves.map(|id| format!("{PRODUCTS}?category={id}"));
    let shelf = shelves.map(|id| format!("/api/catalog/categories/{id}/"));
    let every_shelf = "/api/catalog/categories/".to_owned();
    let watched = [
        &one,
        &twin,
        &all,
        &of[0],
        &of[1],
        &shelf[0],
        &shelf[1],
        &every_shelf,
    ];
    for (method, path, body, old) in [
        // Its own answer and the lists that it is in.
        (
            Method::PATCH,
            &one,
            json!({ "price_cents": 1 }),
            vec![&one, &all],
        ),
        (
            Method::PATCH,
            &one,
            json!({ "category": shelves[0] }),
            vec![&one, &all, &of[0], &shelf[0], &every_shelf],
        ),
        (
            Method::POST,
            &format!("{one}stock/"),
            json!({ "change": 5 }),
            vec![&one, &all, &of[0]],
        ),
        (
            Method::PATCH,
            &one,
            json!({ "category": shelves[1] }),
            vec![
                &one,
                &all,
                &of[0],
                &of[1],
                &shelf[0],
                &shelf[1],
                &every_shelf,
            ],
        ),
        (
            Method::PATCH,
            &shelf[0],
            json!({ "name": "Renamed" }),
            vec![&shelf[0], &every_shelf],
        ),
        // What is refused changes nothing.
        (Method::PATCH, &one, json!({ "sku": other }), vec![]),
        (Method::PATCH, &one, json!({ "sku": "" }), vec![]),
        (Method::DELETE, &shelf[1], json!({}), vec![]),
    ] {
        for path in watched {
            get(&app, &tenant, path).await;
            assert_eq!(get(&app, &tenant, path).await.1, "hit", "{path}");
        }
        let asked = request(&tenant, method, path, &body);
        app.clone().oneshot(asked).await.unwrap();
        for path in watched {
            let expected = if old.contains(&path) { "miss" } else { "hit" };
            assert_eq!(
                get(&app, &tenant, path).await.1,
                expected,
                "{path} after {body}"
            );
        }
    }
}
