//! The statements alone, in this process: no server, no handler.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use tenancy_core::TenantContext;
use tenancy_sqlx::{Database, TenantDb};

use super::mix::Mix;
use super::posts::{self, Post};
use crate::plan::{Failure, Rate, rate};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// One row by its key.
    One,
    /// Twenty rows in the order of their keys.
    List,
    /// No rows: what is left is the host, and who it is.
    None,
}

/// Reads through `TenantDb`.
///
/// # Errors
///
/// What the database answers, and rows that were not asked for.
pub(super) async fn tenants(
    database: &Database,
    tenants: &[TenantContext],
    what: Rows,
    mix: &Mix,
    slice: Duration,
) -> Result<Rate, Failure> {
    let doors: Arc<[TenantDb]> = tenants.iter().map(|one| database.tenant(one)).collect();
    rate(slice, |mut turns| {
        let (doors, mix) = (Arc::clone(&doors), mix.clone());
        async move {
            for n in turns.by_ref() {
                let (tenant, id) = (mix.tenant(n), posts::row_of(n));
                let door = &doors[tenant];
                let first: Post = if what == Rows::List {
                    let list = door.query_as(posts::list()).bind(id);
                    list.fetch_all().await?.swap_remove(0)
                } else {
                    door.query_as(posts::one()).bind(id).fetch_one().await?
                };
                check(&first, &posts::name(tenant), id)?;
            }
            Ok(turns)
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
pub(super) async fn same_texts(
    pool: &PgPool,
    tenants: &[TenantContext],
    what: Rows,
    mix: &Mix,
    slice: Duration,
) -> Result<Rate, Failure> {
    let statement = if what == Rows::List {
        posts::list()
    } else {
        posts::one()
    };
    let texts = tenants
        .iter()
        .map(|tenant| statement.render(tenant.schema()).into());
    let texts: Arc<[Arc<str>]> = texts.collect();
    rate(slice, |mut turns| {
        let (pool, texts, mix) = (pool.clone(), Arc::clone(&texts), mix.clone());
        async move {
            for n in turns.by_ref() {
                let (tenant, id) = (mix.tenant(n), posts::row_of(n));
                let query = sqlx::query_as(AssertSqlSafe(Arc::clone(&texts[tenant]))).bind(id);
                let first = if what == Rows::List {
                    query.fetch_all(&pool).await?.swap_remove(0)
                } else {
                    query.fetch_one(&pool).await?
                };
                check(&first, &posts::name(tenant), id)?;
            }
            Ok(turns)
        }
    })
    .await
}

/// A bench that reads the wrong row measures nothing.
fn check(first: &Post, schema: &str, id: i64) -> Result<(), Failure> {
    if first.id == id && first.title.starts_with(schema) {
        return Ok(());
    }
    Err(format!("asked {schema} for {id} and got {first:?}").into())
}
