//! `TenantDb` as a handler's argument.

use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::IntoResponse;
use tenancy_sqlx::{Database, Error, ErrorKind, TenantDb};

use crate::server::World;
use crate::statements::*;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) database: Database,
}

impl FromRef<App> for Database {
    fn from_ref(app: &App) -> Self {
        app.database.clone()
    }
}

#[tokio::test]
async fn a_request_of_a_tenant_gives_its_rows_and_one_of_nobody_a_problem() {
    let world = World::new().await;
    let database = world.database(1).await;
    let app = App { database };

    let (mut parts, ()) = http::Request::new(()).into_parts();
    let refused = TenantDb::from_request_parts(&mut parts, &app).await;
    let response = refused.unwrap_err().into_response();
    assert_eq!(response.status(), 404);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );

    parts.extensions.insert(world.context("acme"));
    let db = TenantDb::from_request_parts(&mut parts, &app)
        .await
        .unwrap();
    let title = db.query_scalar::<String>(TITLE).bind(1_i64).fetch_one();
    assert_eq!(title.await.unwrap(), "acme 1");
}

#[test]
fn errors_answer_with_their_problem() {
    let error = Error::new(ErrorKind::RowNotFound, "no row of blogs is as asked for");
    assert_eq!(error.into_response().status(), 404);
    let error = Error::new(ErrorKind::SchemaMismatch, "no table");
    assert_eq!(error.into_response().status(), 503);
}

pub(crate) mod transaction {
    use std::convert::Infallible;

    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::extract::{Path, Request, State};
    use axum::middleware::{Next, from_fn_with_state};
    use axum::response::{IntoResponse, Response};
    use axum::routing::post;
    use futures_util::stream;
    use http::StatusCode;
    use tenancy_core::TenantContext;
    use tenancy_sqlx::{Database, Error, Lease, ScopedTx, TransactionLayer, Tx};
    use tower::ServiceExt;

    use super::App;
    use crate::server::World;
    use crate::statements::*;

    async fn answer(mut tx: Tx, Path((id, status)): Path<(i64, u16)>) -> Result<Response, Error> {
        tx.execute(INSERT).bind(id).bind("by a handler").await?;
        Ok(StatusCode::from_u16(status).unwrap().into_response())
    }

    async fn panics(mut tx: Tx, Path(id): Path<i64>) -> StatusCode {
        tx.execute(INSERT).bind(id).bind("panics").await.unwrap();
        std::panic::resume_unwind(Box::new("a panic in a handler"));
    }

    /// Says success although a statement failed.
    async fn swallows(mut tx: Tx, Path(id): Path<i64>) -> StatusCode {
        tx.execute(INSERT).bind(id).bind("lost").await.unwrap();
        tx.execute(INSERT)
            .bind(1_i64)
            .bind("twice")
            .await
            .unwrap_err();
        StatusCode::CREATED
    }

    /// Keeps the transaction in the body that is sent later.
    async fn keeps(mut tx: Tx, Path(id): Path<i64>) -> Response {
        tx.execute(INSERT).bind(id).bind("lost").await.unwrap();
        let body = stream::once(async move {
            let _tx = tx;
            Ok::<_, Infallible>(Bytes::from("later"))
        });
        (StatusCode::CREATED, Body::from_stream(body)).into_response()
    }

