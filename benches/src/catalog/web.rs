//! The same answers behind the same server: from the cache, from the rows, and from Redis or
//! Elasticsearch with nothing in between.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tenancy_core::cache::Namespace;
use tenancy_core::{
    CachedStore, Caches, ExactDomain, LayeredCache, MemoryCache, RedisCache, Resolver, TenantLayer,
};
use tenancy_search::{Index, IndexName, Search};
use tenancy_sqlx::{Database, PgTenantStore, TenantDb};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::shop::{self, KIND, Product, Shop};
use crate::client::Client;
use crate::plan::{Failure, Rate, rate};

const ONE: Namespace = Namespace::new("product");
const LIST: Namespace = Namespace::new("products");

/// Two sides of one question.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What the file calls it.
    pub name: &'static str,
    /// What is asked for.
    pub what: &'static str,
    side: &'static str,
    floor: &'static str,
}

/// What is compared.
pub fn parts() -> Vec<Part> {
    let part = |name, what, side, floor| Part {
        name,
        what,
        side,
        floor,
    };
    vec![
        part("cached_to_rows", "retrieve", "/near/one", "/rows/one"),
        part("cached_to_rows", "list", "/near/list", "/rows/list"),
        part("redis_to_rows", "retrieve", "/redis/one", "/rows/one"),
        part("redis_to_rows", "list", "/redis/list", "/rows/list"),
        part("cached_to_bare_redis", "retrieve", "/near/one", "/bare/one"),
        part("cached_to_bare_redis", "list", "/near/list", "/bare/list"),
        part("redis_to_bare_redis", "retrieve", "/redis/one", "/bare/one"),
        part("redis_to_bare_redis", "list", "/redis/list", "/bare/list"),
        part("search_to_bare", "words", "/search", "/bare/search"),
    ]
}

#[derive(Clone)]
struct Doors {
    /// Memory over Redis.
    near: Caches,
    /// Redis alone.
    far: Caches,
    redis: MultiplexedConnection,
    search: Search,
    raw: reqwest::Client,
    elasticsearch: String,
    indexes: Vec<(String, IndexName)>,
    database: Database,
}

