//! One tenant's rows, one statement at a time.

use sqlx::FromRow;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Type};
use tenancy_core::TenantContext;

use crate::database::Database;
use crate::error::Error;
use crate::query::{Execute, Query, Target};
use crate::scoped::ScopedDb;
use crate::source::Source;
use crate::sql::{Read, Write};
use crate::statement::TenantStatement;
use crate::transaction::{Lease, Scope, ScopedTx, TenantTx, repeat};

/// The rows of one tenant: a pool of connections that know no tenant, and the proof of which one
/// this is.
///
/// Every statement is qualified with the tenant's schema before it is sent, so it needs no
/// session state, and it is one round trip once it is prepared. Each one commits by itself;
/// statements that belong together go through [`TenantDb::begin`].
///
/// Cloning copies pointers.
#[derive(Debug, Clone)]
pub struct TenantDb {
    database: Database,
    context: TenantContext,
}

impl TenantDb {
    pub(crate) fn new(database: Database, context: TenantContext) -> Self {
        Self { database, context }
    }

    /// The tenant whose rows these are.
    pub fn context(&self) -> &TenantContext {
        &self.context
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            database: &self.database,
            tenant: Some(&self.context),
        }
    }

    /// Asks for rows as they are.
    pub fn query(&self, statement: impl TenantStatement<Write>) -> Query<'_, PgRow> {
        Query::rows(Target::Single(self.source()), statement.erase())
    }

    /// Asks for rows as values of `T`, column by column by name.
    pub fn query_as<T>(&self, statement: impl TenantStatement<Write>) -> Query<'_, T>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Query::typed(Target::Single(self.source()), statement.erase())
    }

    /// Asks for the first column of each row.
    pub fn query_scalar<T>(&self, statement: impl TenantStatement<Write>) -> Query<'_, T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Query::scalar(Target::Single(self.source()), statement.erase())
    }

    /// Does something and gives the number of rows it touched.
    pub fn execute(&self, statement: impl TenantStatement<Write>) -> Execute<'_> {
        Execute::new(Target::Single(self.source()), statement.erase())
    }

    /// Opens a transaction in which the tenant's rows can be read and written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when no connection comes free in
    /// time or the server does not answer.
    pub async fn begin(&self) -> Result<TenantTx<'static>, Error> {
        TenantTx::open(self).await
    }

    /// Opens a transaction that takes only statements that read; the server holds it to that too.
    ///
    /// # Errors
    ///
    /// Those of [`TenantDb::begin`].
    pub async fn begin_read_only(&self) -> Result<TenantTx<'static, Read>, Error> {
        TenantTx::open_read_only(self).await
    }

    /// Runs `work` in a transaction: committed when it gives `Ok`, rolled back otherwise, and run
    /// again from its beginning when another transaction was in the way.
    ///
    /// `work` may run several times, so what it does outside the transaction must bear that.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Error, TenantDb, TenantSql, Write};
    /// # async fn example(
    /// #     db: TenantDb,
    /// #     take: &'static TenantSql<Write>,
    /// #     give: &'static TenantSql<Write>,
    /// # ) -> Result<(), Error> {
    /// let (from, to) = (1_i64, 2_i64);
    /// db.transaction(|mut tx| async move {
    ///     tx.execute(take).bind(from).await?;
    ///     tx.execute(give).bind(to).await
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` fails with, and those of [`TenantDb::begin`] and [`TenantTx::commit`].
    pub async fn transaction<T, E, F>(
        &self,
        work: impl FnMut(Lease<TenantTx<'static>>) -> F,
    ) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
    {
        repeat(|| self.begin(), work).await
    }

    /// These rows for SQL of others, each statement by itself.
    pub fn scoped(&self, scope: Scope) -> ScopedDb {
        ScopedDb::new(self.clone(), scope)
    }

    /// Opens a transaction for SQL of others, in which unqualified names are the tenant's; nothing
    /// is sent before its first statement.
    ///
    /// # Errors
    ///
    /// None today: the connection is taken with the first statement, which may fail with those of
    /// [`TenantDb::begin`].
    #[allow(
        clippy::unused_async,
        reason = "it opens as the other transactions do, and a scope may have to ask the server"
    )]
    pub async fn begin_scoped(&self, scope: Scope) -> Result<ScopedTx<'static>, Error> {
        Ok(ScopedTx::new(self, scope))
    }

    /// Runs `work` in a transaction for SQL of others, as [`TenantDb::transaction`] does.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Error, Scope, TenantDb};
    /// # async fn example(db: TenantDb) -> Result<(), Error> {
    /// let blogs: i64 = db
    ///     .scoped_transaction(Scope::Path, |mut tx| async move {
    ///         sqlx::query_scalar("SELECT count(*) FROM blogs")
    ///             .fetch_one(&mut *tx)
    ///             .await
    ///             .map_err(Error::from)
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` fails with, and those of [`ScopedTx::commit`].
    pub async fn scoped_transaction<T, E, F>(
        &self,
        scope: Scope,
        work: impl FnMut(Lease<ScopedTx<'static>>) -> F,
    ) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
    {
        repeat(|| self.begin_scoped(scope), work).await
    }
}
