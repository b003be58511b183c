//! Several statements on tables that are no tenant's, which take effect together or not at all.

use std::fmt;
use std::marker::PhantomData;

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, FromRow, Type};

use super::level::Level;
use super::open::{Open, Opening};
use super::repeat::Whole;
use crate::error::Error;
use crate::query::{Execute, Query, Target};
use crate::shared::SharedDb;
use crate::sql::{Read, Write};
use crate::statement::SharedStatement;

/// An open transaction on the tables of `public` and `shared`, in which access `A` is granted.
///
/// It takes only `shared_sql!` and keeps the promises of [`TenantTx`](crate::TenantTx): what is
/// not committed is rolled back, and what failed cannot be committed.
///
/// ```no_run
/// use tenancy_sqlx::{Database, Error, shared_sql};
///
/// # async fn example(database: Database) -> Result<(), Error> {
/// let mut tx = database.shared().begin().await?;
/// tx.execute(shared_sql!("UPDATE shared.plans SET price_cents = $2 WHERE name = $1"))
///     .bind("small")
///     .bind(900_i64)
///     .await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// A tenant's table cannot be named:
///
/// ```compile_fail
/// # use tenancy_sqlx::shared_sql;
/// let blogs = shared_sql!("SELECT id FROM acme.blogs");
/// ```
///
/// and a tenant's statement does not run here:
///
/// ```compile_fail
/// # use tenancy_sqlx::{Error, Read, SharedTx, TenantSql};
/// # async fn example(tx: &mut SharedTx<'_>, titles: &'static TenantSql<Read>) -> Result<(), Error> {
/// tx.query(titles).fetch_all().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a transaction that is not committed is rolled back"]
pub struct SharedTx<'t, A = Write> {
    level: Level<'t>,
    access: PhantomData<fn() -> A>,
}

impl SharedTx<'static, Write> {
    pub(crate) async fn open(db: &SharedDb) -> Result<Self, Error> {
        let open = Open::new(db.source(), Opening::Write).begun().await?;
        Ok(Self::at(Level::whole(open)))
    }
}

impl SharedTx<'static, Read> {
    pub(crate) async fn open_read_only(db: &SharedDb) -> Result<Self, Error> {
        let open = Open::new(db.source(), Opening::Read).begun().await?;
        Ok(Self::at(Level::whole(open)))
    }
}

impl<'t, A> SharedTx<'t, A> {
    fn at(level: Level<'t>) -> Self {
        Self {
            level,
            access: PhantomData,
        }
    }

    /// Asks for rows as they are.
    pub fn query(&mut self, statement: impl SharedStatement<A>) -> Query<'_, PgRow> {
        Query::rows(Target::Transaction(&mut self.level), statement.erase())
    }

    /// Asks for rows as values of `T`, column by column by name.
    pub fn query_as<T>(&mut self, statement: impl SharedStatement<A>) -> Query<'_, T>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Query::typed(Target::Transaction(&mut self.level), statement.erase())
    }

    /// Asks for the first column of each row.
    pub fn query_scalar<T>(&mut self, statement: impl SharedStatement<A>) -> Query<'_, T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Query::scalar(Target::Transaction(&mut self.level), statement.erase())
    }

    /// Begins a savepoint, as [`TenantTx::begin`](crate::TenantTx::begin) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn begin(&mut self) -> Result<SharedTx<'_, A>, Error> {
        Ok(SharedTx::at(self.level.begin().await?))
    }

    /// Makes everything since the beginning take effect, as
    /// [`TenantTx::commit`](crate::TenantTx::commit) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn commit(self) -> Result<(), Error> {
        self.level.commit().await
    }

    /// Makes everything since the beginning undone, as
    /// [`TenantTx::rollback`](crate::TenantTx::rollback) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn rollback(self) -> Result<(), Error> {
        self.level.rollback().await
    }
}

impl SharedTx<'_, Write> {
    /// Does something and gives the number of rows it touched.
    pub fn execute(&mut self, statement: impl SharedStatement<Write>) -> Execute<'_> {
        Execute::new(Target::Transaction(&mut self.level), statement.erase())
    }
}

impl Whole for SharedTx<'static, Write> {
    fn level(&self) -> &Level<'static> {
        &self.level
    }

    fn into_level(self) -> Level<'static> {
        self.level
    }
}

impl<A> fmt::Debug for SharedTx<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedTx").field(&*self.level).finish()
    }
}
