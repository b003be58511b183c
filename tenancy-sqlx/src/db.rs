//! One tenant's rows, one statement at a time.

use sqlx::FromRow;
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, Type};
use tenancy_core::TenantContext;

use crate::database::Database;
use crate::error::Error;
use crate::query::{Execute, Query, Target};
use crate::sql::{Read, Write};
use crate::statement::TenantStatement;
use crate::transaction::TenantTx;

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

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Asks for rows as they are.
    pub fn query(&self, statement: impl TenantStatement<Write>) -> Query<'_, PgRow> {
        Query::rows(Target::Single(self), statement.erase())
    }

    /// Asks for rows as values of `T`, column by column by name.
    pub fn query_as<T>(&self, statement: impl TenantStatement<Write>) -> Query<'_, T>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Query::typed(Target::Single(self), statement.erase())
    }

    /// Asks for the first column of each row.
    pub fn query_scalar<T>(&self, statement: impl TenantStatement<Write>) -> Query<'_, T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Query::scalar(Target::Single(self), statement.erase())
    }

    /// Does something and gives the number of rows it touched.
    pub fn execute(&self, statement: impl TenantStatement<Write>) -> Execute<'_> {
        Execute::new(Target::Single(self), statement.erase())
    }

    /// Opens a transaction in which the tenant's rows can be read and written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when no connection comes free in
    /// time or the server does not answer.
    pub async fn begin(&self) -> Result<TenantTx, Error> {
        TenantTx::<Write>::open(self, "BEGIN").await
    }

    /// Opens a transaction that takes only statements that read; the server holds it to that too.
    ///
    /// # Errors
    ///
    /// Those of [`TenantDb::begin`].
    pub async fn begin_read_only(&self) -> Result<TenantTx<Read>, Error> {
        TenantTx::<Read>::open(self, "BEGIN READ ONLY").await
    }
}
