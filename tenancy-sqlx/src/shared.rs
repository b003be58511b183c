//! The rows that are no tenant's, one statement at a time.

use sqlx::FromRow;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Type};

use crate::database::Database;
use crate::error::Error;
use crate::query::{Execute, Query, Target};
use crate::source::Source;
use crate::sql::{Read, Write};
use crate::statement::SharedStatement;
use crate::transaction::{Lease, SharedTx, repeat};

/// The application's own tables in `public`, and what it publishes to every tenant in `shared`.
///
/// It takes only `shared_sql!`, in which every name is qualified and no tenant's schema can be
/// named. Cloning copies pointers.
///
/// ```no_run
/// use tenancy_sqlx::{Database, Error, shared_sql};
///
/// # async fn example(database: Database) -> Result<(), Error> {
/// let plans = shared_sql!("SELECT name FROM shared.plans ORDER BY name");
/// let names = database.shared().query_scalar::<String>(plans).fetch_all().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SharedDb {
    database: Database,
}

impl SharedDb {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            database: &self.database,
            tenant: None,
        }
    }

    /// Asks for rows as they are.
    pub fn query(&self, statement: impl SharedStatement<Write>) -> Query<'_, PgRow> {
        Query::rows(Target::Single(self.source()), statement.erase())
    }

    /// Asks for rows as values of `T`, column by column by name.
    pub fn query_as<T>(&self, statement: impl SharedStatement<Write>) -> Query<'_, T>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Query::typed(Target::Single(self.source()), statement.erase())
    }

    /// Asks for the first column of each row.
    pub fn query_scalar<T>(&self, statement: impl SharedStatement<Write>) -> Query<'_, T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Query::scalar(Target::Single(self.source()), statement.erase())
    }

    /// Does something and gives the number of rows it touched.
    pub fn execute(&self, statement: impl SharedStatement<Write>) -> Execute<'_> {
        Execute::new(Target::Single(self.source()), statement.erase())
    }

    /// Opens a transaction on these tables.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when no connection comes free in
    /// time or the server does not answer.
    pub async fn begin(&self) -> Result<SharedTx<'static>, Error> {
        SharedTx::open(self).await
    }

    /// Opens a transaction that takes only statements that read; the server holds it to that too.
    ///
    /// # Errors
    ///
    /// Those of [`SharedDb::begin`].
    pub async fn begin_read_only(&self) -> Result<SharedTx<'static, Read>, Error> {
        SharedTx::open_read_only(self).await
    }

    /// Runs `work` in a transaction, as [`TenantDb::transaction`](crate::TenantDb::transaction)
    /// does.
    ///
    /// # Errors
    ///
    /// What `work` fails with, and those of [`SharedDb::begin`] and [`SharedTx::commit`].
    pub async fn transaction<T, E, F>(
        &self,
        work: impl FnMut(Lease<SharedTx<'static>>) -> F,
    ) -> Result<T, E>
    where
        E: From<Error>,
        F: Future<Output = Result<T, E>>,
    {
        repeat(|| self.begin(), work).await
    }
}
