//! Every route and every store, asked as two tenants, a suspended one and strangers.
//!
//! A route without an entry in [`asks`] fails here, and a store that [`every_store`] does not name
//! does not compile.

use std::path::Path;
use std::sync::Arc;

use saas::app::{self, Tenancy};
use saas::routes::{self, Route, Side};
use saas::state::{AppState, CacheHeader, Site};
use tenancy_axum::{Health, RequestMetrics};
use tenancy_core::rate::MemoryRateLimiter;
use tenancy_core::testing::{Ask, IsolationKit};
use tenancy_core::{CachedStore, Caches, Domain, Prefix, TrustedProxies};
use tenancy_search::{MemoryEngine, Search};
use tenancy_sqlx::testing::{TestTenant, TestTenants};
use tenancy_sqlx::{PgOutbox, PgTenantStore, tenant_sql};
use uuid::Uuid;

use super::queue::{Queue, imported};
use super::shelf::Shelf;

/// The posts that every tenant has, under the same ids.
const POST: Uuid = Uuid::from_u128(1);
const DRAFT: Uuid = Uuid::from_u128(2);
const CHANGED: Uuid = Uuid::from_u128(3);
const DELETED: [Uuid; 2] = [Uuid::from_u128(4), Uuid::from_u128(5)];

/// The products and categories that every tenant has, under the same ids.
const PRODUCT: Uuid = Uuid::from_u128(11);
const SOLD: Uuid = Uuid::from_u128(12);
const COUNTED: Uuid = Uuid::from_u128(15);
const GONE: [Uuid; 2] = [Uuid::from_u128(13), Uuid::from_u128(14)];
const CATEGORY: Uuid = Uuid::from_u128(21);
const RENAMED: Uuid = Uuid::from_u128(22);
const EMPTY: [Uuid; 2] = [Uuid::from_u128(23), Uuid::from_u128(24)];

/// What is asked of a route, where these are jobs of one tenant each.
fn asks(route: &Route, jobs: &[Uuid]) -> Vec<Ask> {
    let path = route.path;
    let on = |id: Uuid| Ask::new(route.method.clone(), path.replace("{id}", &id.to_string()));
    let plain = || Ask::new(route.method.clone(), path);
    let post = r#"{ "title": "{canary} again", "body": "by {canary}" }"#;
    match (route.side, route.method.as_str(), path) {
        (Side::Public, "GET", "/" | "/style.css") | (Side::Tenant, "GET", "/style.css") => {
            vec![plain()]
        }
        (Side::Public, "GET", "/find/") => vec![
            Ask::get("/find/?tenant={canary}"),
            Ask::get("/find/?tenant=tenant-1"),
        ],
        (Side::Tenant, "GET", "/") => vec![
            plain(),
            Ask::get(format!("/?cursor={CHANGED}")),
            Ask::get("/?cursor={canary}").refused(),
        ],
        (Side::Tenant, "GET", "/posts/{id}/" | "/api/blogs/{id}" | "/api/blogs/{id}/") => {
            vec![on(POST), on(DRAFT).refused(), on(Uuid::max()).refused()]
        }
        (Side::Tenant, "GET", "/api/blogs" | "/api/blogs/") => vec![
            plain(),
            Ask::get(format!("{path}?limit=1")),
            Ask::get(format!("{path}?limit=1&cursor={CHANGED}")),
        ],
        (Side::Tenant, "POST", "/api/blogs" | "/api/blogs/") => {
            vec![plain().json(post), plain().json("{}").refused()]
        }
        (Side::Tenant, "PUT" | "PATCH", "/api/blogs/{id}" | "/api/blogs/{id}/") => {
            vec![on(CHANGED).json(post), on(Uuid::max()).json(post).refused()]
        }
        (Side::Tenant, "GET", path) if path.contains("/search") && path.starts_with("/api/") => {
            search_asks(path)
        }
        (Side::Tenant, "GET", "/api/jobs/{id}" | "/api/jobs/{id}/") => {
            let own = jobs.iter().map(|job| on(*job));
            own.chain([on(Uuid::max()).refused()]).collect()
        }
        (Side::Tenant, "DELETE", "/api/blogs/{id}") => vec![on(DELETED[0])],
        (Side::Tenant, "DELETE", "/api/blogs/{id}/") => vec![on(DELETED[1])],
        (Side::Tenant, _, path) if path.starts_with("/api/catalog/") => catalog_asks(route),
        (Side::Tenant, "GET", "/products/") => vec![
            plain(),
            Ask::get(format!("/products/?category={CATEGORY}")),
            Ask::get("/products/?ordering={canary}").refused(),
        ],
        (Side::Tenant, "GET", "/products/{id}/") => {
            vec![on(PRODUCT), on(Uuid::max()).refused()]
        }
        (Side::Tenant, "GET", "/search.js" | "/api/usage" | "/api/usage/") => vec![plain()],
        (Side::Tenant, "GET", "/search/") => vec![
            plain(),
            Ask::get("/search/?q={canary}"),
            Ask::get("/search/?q=canary"),
        ],
        (side, method, path) => panic!(
            "{method} {path} ({side:?}) has no entry in the isolation kit: say here what is asked \
             of it"
        ),
    }
}

