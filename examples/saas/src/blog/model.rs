//! Posts as rows. Every statement names its tables plainly; `tenant_sql!` puts the tenant's
//! schema in front of them when the program is compiled.

use serde::Serialize;
use sqlx::FromRow;
use tenancy_sqlx::{Error, OutboxEntry, TenantDb, tenant_sql};
use time::OffsetDateTime;
use uuid::Uuid;

use super::input::{BlogInput, BlogPatch};
use crate::paging::Page;

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

/// Lists published posts, newest first, that come after `cursor`.
pub(crate) async fn list(
    db: &TenantDb,
    cursor: Option<Uuid>,
    limit: u8,
) -> Result<Page<Blog>, Error> {
    let items: Vec<Blog> = db
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
    Ok(Page::cut(items, limit, |last| last.id.simple().to_string()))
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
    let id = Uuid::now_v7();
    db.transaction(|mut tx| async move {
        let blog = tx
            .query_as(tenant_sql!(
                "INSERT INTO blogs (id, title, description, body, author, published)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 RETURNING id, title, description, body, author, published, created_at, updated_at"
            ))
            .bind(id)
            .bind(&input.title)
            .bind(&input.description)
            .bind(&input.body)
            .bind(&input.author)
            .bind(input.published)
            .fetch_one()
            .await?;
        tx.append(changed(id)).await?;
        Ok(blog)
    })
    .await
}

/// Changes the fields that `patch` has and leaves the others; drafts can be changed as well.
pub(crate) async fn update(
    db: &TenantDb,
    id: Uuid,
    patch: &BlogPatch,
) -> Result<Option<Blog>, Error> {
    db.transaction(|mut tx| async move {
        let blog = tx
            .query_as(tenant_sql!(
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
            .await?;
        if blog.is_some() && !tenancy_core::sabotaged!("search.post-untold") {
            tx.append(changed(id)).await?;
        }
        Ok(blog)
    })
    .await
}

/// Deletes a post; `false` when there was none.
pub(crate) async fn delete(db: &TenantDb, id: Uuid) -> Result<bool, Error> {
    db.transaction(|mut tx| async move {
        let gone = tx
            .execute(tenant_sql!("DELETE FROM blogs WHERE id = $1"))
            .bind(id)
            .await?;
        if gone > 0 {
            tx.append(changed(id)).await?;
        }
        Ok(gone > 0)
    })
    .await
}

/// The message that lets the search follow a change of a post, of the same transaction.
pub(crate) fn changed(id: Uuid) -> OutboxEntry {
    OutboxEntry::new("search.blogs", id.to_string())
}