/// A server with all sides on it, until it is dropped.
#[derive(Debug)]
pub struct Sides {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Sides {
    /// Starts the server and puts into Redis what the bare side reads.
    ///
    /// # Errors
    ///
    /// What a service answers.
    pub async fn start(shop: &Shop) -> Result<Self, Failure> {
        let redis = || RedisCache::new(&shop.redis);
        let layered = LayeredCache::new(MemoryCache::new(), redis()?, &shop.prefix);
        let mut bare = redis::Client::open(&*shop.redis)?
            .get_multiplexed_async_connection()
            .await?;
        let mut indexes = Vec::new();
        for tenant in shop.tenants.iter() {
            let index = Index::new(tenant, &shop.prefix, KIND)?;
            let host = format!("{}.localhost", tenant.slug());
            let db = shop.database.tenant(tenant);
            for number in 1..=shop::PRODUCTS / 4 {
                let id = Uuid::from_u128(number.into());
                let one: Product = db.query_as(shop::one()).bind(id).fetch_one().await?;
                let list: Vec<Product> = db.query_as(shop::list()).bind(id).fetch_all().await?;
                let prefix = &shop.prefix;
                for (kind, text) in [
                    ("one", serde_json::to_vec(&one)?),
                    ("list", serde_json::to_vec(&list)?),
                ] {
                    let key = format!("{prefix}:bare:{host}:{kind}:{id}");
                    let () = bare.set_ex(key, text, 3_600).await?;
                }
            }
            indexes.push((host, index.name().clone()));
        }
        let search = Search::new(shop.engine()?, [KIND]).prefix(shop.prefix.clone());
        let doors = Doors {
            near: Caches::new(layered).prefix(shop.prefix.clone()),
            far: Caches::new(redis()?).prefix(shop.prefix.clone()),
            redis: bare,
            search,
            raw: reqwest::Client::new(),
            elasticsearch: shop.elasticsearch.trim_end_matches('/').to_owned(),
            indexes,
            database: shop.database.clone(),
        };
        let prefix = shop.prefix.clone();
        let resolver = Resolver::new(CachedStore::new(PgTenantStore::new(&shop.database)))
            .strategy(ExactDomain);
        let tenants = Router::new()
            .route("/rows/one/{id}", get(rows_one))
            .route("/rows/list/{id}", get(rows_list))
            .route("/near/one/{id}", get(near_one))
            .route("/near/list/{id}", get(near_list))
            .route("/redis/one/{id}", get(far_one))
            .route("/redis/list/{id}", get(far_list))
            .route("/search/{id}", get(search_words))
            .layer(TenantLayer::new(resolver));
        // Nobody asks whose it is.
        let bare = Router::new()
            .route(
                "/bare/one/{id}",
                get({
                    let prefix = prefix.clone();
                    move |state, id, headers| bare_redis(state, id, headers, prefix, "one")
                }),
            )
            .route(
                "/bare/list/{id}",
                get(move |state, id, headers| bare_redis(state, id, headers, prefix, "list")),
            )
            .route("/bare/search/{id}", get(bare_search));
        let router = tenants.merge(bare).with_state(doors);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    /// Measures both sides of `part`; whoever comes second finds the machine warmer, so they take
    /// turns.
    ///
    /// # Errors
    ///
    /// The first wrong or missing answer.
    pub async fn compare(
        &self,
        part: &Part,
        round: usize,
        slice: Duration,
    ) -> Result<(Rate, Rate), Failure> {
        if round.is_multiple_of(2) {
            let side = self.ask(part.side, slice).await?;
            Ok((side, self.ask(part.floor, slice).await?))
        } else {
            let floor = self.ask(part.floor, slice).await?;
            Ok((self.ask(part.side, slice).await?, floor))
        }
    }

    async fn ask(&self, path: &'static str, slice: Duration) -> Result<Rate, Failure> {
        let address = self.address;
        rate(slice, |mut turns| async move {
            let mut client = Client::connect(address).await?;
            for n in turns.by_ref() {
                let tenant = shop::name(usize::try_from(n)? % shop::TENANTS);
                let number = shop::product_of(n);
                let id = Uuid::from_u128(number.into());
                let words = if path.ends_with("search") {
                    "?q=wirel+keyb"
                } else {
                    ""
                };
                client.ask(
                    format_args!("{tenant}.localhost"),
                    format_args!("{path}/{id}{words}"),
                );
                let body = client.answer().await?;
                let expected = format!("{tenant} ");
                let is_right = if words.is_empty() {
                    let id = id.to_string();
                    contains(body, id.as_bytes()) && contains(body, expected.as_bytes())
                } else {
                    // Keyboards are every fifth.
                    contains(body, br#""total":200"#)
                };
                if !is_right {
                    let got = String::from_utf8_lossy(body);
                    return Err(format!("{path}: {tenant} and {id} got {got:?}").into());
                }
            }
            Ok(turns)
        })
        .await
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl Drop for Sides {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl axum::extract::FromRef<Doors> for Database {
    fn from_ref(doors: &Doors) -> Self {
        doors.database.clone()
    }
}

type Answer<T> = Result<Json<T>, (StatusCode, String)>;

async fn rows_one(db: TenantDb, Path(id): Path<Uuid>) -> Answer<Product> {
    let product = db.query_as(shop::one()).bind(id).fetch_one().await;
    product.map(Json).map_err(failed)
}

async fn rows_list(db: TenantDb, Path(id): Path<Uuid>) -> Answer<Vec<Product>> {
    let list = db.query_as(shop::list()).bind(id).fetch_all().await;
    list.map(Json).map_err(failed)
}

async fn near_one(State(doors): State<Doors>, db: TenantDb, Path(id): Path<Uuid>) -> Answer<Text> {
    cached_one(&doors.near, db, id).await
}

async fn near_list(State(doors): State<Doors>, db: TenantDb, Path(id): Path<Uuid>) -> Answer<Text> {
    cached_list(&doors.near, db, id).await
}

async fn far_one(State(doors): State<Doors>, db: TenantDb, Path(id): Path<Uuid>) -> Answer<Text> {
    cached_one(&doors.far, db, id).await
}

async fn far_list(State(doors): State<Doors>, db: TenantDb, Path(id): Path<Uuid>) -> Answer<Text> {
    cached_list(&doors.far, db, id).await
}

/// JSON that is answered as it is remembered.
type Text = Box<RawValue>;

async fn cached_one(caches: &Caches, db: TenantDb, id: Uuid) -> Answer<Text> {
    let load = || async {
        let product: Product = db.query_as(shop::one()).bind(id).fetch_one().await?;
        text(&product)
    };
    let product = caches
        .of(db.context())
        .get_or_load(&ONE.key(id), load)
        .await;
    product.map(Json).map_err(failed)
}

async fn cached_list(caches: &Caches, db: TenantDb, id: Uuid) -> Answer<Text> {
    let load = || async {
        let list: Vec<Product> = db.query_as(shop::list()).bind(id).fetch_all().await?;
        text(&list)
    };
    let list = caches
        .of(db.context())
        .get_or_load(&LIST.key(id), load)
        .await;
    list.map(Json).map_err(failed)
}

fn text(value: &impl serde::Serialize) -> Result<Text, Failure> {
    Ok(to_raw_value(value)?)
}

async fn bare_redis(
    State(mut doors): State<Doors>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    prefix: tenancy_core::Prefix,
    kind: &'static str,
) -> Result<Response, (StatusCode, String)> {
    let host = host(&headers);
    let key = format!("{prefix}:bare:{host}:{kind}:{id}");
    let text: Vec<u8> = doors.redis.get(key).await.map_err(failed)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

async fn search_words(
    State(doors): State<Doors>,
    db: TenantDb,
    Path(_): Path<Uuid>,
    Query(asked): Query<Asked>,
) -> Answer<Value> {
    let index = doors.search.of(db.context(), KIND).map_err(failed)?;
    let query = tenancy_search::Query::new(&asked.q);
    let found = index.find(&query).await.map_err(failed)?;
    let ids: Vec<Uuid> = found.hits.iter().map(|hit| hit.id).collect();
    Ok(Json(json!({ "ids": ids, "total": found.total })))
}

/// The plainest question that finds the same: no misspelling, no check.
async fn bare_search(
    State(doors): State<Doors>,
    Path(_): Path<Uuid>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer<Value> {
    let host = host(&headers);
    let index = doors.indexes.iter().find(|(name, _)| *name == host);
    let (_, index) = index.ok_or((StatusCode::NOT_FOUND, host))?;
    let words = asked.q.split_whitespace();
    let must: Vec<_> = words
        .map(|word| json!({ "term": { "prefixes": word } }))
        .collect();
    let body = json!({ "query": { "bool": { "must": must } }, "size": 20,
        "_source": ["id"], "track_total_hits": 10_000 });
    let address = format!("{}/{index}/_search", doors.elasticsearch);
    let sent = doors.raw.post(address).json(&body).send().await;
    let answer: Value = sent.map_err(failed)?.json().await.map_err(failed)?;
    let hits = answer["hits"]["hits"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let ids: Vec<Value> = hits.iter().map(|hit| hit["_id"].clone()).collect();
    Ok(Json(
        json!({ "ids": ids, "total": answer["hits"]["total"]["value"] }),
    ))
}

fn host(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.unwrap_or_default().to_owned()
}

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
