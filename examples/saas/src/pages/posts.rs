//! A tenant's blog as pages.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use tenancy_axum::{ApiError, Path, Query, Tenant};
use tenancy_core::{Problem, ProblemCode};
use tenancy_sqlx::TenantDb;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use super::page;
use crate::blog::{self, Blog};

#[derive(Template)]
#[template(path = "blog.html")]
struct Newest<'a> {
    tenant: &'a str,
    posts: &'a [Blog],
    next: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "post.html")]
struct Post<'a> {
    tenant: &'a str,
    post: &'a Blog,
}

#[derive(Debug, Deserialize)]
pub(super) struct After {
    cursor: Option<Uuid>,
}

pub(super) async fn newest(
    Tenant(context): Tenant,
    db: TenantDb,
    Query(after): Query<After>,
) -> Result<Response, ApiError> {
    let found = blog::list(&db, after.cursor, 20).await?;
    page(&Newest {
        tenant: context.tenant().name(),
        posts: &found.items,
        next: found.next.as_deref(),
    })
}

pub(super) async fn one(
    Tenant(context): Tenant,
    db: TenantDb,
    Path(id): Path<Uuid>,
) -> Result<Response, ApiError> {
    let Some(post) = blog::find(&db, id).await? else {
        return Err(Problem::new(ProblemCode::NotFound)
            .detail("there is no such post")
            .into());
    };
    page(&Post {
        tenant: context.tenant().name(),
        post: &post,
    })
}

/// A day for readers, such as `3 March 2026`.
pub(crate) fn day(at: &OffsetDateTime) -> String {
    at.format(format_description!(
        "[day padding:none] [month repr:long] [year]"
    ))
    .unwrap_or_default()
}
