//! SQL of others in a transaction where unqualified names are the tenant's.

use std::fmt;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{AssertSqlSafe, Describe, Either, Execute, Executor, SqlSafeStr, SqlStr};
use tenancy_core::TenantContext;

use super::fault::Fault;
use super::foreign;
use super::level::Level;
use super::open::{Open, Opening};
use super::repeat::Whole;
use crate::db::TenantDb;
use crate::error::Error;
use crate::query::{Prepared, Run};
use crate::rows::Rows;

/// How a [`ScopedTx`] finds the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Scope {
    /// Unqualified names resolve in the tenant's schema, then among the extensions.
    ///
    /// This guards against mistakes, not against hostile SQL: whoever may write any text may name
    /// any schema.
    #[default]
    Path,
    /// As [`Scope::Path`], and the transaction acts as the tenant's own [role](crate::TenantRole):
    /// PostgreSQL itself refuses what is another tenant's, however it is named.
    ///
    /// The fleet must have made the roles, with [`Isolation::Role`](crate::Isolation::Role).
    /// Statements that would change the role are refused here. Hostile SQL that finds another way
    /// to change it, such as a function that runs a text, can act as the login in between; that
    /// the role is still the tenant's is proved before the commit.
    Role,
}

/// An open transaction in which any one statement may run, and unqualified names are the tenant's.
///
/// It is for SQL that is not yet, or never will be, `tenant_sql!`: existing functions, `query!`,
/// texts of other crates. `&mut tx` is an sqlx [`Executor`], so a function that took
/// `&mut PgConnection` takes `&mut ScopedTx<'_>` with its body unchanged.
///
/// Nothing is sent before the first statement. One message then opens the transaction, sets its
/// path (and its role, see [`Scope`]) and proves that they are the tenant's; both are proved again
/// before the commit, and the connection is cleaned of whatever SQL left in its session. Statements that would end
/// the transaction, change the session or name schema `tenancy` or `public` are refused.
///
/// A text is prepared anew each time it is sent, since it means other tables for other tenants;
/// what runs often is better off as `tenant_sql!`, which stays prepared.
///
/// ```no_run
/// use tenancy_sqlx::{Error, Scope, ScopedTx, TenantDb};
///
/// async fn count(tx: &mut ScopedTx<'_>) -> Result<i64, sqlx::Error> {
///     sqlx::query_scalar("SELECT count(*) FROM blogs").fetch_one(&mut *tx).await
/// }
///
/// # async fn example(db: TenantDb) -> Result<(), Error> {
/// let mut tx = db.begin_scoped(Scope::Path).await?;
/// let blogs = count(&mut tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a transaction that is not committed is rolled back"]
pub struct ScopedTx<'t> {
    pub(super) level: Level<'t>,
}

impl ScopedTx<'static> {
    pub(crate) fn new(db: &TenantDb, scope: Scope) -> Self {
        Self {
            level: Level::whole(Open::new(db.source(), Opening::Scoped(scope))),
        }
    }
}