    async fn foreign(
        mut tx: Lease<ScopedTx<'static>>,
        Path((id, status)): Path<(i64, u16)>,
    ) -> Result<Response, Error> {
        sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, 'foreign')")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        Ok(StatusCode::from_u16(status).unwrap().into_response())
    }

    async fn both(_one: Tx, _two: Lease<ScopedTx<'static>>) -> StatusCode {
        StatusCode::OK
    }

    async fn twice(_one: Tx, _two: Tx) -> StatusCode {
        StatusCode::OK
    }

    async fn unused(_tx: Tx, body: Bytes) -> String {
        body.len().to_string()
    }

    pub(crate) fn app(
        database: Database,
        context: TenantContext,
        layer: TransactionLayer,
    ) -> Router {
        Router::new()
            .route("/answer/{id}/{status}", post(answer))
            .route("/panics/{id}", post(panics))
            .route("/swallows/{id}", post(swallows))
            .route("/keeps/{id}", post(keeps))
            .route("/twice", post(twice))
            .route("/both", post(both))
            .route("/foreign/{id}/{status}", post(foreign))
            .route("/unused", post(unused))
            .with_state(App { database })
            .layer(layer)
            .layer(axum::Extension(context))
    }

    pub(crate) async fn ask(app: &Router, path: &str) -> StatusCode {
        let request = Request::post(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    }

    async fn ids(world: &World) -> Vec<i64> {
        sqlx::query_scalar("SELECT id FROM acme.blogs WHERE id > 5 ORDER BY id")
            .fetch_all(&mut world.admin().await)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_2xx_leaves_after_the_commit_and_everything_else_is_rolled_back() {
        let world = World::new().await;
        let database = world.database(1).await;
        let app = app(database, world.context("acme"), TransactionLayer::new());
        for (number, status) in [200, 201, 204, 301, 303, 400, 404, 422, 500, 503]
            .into_iter()
            .enumerate()
        {
            let id = 10 + i64::try_from(number).unwrap();
            let got = ask(&app, &format!("/answer/{id}/{status}")).await;
            assert_eq!(got, status);
            // Asked on another connection, at once.
            let kept = ids(&world).await.contains(&id);
            assert_eq!(kept, (200..300).contains(&status), "{status}");
        }
        assert_eq!(ask(&app, "/answer/1/201").await, StatusCode::CONFLICT);
        assert_eq!(ask(&app, "/foreign/40/201").await, 201);
        assert_eq!(ask(&app, "/foreign/41/400").await, 400);
        assert_eq!(ask(&app, "/foreign/1/201").await, StatusCode::CONFLICT);
        assert_eq!(ids(&world).await, [10, 11, 12, 40]);
    }

    #[tokio::test]
    async fn what_cannot_be_committed_is_a_5xx_and_never_a_lost_201() {
        let world = World::new().await;
        let database = world.database(1).await;
        let app = app(database, world.context("acme"), TransactionLayer::new());
        assert_eq!(ask(&app, "/swallows/20").await, 500);
        assert_eq!(ask(&app, "/keeps/21").await, 500);
        // The server says no only at the commit.
        let check = "ALTER TABLE acme.blogs ADD CONSTRAINT late UNIQUE (title)
                     DEFERRABLE INITIALLY DEFERRED";
        world.run_as_admin(check).await;
        assert_eq!(ask(&app, "/answer/22/201").await, 201);
        assert_eq!(ask(&app, "/answer/23/201").await, 500);
        let task = tokio::spawn({
            let app = app.clone();
            async move { ask(&app, "/panics/24").await }
        });
        task.await.unwrap_err();
        assert_eq!(ids(&world).await, [22]);
    }

    #[tokio::test]
    async fn the_layer_is_needed_and_gives_one_transaction() {
        let world = World::new().await;
        let database = world.database(1).await;
        let context = world.context("acme");
        let bare = Router::new()
            .route("/answer/{id}/{status}", post(answer))
            .with_state(App {
                database: database.clone(),
            })
            .layer(axum::Extension(context.clone()));
        assert_eq!(ask(&bare, "/answer/30/201").await, 500);
        let app = app(database.clone(), context.clone(), TransactionLayer::new());
        assert_eq!(ask(&app, "/twice").await, 500);
        assert_eq!(ask(&app, "/both").await, 500);
        // Nothing is open while a body arrives, so more requests than connections get through.
        let held: Vec<_> = (0..3)
            .map(|_| {
                let (sender, body) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
                let body = Body::from_stream(stream::unfold(body, |mut body| async move {
                    body.recv()
                        .await
                        .map(|bytes| (Ok::<_, Infallible>(bytes), body))
                }));
                let request = Request::post("/unused").body(body).unwrap();
                (sender, tokio::spawn(app.clone().oneshot(request)))
            })
            .collect();
        assert_eq!(ask(&app, "/answer/31/201").await, 201);
        for (sender, task) in held {
            drop(sender);
            assert_eq!(task.await.unwrap().unwrap().status(), 200);
        }

        let redirects = |status: StatusCode| status.is_success() || status.is_redirection();
        let layer = TransactionLayer::new().commit_when(redirects);
        let state = App {
            database: database.clone(),
        };
        let forms = Router::new()
            .route("/answer/{id}/{status}", post(answer))
            .layer(from_fn_with_state(state.clone(), with_first))
            .with_state(state)
            .layer(layer)
            .layer(axum::Extension(context));
        assert_eq!(ask(&forms, "/answer/32/303").await, 303);
        assert_eq!(ask(&forms, "/answer/33/404").await, 404);
        assert_eq!(ids(&world).await, [31, 32, 700]);
    }

    async fn with_first(
        State(_app): State<App>,
        mut tx: Tx,
        request: Request,
        next: Next,
    ) -> Response {
        let known = tx.query_scalar::<i64>(COUNT).fetch_one().await.unwrap();
        if known < 8 {
            tx.execute(INSERT)
                .bind(700_i64)
                .bind("first")
                .await
                .unwrap();
        }
        drop(tx);
        next.run(request).await
    }
}
