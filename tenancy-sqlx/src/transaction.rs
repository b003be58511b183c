//! Several statements of one tenant that take effect together or not at all.

use std::fmt;
use std::marker::PhantomData;

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Decode, FromRow, Type};
use tenancy_core::TenantContext;

use crate::db::TenantDb;
use crate::error::{Error, ErrorKind};
use crate::guard::Guard;
use crate::query::{Execute, Prepared, Query, Run, Target};
use crate::sql::Write;
use crate::statement::TenantStatement;

/// Commits only what is a healthy transaction.
///
/// A COMMIT of a transaction that failed answers politely with a rollback, and one without a
/// transaction does nothing. A savepoint can be made in a healthy transaction alone, so the server
/// refuses the whole message in both cases.
const PROVE_AND_COMMIT: &str = "SAVEPOINT tenancy_commit; COMMIT";

/// An open transaction on the rows of one tenant, in which access `A` is granted: everything, or
/// only [`Read`](crate::Read).
///
/// What is not committed is rolled back: dropping it, a panic or a cancelled future leave nothing
/// behind, and the connection is used by nobody else before that is proved. A statement that fails
/// or is dropped halfway makes the transaction one that cannot be committed.
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
pub struct TenantTx<A = Write> {
    open: Open,
    access: PhantomData<fn() -> A>,
}

/// What every transaction has, whatever it may do.
pub(crate) struct Open {
    db: TenantDb,
    guard: Guard,
    health: Health,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// Every statement so far was answered with success.
    Healthy,
    /// A statement is on its way; seen from outside, one that was dropped halfway.
    CutOff,
    /// A statement failed.
    Failed,
}

impl<A> TenantTx<A> {
    /// Opens a transaction with the one message `begin`.
    pub(crate) async fn open(db: &TenantDb, begin: &'static str) -> Result<Self, Error> {
        let tenant = db.context().slug();
        let named = |error: Error| error.while_doing(format_args!("tenant {tenant}"));
        let mut guard = db.database().checkout().await.map_err(named)?;
        if let Err(error) = sqlx::raw_sql(begin).execute(guard.begin_work()).await {
            guard.failed(&error);
            return Err(named(error.into()));
        }
        Ok(Self {
            open: Open {
                db: db.clone(),
                guard,
                health: Health::Healthy,
            },
            access: PhantomData,
        })
    }

    /// The tenant whose rows these are.
    pub fn context(&self) -> &TenantContext {
        self.open.db.context()
    }

    /// Asks for rows as they are.
    pub fn query(&mut self, statement: impl TenantStatement<A>) -> Query<'_, PgRow> {
        Query::rows(Target::Transaction(&mut self.open), statement.erase())
    }

    /// Asks for rows as values of `T`, column by column by name.
    pub fn query_as<T>(&mut self, statement: impl TenantStatement<A>) -> Query<'_, T>
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Query::typed(Target::Transaction(&mut self.open), statement.erase())
    }

    /// Asks for the first column of each row.
    pub fn query_scalar<T>(&mut self, statement: impl TenantStatement<A>) -> Query<'_, T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Query::scalar(Target::Transaction(&mut self.open), statement.erase())
    }

    /// Makes everything since the beginning take effect, after the server proved that the
    /// transaction is healthy.
    ///
    /// Dropping this future halfway leaves unknown whether it took effect.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::TransactionAborted`] when a statement failed or was dropped halfway;
    ///   nothing took effect.
    /// - [`ErrorKind::Serialization`] or [`ErrorKind::Constraint`] when a deferred check says no;
    ///   nothing took effect.
    /// - [`ErrorKind::Unavailable`] when the connection broke; whether it took effect is unknown.
    pub async fn commit(self) -> Result<(), Error> {
        let mut open = self.open;
        open.check().map_err(|error| open.named(error))?;
        open.finish(PROVE_AND_COMMIT).await
    }

    /// Makes everything since the beginning undone, and waits for that; dropping does the same in
    /// the background.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`] when the connection broke or does not
    /// answer; the server rolls back then.
    pub async fn rollback(self) -> Result<(), Error> {
        let mut open = self.open;
        if open.health == Health::CutOff {
            // Answers of the statement that was cut off are still to come.
            let restored = open.guard.restore().await;
            return restored.map_err(|error| open.named(error));
        }
        open.finish("ROLLBACK").await
    }
}

impl TenantTx<Write> {
    /// Does something and gives the number of rows it touched.
    pub fn execute(&mut self, statement: impl TenantStatement<Write>) -> Execute<'_> {
        Execute::new(Target::Transaction(&mut self.open), statement.erase())
    }
}

impl Open {
    pub(crate) fn db(&self) -> &TenantDb {
        &self.db
    }

    /// Runs one statement; if this future is dropped, the transaction stays cut off.
    pub(crate) async fn run<R>(&mut self, prepared: Prepared, run: Run<R>) -> Result<R, Error> {
        self.check()?;
        self.health = Health::CutOff;
        match run(self.guard.begin_work(), prepared).await {
            Ok(done) => {
                self.health = Health::Healthy;
                Ok(done)
            }
            Err(error) => {
                self.health = Health::Failed;
                self.guard.failed(&error);
                Err(error.into())
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        let fault = match self.health {
            Health::Healthy => return Ok(()),
            Health::CutOff => "a statement of it was dropped halfway",
            Health::Failed => "a statement of it failed",
        };
        Err(Error::new(
            ErrorKind::TransactionAborted,
            format!(
                "the transaction cannot go on because {fault}: run it again from its beginning"
            ),
        ))
    }

    /// Sends the one message that ends the transaction.
    async fn finish(&mut self, end: &'static str) -> Result<(), Error> {
        match sqlx::raw_sql(end).execute(self.guard.begin_work()).await {
            Ok(_) => {
                self.guard.finished();
                Ok(())
            }
            Err(error) => {
                self.guard.failed(&error);
                Err(self.named(error.into()))
            }
        }
    }

    fn named(&self, error: Error) -> Error {
        error.while_doing(format_args!("tenant {}", self.db.context().slug()))
    }
}

impl<A> fmt::Debug for TenantTx<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantTx")
            .field("tenant", self.context().slug())
            .field("health", &self.open.health)
            .finish_non_exhaustive()
    }
}
