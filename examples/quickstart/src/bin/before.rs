//! A notes service on axum and sqlx.
#![allow(clippy::print_stdout, reason = "a program says where it listens")]

use std::env;
use std::time::Duration;

use axum::extract::{FromRef, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{FromRow, Postgres, Transaction};

#[derive(Clone, FromRef)]
struct App {
    db: PgPool,
    limits: Limits,
}

#[derive(Clone, Copy)]
struct Limits {
    page: i64,
}

#[derive(Serialize, FromRow)]
struct Note {
    id: i64,
    title: String,
    body: String,
}

#[derive(Deserialize)]
struct NewNote {
    title: String,
    #[serde(default)]
    body: String,
}

type Answer<T> = Result<T, Failure>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // How TLS is used is in the URL: `?sslmode=verify-full&sslrootcert=…`.
    let url = env::var("DATABASE_URL")?;
    let db = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(Duration::from_secs(3))
        .connect(&url)
        .await?;
    sqlx::migrate!("migrations/before").run(&db).await?;
    let limits = Limits { page: 50 };
    let listener = tokio::net::TcpListener::bind(env::var("LISTEN")?).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, routes(App { db, limits })).await?;
    Ok(())
}

fn routes(app: App) -> Router {
    let notes = Router::new()
        .route("/notes", get(list).post(create))
        .route("/notes/{id}", get(read).delete(remove));
    let service = Router::new()
        .route("/healthz", get(healthz))
        .route("/about", get(about));
    notes.merge(service).with_state(app)
}

async fn healthz(State(db): State<PgPool>) -> Answer<&'static str> {
    sqlx::query("SELECT 1").execute(&db).await?;
    Ok("ok")
}

async fn about(State(limits): State<Limits>) -> String {
    format!("notes, {} to a page", limits.page)
}

async fn list(State(db): State<PgPool>, State(limits): State<Limits>) -> Answer<Json<Vec<Note>>> {
    let notes = newest(&db, limits.page).await?;
    Ok(Json(notes))
}

async fn read(State(db): State<PgPool>, Path(id): Path<i64>) -> Answer<Json<Note>> {
    let mut connection = db.acquire().await?;
    Ok(Json(find(&mut connection, id).await?))
}

async fn create(State(db): State<PgPool>, Json(new): Json<NewNote>) -> Answer<Response> {
    let mut tx = db.begin().await?;
    let id = insert(&mut tx, &new).await?;
    let note = find(&mut tx, id).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(note)).into_response())
}

async fn remove(State(db): State<PgPool>, Path(id): Path<i64>) -> Answer<StatusCode> {
    let delete = sqlx::query("DELETE FROM notes WHERE id = $1").bind(id);
    match delete.execute(&db).await?.rows_affected() {
        0 => Ok(StatusCode::NOT_FOUND),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn newest(db: &PgPool, limit: i64) -> Result<Vec<Note>, sqlx::Error> {
    sqlx::query_as("SELECT id, title, body FROM notes ORDER BY id DESC LIMIT $1")
        .bind(limit)
        .fetch_all(db)
        .await
}

async fn find(connection: &mut PgConnection, id: i64) -> Result<Note, sqlx::Error> {
    sqlx::query_as("SELECT id, title, body FROM notes WHERE id = $1")
        .bind(id)
        .fetch_one(connection)
        .await
}

async fn insert(tx: &mut Transaction<'_, Postgres>, new: &NewNote) -> Result<i64, sqlx::Error> {
    let id = sqlx::query_scalar("INSERT INTO notes (title, body) VALUES ($1, $2) RETURNING id")
        .bind(&new.title)
        .bind(&new.body)
        .fetch_one(&mut **tx)
        .await?;
    log(tx, id, "created").await?;
    Ok(id)
}

async fn log(connection: &mut PgConnection, note: i64, what: &str) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO changes (note_id, what) VALUES ($1, $2)")
        .bind(note)
        .bind(what)
        .execute(connection)
        .await?;
    Ok(())
}

struct Failure(sqlx::Error);

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            sqlx::Error::RowNotFound => StatusCode::NOT_FOUND,
            sqlx::Error::Database(error) if error.is_unique_violation() => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        status.into_response()
    }
}
