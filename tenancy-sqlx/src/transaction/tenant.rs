//! Several statements of one tenant that take effect together or not at all.

use std::fmt;
use std::marker::PhantomData;

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, FromRow, Type};
use tenancy_core::TenantContext;

use super::level::Level;
use super::open::{Open, Opening};
use super::repeat::Whole;
use crate::db::TenantDb;
use crate::error::Error;
use crate::query::{Execute, Query, Target};
use crate::sql::{Read, Write};
use crate::statement::TenantStatement;

/// An open transaction on the rows of one tenant, in which access `A` is granted: everything, or
/// only [`Read`](crate::Read).
///
/// What is not committed is rolled back: dropping it, a panic or a cancelled future leave nothing
/// behind, and the connection is used by nobody else before that is proved. A statement that fails
/// or is dropped halfway makes the transaction one that cannot be committed; a failure within a
/// savepoint ([`TenantTx::begin`]) is undone with it.
///
/// ```no_run
/// # use tenancy_sqlx::{Error, TenantDb, TenantSql, Write};
/// # async fn example(
/// #     db: TenantDb,
/// #     rename: &'static TenantSql<Write>,
/// #     log: &'static TenantSql<Write>,
/// # ) -> Result<(), Error> {
/// let mut tx = db.begin().await?;
/// tx.execute(rename).bind(1_i64).bind("A new title").await?;
/// tx.execute(log).bind("renamed").await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// What only reads cannot write:
///
/// ```compile_fail
/// # use tenancy_sqlx::{Error, TenantDb, TenantSql, Write};
/// # async fn example(db: TenantDb, rename: &'static TenantSql<Write>) -> Result<(), Error> {
/// let mut tx = db.begin_read_only().await?;
/// tx.query(rename).bind(1_i64).bind("A new title").fetch_all().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a transaction that is not committed is rolled back"]
pub struct TenantTx<'t, A = Write> {
    pub(super) level: Level<'t>,
    access: PhantomData<fn() -> A>,
}

impl TenantTx<'static, Write> {
    pub(crate) async fn open(db: &TenantDb) -> Result<Self, Error> {
        let open = Open::new(db.source(), Opening::Write).begun().await?;
        Ok(Self::at(Level::whole(open)))
    }

    /// A transaction that begins with its first statement.
    #[cfg(feature = "axum")]
    pub(crate) fn lazy(db: &TenantDb) -> Self {
        Self::at(Level::whole(Open::new(db.source(), Opening::Write)))
    }
}

impl TenantTx<'static, Read> {
    pub(crate) async fn open_read_only(db: &TenantDb) -> Result<Self, Error> {
        let open = Open::new(db.source(), Opening::Read).begun().await?;
        Ok(Self::at(Level::whole(open)))
    }
}

impl<'t, A> TenantTx<'t, A> {
    fn at(level: Level<'t>) -> Self {
        Self {
            level,
            access: PhantomData,
        }
    }

    /// The tenant whose rows these are.
    #[allow(
        clippy::missing_panics_doc,
        reason = "the transaction is opened with its context"
    )]
    pub fn context(&self) -> &TenantContext {
        let tenant = self.level.tenant();
        tenant.expect("a tenant's transaction is opened with its context")
    }

    /// Asks for rows as they are.
    pub fn query(&mut self, statement: impl TenantStatement<A>) -> Query<'_, PgRow> {
        Query::rows(Target::Transaction(&mut self.level), statement.erase())
    }

    /// Asks for rows as values of `T`, column by column by name.
    pub fn query_as<T>(&mut self, statement: impl TenantStatement<A>) -> Query<'_, T>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Query::typed(Target::Transaction(&mut self.level), statement.erase())
    }

    /// Asks for the first column of each row.
    pub fn query_scalar<T>(&mut self, statement: impl TenantStatement<A>) -> Query<'_, T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Query::scalar(Target::Transaction(&mut self.level), statement.erase())
    }

    /// Begins a savepoint: what is done in it takes effect with this transaction when it is
    /// committed, and is undone when it is rolled back or dropped.
    ///
    /// A statement that fails in it costs the savepoint alone. One that is dropped halfway costs
    /// the whole transaction, because its answer is lost.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Error, TenantDb, TenantSql, Write};
    /// # async fn example(db: TenantDb, add: &'static TenantSql<Write>) -> Result<(), Error> {
    /// let mut tx = db.begin().await?;
    /// for title in ["one", "taken", "three"] {
    ///     let mut attempt = tx.begin().await?;
    ///     match attempt.execute(add).bind(title).await {
    ///         Ok(_) => attempt.commit().await?,
    ///         Err(_) => attempt.rollback().await?,
    ///     }
    /// }
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TransactionAborted`](crate::ErrorKind::TransactionAborted) when the
    /// transaction failed before, and those of [`Query`].
    pub async fn begin(&mut self) -> Result<TenantTx<'_, A>, Error> {
        Ok(TenantTx::at(self.level.begin().await?))
    }

    /// Makes everything since the beginning take effect, after the server proved that the
    /// transaction is healthy; of a savepoint, together with what it is in.
    ///
    /// Dropping this future halfway leaves unknown whether it took effect.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::TransactionAborted`](crate::ErrorKind::TransactionAborted) when a statement
    ///   failed or was dropped halfway; nothing took effect.
    /// - [`ErrorKind::Serialization`](crate::ErrorKind::Serialization) or
    ///   [`ErrorKind::Constraint`](crate::ErrorKind::Constraint) when a deferred check says no;
    ///   nothing took effect.
    /// - [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the connection broke;
    ///   whether it took effect is unknown.
    pub async fn commit(self) -> Result<(), Error> {
        self.level.commit().await
    }

    /// Makes everything since the beginning undone, and waits for that; dropping does the same in
    /// the background.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) or
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when the connection broke or does not
    /// answer; the server rolls back then.
    pub async fn rollback(self) -> Result<(), Error> {
        self.level.rollback().await
    }
}

impl TenantTx<'_, Write> {
    /// Does something and gives the number of rows it touched.
    pub fn execute(&mut self, statement: impl TenantStatement<Write>) -> Execute<'_> {
        Execute::new(Target::Transaction(&mut self.level), statement.erase())
    }
}

impl Whole for TenantTx<'static, Write> {
    fn level(&self) -> &Level<'static> {
        &self.level
    }

    fn into_level(self) -> Level<'static> {
        self.level
    }
}

impl<A> fmt::Debug for TenantTx<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantTx").field(&*self.level).finish()
    }
}