impl ScopedTx<'_> {
    /// The tenant whose rows these are.
    #[allow(
        clippy::missing_panics_doc,
        reason = "the transaction is opened with its context"
    )]
    pub fn context(&self) -> &TenantContext {
        let tenant = self.level.tenant();
        tenant.expect("a tenant's transaction is opened with its context")
    }

    /// Begins a savepoint, which takes effect with this transaction when it is committed, and is
    /// undone when it is rolled back or dropped.
    ///
    /// # Errors
    ///
    /// As of [`TenantTx::begin`](crate::TenantTx::begin).
    pub async fn begin(&mut self) -> Result<ScopedTx<'_>, Error> {
        let level = self.level.begin().await?;
        Ok(ScopedTx { level })
    }

    /// Makes everything since the beginning take effect, after the server proved that the
    /// transaction is healthy and its path and role still the tenant's; of a savepoint, together
    /// with what it is in.
    ///
    /// Dropping this future halfway leaves unknown whether it took effect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TransactionAborted`](crate::ErrorKind::TransactionAborted) also when the path
    /// or the role was changed; otherwise as of [`TenantTx::commit`](crate::TenantTx::commit).
    pub async fn commit(self) -> Result<(), Error> {
        self.level.commit().await
    }

    /// Makes everything since the beginning undone, and waits for that; dropping does the same in
    /// the background.
    ///
    /// # Errors
    ///
    /// As of [`TenantTx::rollback`](crate::TenantTx::rollback).
    pub async fn rollback(self) -> Result<(), Error> {
        self.level.rollback().await
    }

    pub(crate) async fn run<R>(
        &mut self,
        ready: Result<Prepared, sqlx::Error>,
        run: Run<R>,
    ) -> Done<R> {
        let prepared = ready?;
        self.admit(prepared.sql.as_str())?;
        Ok(self.level.run(prepared, run).await?)
    }

    fn admit(&mut self, sql: &str) -> Result<(), Error> {
        if foreign::check(sql)? == foreign::Effect::Writes {
            self.level.writes();
        }
        Ok(())
    }

    /// The text as this tenant's alone, because the driver keeps what it prepares by its text.
    fn marked(&self, sql: &SqlStr) -> SqlStr {
        let tenant = self.context().id();
        AssertSqlSafe(format!(
            "{}\n/* tenant {} */",
            sql.as_str(),
            tenant.as_uuid()
        ))
        .into_sql_str()
    }

    /// Sends on what the server answers, to the end or to the first error.
    pub(crate) async fn stream(
        &mut self,
        ready: Result<Prepared, sqlx::Error>,
        answers: &tokio::sync::mpsc::Sender<Result<Answer, Error>>,
    ) -> Result<(), Fault> {
        let prepared = ready?;
        self.admit(prepared.sql.as_str())?;
        let connection = self.level.start().await?;
        let passed = async {
            let mut stream = connection.fetch_many(prepared);
            while let Some(answer) = stream.try_next().await? {
                // The receiver is dropped only with this future itself.
                let _ = answers.send(Ok(answer)).await;
            }
            Ok(())
        }
        .await;
        self.level.end(passed)
    }
}

type Done<R> = Result<R, sqlx::Error>;
type Answer = Either<PgQueryResult, PgRow>;

/// Takes a query apart into what is sent.
///
/// The same text means other tables for every tenant, perhaps with columns of other types while
/// migrations are on their way. So no connection keeps it prepared, and what was learnt when it was
/// prepared before does not count.
pub(crate) fn prepared<'q>(mut query: impl Execute<'q, Postgres>) -> Result<Prepared, sqlx::Error> {
    let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
    Ok(Prepared {
        arguments,
        named: false,
        reads: false,
        calls: false,
        sql: query.sql(),
    })
}

impl<'c> Executor<'c> for &'c mut ScopedTx<'_> {
    type Database = Postgres;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Done<PgQueryResult>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let ready = prepared(query);
        Box::pin(self.run(ready, |connection, prepared| connection.execute(prepared)))
    }

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Done<Answer>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let ready = prepared(query);
        let answers = Rows::new(|answers| async move {
            if let Err(fault) = self.stream(ready, &answers).await {
                // Whoever no longer listens does not want to know.
                let _ = answers.send(Err(fault.into())).await;
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
            foreign::check(sql.as_str())?;
            let sql = self.marked(&sql);
            let connection = self.level.start().await?;
            let done = connection.prepare_with(sql, parameters).await;
            let prepared = self.level.end(done)?;
            self.level.forget_names().await?;
            Ok(prepared)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Done<Describe<Postgres>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            foreign::check(sql.as_str())?;
            self.level.source().database.pooler().refuse_describing()?;
            let sql = self.marked(&sql);
            let connection = self.level.start().await?;
            let done = connection.describe(sql).await;
            let described = self.level.end(done)?;
            self.level.forget_names().await?;
            Ok(described)
        })
    }
}

impl Whole for ScopedTx<'static> {
    fn level(&self) -> &Level<'static> {
        &self.level
    }

    fn into_level(self) -> Level<'static> {
        self.level
    }
}

impl fmt::Debug for ScopedTx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedTx").field(&*self.level).finish()
    }
}
