//! The same handlers behind the same server, with tenancy and without.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use sqlx::postgres::PgPool;
use tenancy_core::{CachedStore, ExactDomain, Resolver, TenantContext, TenantLayer};
use tenancy_sqlx::{Database, PgTenantStore, TenantDb};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::door::Rows;
use crate::plan::{Failure, rate};
use crate::posts::{self, Post, Posts};

/// A server on a loopback port of its own, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// How the rows of a host start: all of `plain`, or each its own.
    schema: Option<&'static str>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Tenants(Database);

impl FromRef<Tenants> for Database {
    fn from_ref(state: &Tenants) -> Self {
        state.0.clone()
    }
}

impl Server {
    /// The host decides the tenant, a cached store knows it, and handlers take a `TenantDb`.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn with_tenants(posts: &Posts) -> Result<Self, Failure> {
        let store = CachedStore::new(PgTenantStore::new(&posts.database));
        let resolver = Resolver::new(store).strategy(ExactDomain);
        let router = Router::new()
            .route("/posts/{id}", get(tenants_one))
            .route("/posts/from/{id}", get(tenants_list))
            .route("/nothing/{id}", get(tenants_nothing))
            .layer(TenantLayer::new(resolver))
            .with_state(Tenants(posts.database.clone()));
        Self::start(router, None).await
    }

    /// Handlers take the pool.
    ///
    /// # Errors
    ///
    /// As [`Server::with_tenants`].
    pub async fn plain(posts: &Posts) -> Result<Self, Failure> {
        let router = Router::new()
            .route("/posts/{id}", get(plain_one))
            .route("/posts/from/{id}", get(plain_list))
            .route("/nothing/{id}", get(plain_nothing))
            .with_state(posts.plain.clone());
        Self::start(router, Some("plain")).await
    }

    async fn start(router: Router, schema: Option<&'static str>) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        // A write that waits for more to come would measure that wait.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            schema,
            task,
        })
    }

    /// Asks for rows, with all hosts in rotation, and gives the requests per second.
    ///
    /// # Errors
    ///
    /// When a request fails or is answered with what was not asked for.
    pub async fn rows(&self, rows: Rows, slice: Duration) -> Result<f64, Failure> {
        let path = match rows {
            Rows::One => "/posts",
            Rows::List => "/posts/from",
        };
        let schema = self.schema;
        self.ask(path, slice, move |n, expected| {
            use std::fmt::Write as _;
            let tenant = posts::tenant_of(n);
            let id = posts::row_of(n);
            let open = if rows == Rows::List { "[" } else { "" };
            let _ = write!(expected, "{open}{{\"id\":{id},\"title\":\"");
            let _ = match schema {
                Some(schema) => write!(expected, "{schema} "),
                None => write!(expected, "t{tenant:04} "),
            };
        })
        .await
    }

    /// Asks for an answer without rows: what is left is the host and who it is.
    ///
    /// # Errors
    ///
    /// As [`Server::rows`].
    pub async fn nothing(&self, slice: Duration) -> Result<f64, Failure> {
        self.ask("/nothing", slice, |_, expected| {
            expected.push_str("{\"id\":");
        })
        .await
    }

    async fn ask<E>(&self, path: &'static str, slice: Duration, expect: E) -> Result<f64, Failure>
    where
        E: Fn(u64, &mut String) + Copy + Send + 'static,
    {
        let address = self.address;
        rate(slice, move |turns| async move {
            let mut client = Client::connect(address).await?;
            let mut expected = String::new();
            for n in turns {
                expected.clear();
                expect(n, &mut expected);
                let host = posts::tenant_of(n);
                let id = posts::row_of(n);
                client.ask(
                    format_args!("t{host:04}.localhost"),
                    format_args!("{path}/{id}"),
                );
                let body = client.answer().await?;
                if !body.starts_with(expected.as_bytes()) {
                    let got = String::from_utf8_lossy(body);
                    return Err(format!("wanted {expected:?} and got {got:?}").into());
                }
            }
            Ok(())
        })
        .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer<T> = Result<Json<T>, (StatusCode, String)>;

async fn tenants_one(db: TenantDb, Path(id): Path<i64>) -> Answer<Post> {
    let post = db.query_as(posts::one()).bind(id).fetch_one().await;
    post.map(Json).map_err(failed)
}

async fn tenants_list(db: TenantDb, Path(id): Path<i64>) -> Answer<Vec<Post>> {
    let list = db.query_as(posts::list()).bind(id).fetch_all().await;
    list.map(Json).map_err(failed)
}

async fn tenants_nothing(db: TenantDb, Path(id): Path<i64>) -> Json<Post> {
    let _: &TenantContext = db.context();
    nothing(id)
}

async fn plain_one(State(pool): State<PgPool>, Path(id): Path<i64>) -> Answer<Post> {
    let query = sqlx::query_as(posts::PLAIN_ONE).bind(id);
    query.fetch_one(&pool).await.map(Json).map_err(failed)
}

async fn plain_list(State(pool): State<PgPool>, Path(id): Path<i64>) -> Answer<Vec<Post>> {
    let query = sqlx::query_as(posts::PLAIN_LIST).bind(id);
    query.fetch_all(&pool).await.map(Json).map_err(failed)
}

async fn plain_nothing(State(_): State<PgPool>, Path(id): Path<i64>) -> Json<Post> {
    nothing(id)
}

fn nothing(id: i64) -> Json<Post> {
    Json(Post {
        id,
        title: String::new(),
    })
}

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
