//! The same handlers behind the same server, with tenancy and without.

use std::fmt::Write as _;
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

use super::door::Rows;
use super::mix::Mix;
use super::posts::{self, Post};
use crate::client::Client;
use crate::plan::{Failure, Rate, rate};

/// A server on a loopback port of its own, until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
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
    pub(super) async fn with_tenants(database: &Database) -> Result<Self, Failure> {
        let store = CachedStore::new(PgTenantStore::new(database));
        let resolver = Resolver::new(store).strategy(ExactDomain);
        let router = Router::new()
            .route("/posts/{id}", get(tenants_one))
            .route("/posts/from/{id}", get(tenants_list))
            .route("/nothing/{id}", get(tenants_nothing))
            .layer(TenantLayer::new(resolver))
            .with_state(Tenants(database.clone()));
        Self::start(router, None).await
    }

    /// Handlers take the pool.
    ///
    /// # Errors
    ///
    /// As [`Server::with_tenants`].
    pub(super) async fn plain(pool: PgPool) -> Result<Self, Failure> {
        let router = Router::new()
            .route("/posts/{id}", get(plain_one))
            .route("/posts/from/{id}", get(plain_list))
            .route("/nothing/{id}", get(plain_nothing))
            .with_state(pool);
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

    /// Asks for `what` with the hosts of `mix`.
    ///
    /// # Errors
    ///
    /// When a request fails or is answered with what was not asked for.
    pub(super) async fn ask(
        &self,
        what: Rows,
        mix: &Mix,
        slice: Duration,
    ) -> Result<Rate, Failure> {
        let (path, open) = match what {
            Rows::One => ("/posts", "{"),
            Rows::List => ("/posts/from", "[{"),
            Rows::None => ("/nothing", "{"),
        };
        let (address, schema) = (self.address, self.schema);
        rate(slice, |mut turns| {
            let mix = mix.clone();
            async move {
                let mut client = Client::connect(address).await?;
                let mut expected = String::new();
                for n in turns.by_ref() {
                    let (tenant, id) = (mix.tenant(n), posts::row_of(n));
                    expected.clear();
                    let _ = write!(expected, "{open}\"id\":{id},\"title\":\"");
                    let _ = match (what, schema) {
                        (Rows::None, _) => Ok(()),
                        (_, Some(schema)) => write!(expected, "{schema} "),
                        (_, None) => write!(expected, "t{tenant:04} "),
                    };
                    client.ask(
                        format_args!("t{tenant:04}.localhost"),
                        format_args!("{path}/{id}"),
                    );
                    let body = client.answer().await?;
                    if !body.starts_with(expected.as_bytes()) {
                        let got = String::from_utf8_lossy(body);
                        return Err(format!("wanted {expected:?} and got {got:?}").into());
                    }
                }
                Ok(turns)
            }
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
