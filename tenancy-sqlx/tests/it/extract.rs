//! `TenantDb` as a handler's argument.

use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::IntoResponse;
use tenancy_sqlx::{Database, Error, ErrorKind, TenantDb};

use crate::server::World;
use crate::statements::*;

#[derive(Clone)]
struct App {
    database: Database,
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
