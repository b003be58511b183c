//! The statements alone, in this process: no server, no handler.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use tenancy_sqlx::{Database, TenantDb};

use crate::plan::{Failure, rate};
use crate::posts::{self, Post, Posts};

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// One by its key.
    One,
    /// Twenty in the order of their keys.
    List,
}

/// Reads through `TenantDb`, with all tenants in rotation.
///
/// # Errors
///
/// What the database answers, and rows that were not asked for.
pub async fn tenants(posts: &Posts, rows: Rows, slice: Duration) -> Result<f64, Failure> {
    let tenant = |context| Database::tenant(&posts.database, context);
    let doors: Arc<[TenantDb]> = posts.tenants.iter().map(tenant).collect();
    rate(slice, move |turns| {
        let doors = Arc::clone(&doors);
        async move {
            for n in turns {
                let door = &doors[posts::tenant_of(n)];
                let first: Post = match rows {
                    Rows::One => {
                        door.query_as(posts::one())
                            .bind(posts::row_of(n))
                            .fetch_one()
                            .await?
                    }
                    Rows::List => {
                        let list = door.query_as(posts::list()).bind(posts::row_of(n));
                        list.fetch_all().await?.swap_remove(0)
                    }
                };
                check(&first, &posts::name(posts::tenant_of(n)), posts::row_of(n))?;
            }
            Ok(())
        }
    })
    .await
}

/// Reads the schema that is nobody's, on the plain pool.
///
/// # Errors
///
/// As [`tenants`].
pub async fn plain(posts: &Posts, rows: Rows, slice: Duration) -> Result<f64, Failure> {
    let pool = posts.plain.clone();
    rate(slice, move |turns| {
        let pool = pool.clone();
        async move {
            for n in turns {
                let text = match rows {
                    Rows::One => posts::PLAIN_ONE,
                    Rows::List => posts::PLAIN_LIST,
                };
                let id = posts::row_of(n);
                let first = read(&pool, rows, text.into(), id).await?;
                check(&first, "plain", id)?;
            }
            Ok(())
        }
    })
    .await
}

/// Reads every tenant's schema on a plain pool: the same texts as [`tenants`], made beforehand,
/// so that what differs is the door alone and not how many tables there are.
///
/// # Errors
///
/// As [`tenants`].
pub async fn same_texts(posts: &Posts, rows: Rows, slice: Duration) -> Result<f64, Failure> {
    let pool = posts.all_texts.clone();
    let statement = match rows {
        Rows::One => posts::one(),
        Rows::List => posts::list(),
    };
    let render = |context: &tenancy_core::TenantContext| statement.render(context.schema()).into();
    let texts: Arc<[Arc<str>]> = posts.tenants.iter().map(render).collect();
    rate(slice, move |turns| {
        let (pool, texts) = (pool.clone(), Arc::clone(&texts));
        async move {
            for n in turns {
                let tenant = posts::tenant_of(n);
                let id = posts::row_of(n);
                let first = read(&pool, rows, Arc::clone(&texts[tenant]), id).await?;
                check(&first, &posts::name(tenant), id)?;
            }
            Ok(())
        }
    })
    .await
}

async fn read(pool: &PgPool, rows: Rows, text: Arc<str>, id: i64) -> Result<Post, Failure> {
    let query = sqlx::query_as(AssertSqlSafe(text)).bind(id);
    Ok(match rows {
        Rows::One => query.fetch_one(pool).await?,
        Rows::List => query.fetch_all(pool).await?.swap_remove(0),
    })
}

/// A bench that reads the wrong row measures nothing.
fn check(first: &Post, schema: &str, id: i64) -> Result<(), Failure> {
    if first.id == id && first.title.starts_with(schema) {
        return Ok(());
    }
    Err(format!("asked {schema} for {id} and got {first:?}").into())
}
