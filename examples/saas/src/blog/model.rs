//! Posts as rows. Every statement names its tables plainly; `tenant_sql!` puts the tenant's
//! schema in front of them when the program is compiled.

use serde::Serialize;
use sqlx::FromRow;
use tenancy_sqlx::{Error, TenantDb, tenant_sql};
use time::OffsetDateTime;
use uuid::Uuid;

use super::input::{BlogInput, BlogPatch};

/// A post as clients see it.
#[derive(Debug, Clone, Serialize, FromRow)]
pub(crate) struct Blog {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) body: String,
    pub(crate) author: String,
    pub(crate) published: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated_at: OffsetDateTime,
}

/// Some posts and where the next ones start.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Blog>,
    pub(crate) next: Option<String>,
}

/// Lists published posts, newest first, that come after `cursor`.
pub(crate) async fn list(db: &TenantDb, cursor: Option<Uuid>, limit: u8) -> Result<Page, Error> {
    let mut items: Vec<Blog> = db
        .query_as(tenant_sql!(
            "SELECT id, title, description, body, author, published, created_at, updated_at
             FROM blogs
             WHERE published AND ($1::uuid IS NULL OR id < $1)
             ORDER BY id DESC
             LIMIT $2"
        ))
        .bind(cursor)
        // One more than asked for tells whether there is a next page.
        .bind(i64::from(limit) + 1)
        .fetch_all()
        .await?;
    let more = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| last.id.simple().to_string());
    Ok(Page { items, next })
}

/// Finds one published post.
pub(crate) async fn find(db: &TenantDb, id: Uuid) -> Result<Option<Blog>, Error> {
    db.query_as(tenant_sql!(
        "SELECT id, title, description, body, author, published, created_at, updated_at
         FROM blogs
         WHERE id = $1 AND published"
    ))
    .bind(id)
    .fetch_optional()
    .await
}

/// Writes a new post.
pub(crate) async fn create(db: &TenantDb, input: &BlogInput) -> Result<Blog, Error> {
    db.query_as(tenant_sql!(
        "INSERT INTO blogs (id, title, description, body, author, published)
         VALUES ($1, $2, $3, $4, $5, $6)
         RETURNING id, title, description, body, author, published, created_at, updated_at"
    ))
    .bind(Uuid::now_v7())
    .bind(&input.title)
    .bind(&input.description)
    .bind(&input.body)
    .bind(&input.author)
    .bind(input.published)
    .fetch_one()
    .await
}

/// Changes the fields that `patch` has and leaves the others; drafts can be changed as well.
pub(crate) async fn update(
    db: &TenantDb,
    id: Uuid,
    patch: &BlogPatch,
) -> Result<Option<Blog>, Error> {
    db.query_as(tenant_sql!(
        "UPDATE blogs
         SET title = coalesce($2, title),
             description = coalesce($3, description),
             body = coalesce($4, body),
             author = coalesce($5, author),
             published = coalesce($6, published),
             updated_at = now()
         WHERE id = $1
         RETURNING id, title, description, body, author, published, created_at, updated_at"
    ))
    .bind(id)
    .bind(&patch.title)
    .bind(&patch.description)
    .bind(&patch.body)
    .bind(&patch.author)
    .bind(patch.published)
    .fetch_optional()
    .await
}

/// Deletes a post; `false` when there was none.
pub(crate) async fn delete(db: &TenantDb, id: Uuid) -> Result<bool, Error> {
    let gone = db
        .execute(tenant_sql!("DELETE FROM blogs WHERE id = $1"))
        .bind(id)
        .await?;
    Ok(gone > 0)
}
