//! SQL of others on one tenant's tables, each statement by itself.

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Execute, Executor, SqlStr};
use tenancy_core::TenantContext;

use crate::db::TenantDb;
use crate::error::Error;
use crate::query::{Prepared, Run};
use crate::rows::Rows;
use crate::transaction::{Scope, ScopedTx, prepared};

/// One tenant's tables for SQL that is not `tenant_sql!`, where each statement commits by itself.
///
/// `&db` is an sqlx [`Executor`] as `&PgPool` is, so a function that took `&PgPool` takes
/// `&ScopedDb` with its body unchanged, [`begin`](ScopedDb::begin) included. With feature `axum` it
/// is an extractor, in the place of `State<PgPool>`.
///
/// Each statement runs in a [`ScopedTx`] of its own and keeps that one's promises. That costs three
/// round trips where `tenant_sql!` costs one; what runs often is better off there.
///
/// ```no_run
/// use tenancy_sqlx::{ScopedDb, ScopedTx};
///
/// // was: pool: &PgPool
/// async fn publish(pool: &ScopedDb, id: i64) -> Result<i64, sqlx::Error> {
///     sqlx::query("UPDATE blogs SET published = true WHERE id = $1")
///         .bind(id)
///         .execute(pool)
///         .await?;
///     sqlx::query_scalar("SELECT count(*) FROM blogs WHERE published").fetch_one(pool).await
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ScopedDb {
    db: TenantDb,
    scope: Scope,
}

impl ScopedDb {
    pub(crate) fn new(db: TenantDb, scope: Scope) -> Self {
        Self { db, scope }
    }

    /// The tenant whose rows these are.
    pub fn context(&self) -> &TenantContext {
        self.db.context()
    }

    /// Opens a transaction, as [`TenantDb::begin_scoped`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn begin(&self) -> Result<ScopedTx<'static>, Error> {
        self.db.begin_scoped(self.scope).await
    }

    async fn run<R>(&self, ready: Result<Prepared, sqlx::Error>, run: Run<R>) -> Done<R> {
        let mut tx = ScopedTx::new(&self.db, self.scope);
        match tx.run(ready, run).await {
            Ok(done) => {
                tx.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // The connection proves itself before it is used again, however this ends.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }
}

type Done<R> = Result<R, sqlx::Error>;

impl<'c> Executor<'c> for &'c ScopedDb {
    type Database = Postgres;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Done<PgQueryResult>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let ready = prepared(query);
        Box::pin(self.run(ready, |connection, prepared| connection.execute(prepared)))
    }

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Done<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let ready = prepared(query);
        let answers = Rows::new(|answers| async move {
            let mut tx = ScopedTx::new(&self.db, self.scope);
            let ended = match tx.stream(ready, &answers).await {
                Ok(()) => tx.commit().await,
                Err(fault) => Err(fault.into()),
            };
            if let Err(error) = ended {
                // Whoever no longer listens does not want to know.
                let _ = answers.send(Err(error)).await;
            }
        });
        Box::pin(answers.map_err(sqlx::Error::from))
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Done<Vec<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let ready = prepared(query);
        Box::pin(self.run(ready, |connection, prepared| connection.fetch_all(prepared)))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Done<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let ready = prepared(query);
        Box::pin(self.run(ready, |connection, prepared| {
            connection.fetch_optional(prepared)
        }))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Done<PgStatement>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut tx = ScopedTx::new(&self.db, self.scope);
            let statement = tx.prepare_with(sql, parameters).await?;
            tx.commit().await?;
            Ok(statement)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Done<Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut tx = ScopedTx::new(&self.db, self.scope);
            let described = tx.describe(sql).await?;
            tx.commit().await?;
            Ok(described)
        })
    }
}