/// What is asked of a search: what the tenant has, and the same of somebody else.
fn search_asks(path: &str) -> Vec<Ask> {
    vec![
        Ask::get(path),
        // They say how long they took.
        Ask::get(format!("{path}?q={{canary}}")).changing(),
        // How every tenant's words begin.
        Ask::get(format!("{path}?q=canar&limit=1")).changing(),
        Ask::get(format!("{path}?q=canary&cursor={{canary}}")).refused(),
    ]
}

/// What is asked of a route of the catalog; with and without the closing slash it is the same.
fn catalog_asks(route: &Route) -> Vec<Ask> {
    let path = route.path;
    let twin = usize::from(path.ends_with('/'));
    let on = |id: Uuid| Ask::new(route.method.clone(), path.replace("{id}", &id.to_string()));
    let plain = || Ask::new(route.method.clone(), path);
    let product = |sku: &str| {
        format!(
            r#"{{ "name": "{{canary}} again", "sku": "{sku}", "price_cents": 5, "description":
            "by {{canary}}", "category": "{CATEGORY}" }}"#
        )
    };
    let name = r#"{ "name": "{canary} again" }"#;
    let both = |id: Uuid, body: &str| vec![on(id).json(body), on(Uuid::max()).json(body).refused()];
    match (route.method.as_str(), path.trim_end_matches('/')) {
        ("GET", "/api/catalog/products") => vec![
            plain(),
            // What the first one left in the cache.
            plain(),
            Ask::get(format!("{path}?limit=1&ordering=name&category={CATEGORY}")),
            Ask::get(format!("{path}?ordering={{canary}}")).refused(),
        ],
        ("GET", "/api/catalog/categories") => {
            vec![plain(), plain(), Ask::get(format!("{path}?limit=1"))]
        }
        ("GET", "/api/catalog/products/{id}") => {
            vec![on(PRODUCT), on(PRODUCT), on(Uuid::max()).refused()]
        }
        ("GET", "/api/catalog/categories/{id}") => {
            vec![on(CATEGORY), on(CATEGORY), on(Uuid::max()).refused()]
        }
        ("POST", "/api/catalog/products") => vec![
            plain().json(&product(&format!("{{canary}}-new-{twin}"))),
            plain().json(&product("{canary}")).refused(),
            plain().json("{}").refused(),
        ],
        ("POST", "/api/catalog/products/import") => {
            let csv = |text: &str| plain().header("content-type", "text/csv").body(text);
            vec![
                // Each is another job.
                csv("name,sku,price_cents\n{canary},{canary}-file,1\n").changing(),
                csv("{canary},sku,price_cents\na,b,1\n").refused(),
                plain().json("{}").refused(),
            ]
        }
        ("POST", "/api/catalog/categories") => {
            let new = format!(r#"{{ "name": "{{canary}} new", "slug": "{{canary}}-{twin}" }}"#);
            vec![plain().json(&new), plain().json("{}").refused()]
        }
        ("POST", "/api/catalog/products/{id}/stock") => {
            let mut asks = both(COUNTED, r#"{ "change": -1 }"#);
            asks.push(on(COUNTED).json(r#"{ "change": -9999999 }"#).refused());
            asks
        }
        ("PUT", "/api/catalog/products/{id}") => both(SOLD, &product("{canary}-sold")),
        ("PATCH", "/api/catalog/products/{id}") => both(SOLD, name),
        ("PATCH", "/api/catalog/categories/{id}") => both(RENAMED, name),
        ("DELETE", "/api/catalog/products/{id}") => vec![on(GONE[twin])],
        ("DELETE", "/api/catalog/categories/{id}") => {
            vec![on(EMPTY[twin]), on(CATEGORY).refused()]
        }
        (method, path) => panic!("{method} {path} has no entry in the isolation kit"),
    }
}

/// The state of the application, with all that the kit looks into.
///
/// Whoever adds a store to the application adds a probe of it to the kit.
fn every_store(
    tenants: &TestTenants,
    shelf: &Shelf,
    state: &AppState,
    kit: IsolationKit,
) -> IsolationKit {
    let AppState {
        // The rows of tenants are looked into, and what they have in the queue of jobs.
        database: _,
        // Names and hosts, which every host is told of itself only.
        tenants: _,
        // It keeps times and nothing else.
        rates: _,
        // The shelf is its back end.
        caches: _,
        // What it finds is read from the rows, and asked of by the routes.
        search: _,
        cache_header: _,
        // These say where the installation is, to everybody.
        site: _,
        prefix: _,
    } = state;
    let queue = Queue(tenants.test_database().superuser_options());
    kit.probe(tenants.rows()).probe(shelf.clone()).probe(queue)
}

async fn fill(tenant: &TestTenant) {
    let ids = [POST, DRAFT, CHANGED].into_iter().chain(DELETED);
    for id in ids {
        tenant
            .db()
            .execute(tenant_sql!(
                "INSERT INTO blogs (id, title, description, body, author, published)
                 VALUES ($1, $2, $2, $2, $2, $3)"
            ))
            .bind(id)
            .bind(tenant.canary().as_str())
            .bind(id != DRAFT)
            .await
            .unwrap();
    }
    for id in [CATEGORY, RENAMED].into_iter().chain(EMPTY) {
        tenant
            .db()
            .execute(tenant_sql!(
                "INSERT INTO categories (id, name, slug) VALUES ($1, $2, $3)"
            ))
            .bind(id)
            .bind(tenant.canary().as_str())
            .bind(id.simple().to_string())
            .await
            .unwrap();
    }
    for id in [PRODUCT, SOLD, COUNTED].into_iter().chain(GONE) {
        let canary = tenant.canary();
        let sku = match id {
            PRODUCT => canary.as_str().to_owned(),
            _ => format!("{} {id}", canary.as_str()),
        };
        tenant
            .db()
            .execute(tenant_sql!(
                "INSERT INTO products
                     (id, name, sku, description, price_cents, currency, stock, category_id)
                 VALUES ($1, $2, $3, $2, 5, 'EUR', 1000000, $4)"
            ))
            .bind(id)
            .bind(canary.as_str())
            .bind(sku)
            .bind(CATEGORY)
            .await
            .unwrap();
    }
}

async fn state(tenants: &TestTenants, shelf: &Shelf) -> AppState {
    let database = tenants.database().await;
    AppState {
        tenants: PgTenantStore::new(&database),
        database,
        caches: Caches::new(shelf.clone()),
        rates: Arc::new(MemoryRateLimiter::new()),
        search: Search::new(MemoryEngine::new(), app::SEARCHED),
        cache_header: CacheHeader::Shown,
        site: Site {
            base_domain: Domain::parse("example").unwrap(),
            showcase: Vec::new(),
        },
        prefix: Prefix::default(),
    }
}

#[tenancy_sqlx::test]
async fn nothing_of_a_tenant_reaches_anybody_else(tenants: TestTenants) {
    let [one, other, third] = [
        tenants.tenant().await,
        tenants.tenant().await,
        tenants.tenant().await,
    ];
    for tenant in [&one, &other, &third] {
        fill(tenant).await;
    }
    let suspended = tenants.suspend(&third).await;

    let shelf = Shelf::default();
    let state = state(&tenants, &shelf).await;
    let indexer = app::indexer(&state).unwrap();
    for tenant in [&one, &other] {
        for kind in app::SEARCHED {
            let rebuild = indexer.rebuild(kind);
            let feed = PgOutbox::new(&state.database);
            rebuild.run(&feed, tenant.context()).await.unwrap();
        }
    }
    let base_domain = state.site.base_domain.clone();
    let cache = CachedStore::new(state.tenants.clone());
    let tenancy = Tenancy::ByHost { base_domain };
    let resolver = app::resolver(&tenancy, cache, TrustedProxies::default());
    let router = app::router(&state, resolver, RequestMetrics::new(1));
    let mut jobs = Vec::new();
    for tenant in [&one, &other] {
        jobs.push(imported(&router, &state, tenant).await);
    }
    let kit = IsolationKit::new(router, one.party(), other.party())
        .suspended(suspended)
        .stranger("nobody.example")
        .stranger("example")
        .asks(routes::all().flat_map(|route| asks(route, &jobs)))
        .asks(Health::PATHS.map(Ask::get));
    let isolated = every_store(&tenants, &shelf, &state, kit)
        .check()
        .await
        .unwrap();
    assert!(
        isolated.answers() > 1_000 && isolated.dropped() > 100,
        "{isolated}"
    );
    assert!(shelf.entries() > 10, "the cache was not used");
}

#[test]
fn routes_stand_in_the_tables_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in [".route(", ".route_service(", ".nest(", ".fallback("] {
                let allowed = path.ends_with("routes.rs") && word == ".route(";
                assert!(
                    allowed || !text.contains(word),
                    "{}: {word} adds routes that no table has: put them into one",
                    path.display()
                );
                seen += usize::from(allowed && text.contains(word));
            }
        }
    }
    assert_eq!(seen, 1, "the search is broken");
}
