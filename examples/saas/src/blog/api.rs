//! `/api/blogs/`: posts as JSON.

use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use serde::Deserialize;
use tenancy_axum::{ApiError, Json, Path, Query};
use tenancy_core::{Problem, ProblemCode};
use tenancy_sqlx::TenantDb;
use uuid::Uuid;

use super::input::{BlogInput, BlogPatch};
use super::model::{self, Blog};
use crate::input::{fault, invalid, valid};
use crate::paging::{self, Page};
use crate::routes::{Route, routes};

/// The routes of posts, with and without the closing slash.
pub(crate) const ROUTES: &[Route] = routes! { Tenant:
    GET "/api/blogs" => list,
    GET "/api/blogs/" => list,
    POST "/api/blogs" => create,
    POST "/api/blogs/" => create,
    GET "/api/blogs/{id}" => retrieve,
    GET "/api/blogs/{id}/" => retrieve,
    PUT "/api/blogs/{id}" => replace,
    PUT "/api/blogs/{id}/" => replace,
    PATCH "/api/blogs/{id}" => update,
    PATCH "/api/blogs/{id}/" => update,
    DELETE "/api/blogs/{id}" => delete,
    DELETE "/api/blogs/{id}/" => delete,
};

/// `?limit=` and `?cursor=` of a list.
#[derive(Debug, Deserialize)]
struct Paging {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Paging {
    /// The id they come after, and how many.
    fn parse(&self) -> Result<(Option<Uuid>, u8), ApiError> {
        let limit = paging::limit(self.limit).map_err(|fault| invalid([fault]))?;
        let cursor = match self.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            None => None,
            Some(cursor) => Some(Uuid::try_parse(cursor).map_err(|_| {
                invalid([fault("cursor", "take `next` of the page before as it is")])
            })?),
        };
        Ok((cursor, limit))
    }
}

fn missing() -> ApiError {
    Problem::new(ProblemCode::NotFound)
        .detail("there is no such post")
        .into()
}

async fn list(db: TenantDb, Query(paging): Query<Paging>) -> Result<Json<Page<Blog>>, ApiError> {
    let (cursor, limit) = paging.parse()?;
    Ok(Json(model::list(&db, cursor, limit).await?))
}

async fn create(db: TenantDb, Json(input): Json<BlogInput>) -> Result<impl IntoResponse, ApiError> {
    let blog = model::create(&db, &valid(input)?).await?;
    let location = format!("/api/blogs/{}/", blog.id);
    Ok((
        StatusCode::CREATED,
        AppendHeaders([(header::LOCATION, location)]),
        Json(blog),
    ))
}

async fn retrieve(db: TenantDb, Path(id): Path<Uuid>) -> Result<Json<Blog>, ApiError> {
    let blog = model::find(&db, id).await?;
    blog.map(Json).ok_or_else(missing)
}

async fn replace(
    db: TenantDb,
    Path(id): Path<Uuid>,
    Json(input): Json<BlogInput>,
) -> Result<Json<Blog>, ApiError> {
    save(&db, id, &valid(input)?.into()).await
}

async fn update(
    db: TenantDb,
    Path(id): Path<Uuid>,
    Json(patch): Json<BlogPatch>,
) -> Result<Json<Blog>, ApiError> {
    save(&db, id, &valid(patch)?).await
}

async fn save(db: &TenantDb, id: Uuid, patch: &BlogPatch) -> Result<Json<Blog>, ApiError> {
    let blog = model::update(db, id, patch).await?;
    blog.map(Json).ok_or_else(missing)
}

async fn delete(db: TenantDb, Path(id): Path<Uuid>) -> Result<StatusCode, ApiError> {
    let found = model::delete(&db, id).await?;
    if found {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing())
    }
}
