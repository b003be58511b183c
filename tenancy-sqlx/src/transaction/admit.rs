//! Counts what is limited in the transaction that would exceed it.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Executor, Row};
use tenancy_core::{Admission, LimitName, Prefix, ScopeKind, ScopedName, TenantContext, sabotaged};

use super::open::Open;
use super::{ScopedTx, TenantTx};
use crate::error::{Error, ErrorKind};
use crate::query::{Prepared, Query, Target};
use crate::sql::{Read, Write};
use crate::statement::TenantStatement;
use crate::statement::sealed::Erased;

impl TenantTx<'_, Write> {
    /// Makes sure that one more of `limit` fits, until this transaction ends; add it in the same
    /// transaction, and afterwards.
    ///
    /// `used` counts what is there and has one parameter, the most that is worth counting:
    ///
    /// ```no_run
    /// # use tenancy_core::LimitName;
    /// # use tenancy_sqlx::{Error, Read, TenantSql, TenantTx, Write};
    /// const PRODUCTS: LimitName = LimitName::new("products");
    ///
    /// # async fn example(
    /// #     tx: &mut TenantTx<'_>,
    /// #     count: &'static TenantSql<Read>,
    /// #     insert: &'static TenantSql<Write>,
    /// # ) -> Result<(), Error> {
    /// // count: tenant_sql!("SELECT count(*) FROM (SELECT FROM products LIMIT $1) AS counted")
    /// let admission = tx.admit(&PRODUCTS, count).await?;
    /// tx.execute(insert).bind("Chair").await?;
    /// # let _ = admission.crossed();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Transactions of one tenant that ask for the same limit come one after the other, each from
    /// here to its end; those that are slow should ask late. Who asks for several limits asks in one
    /// order everywhere. Nothing is locked and nothing counted for what is unlimited.
    ///
    /// The limit is that of the transaction's context, as old as that is.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Core`] with `LimitReached` when it does not fit; the transaction may go on.
    /// - [`ErrorKind::Configuration`] when the transaction sees the rows of one moment only
    ///   (`REPEATABLE READ` or above), which may be one before the lock was taken.
    /// - [`ErrorKind::Timeout`] when the lock could not be had in the login's `lock_timeout`, and
    ///   those of [`Query`].
    pub async fn admit(
        &mut self,
        limit: &LimitName,
        used: impl TenantStatement<Read>,
    ) -> Result<Admission, Error> {
        self.admit_many(limit, 1, used).await
    }

    /// Makes sure that `more` of `limit` fit, all or none of them, as [`TenantTx::admit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::admit`].
    pub async fn admit_many(
        &mut self,
        limit: &LimitName,
        more: u64,
        used: impl TenantStatement<Read>,
    ) -> Result<Admission, Error> {
        admit(&mut self.level, limit, more, used.erase()).await
    }
}

impl ScopedTx<'_> {
    /// Makes sure that `more` of `limit` fit, all or none of them, as [`TenantTx::admit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::admit`].
    pub async fn admit_many(
        &mut self,
        limit: &LimitName,
        more: u64,
        used: impl TenantStatement<Read>,
    ) -> Result<Admission, Error> {
        admit(&mut self.level, limit, more, used.erase()).await
    }
}

async fn admit(
    open: &mut Open,
    limit: &LimitName,
    more: u64,
    used: Erased,
) -> Result<Admission, Error> {
    let tenant = open.tenant().map(TenantContext::tenant);
    let Some(most) = tenant.and_then(|tenant| tenant.limits().get(limit)) else {
        return Ok(Admission::UNLIMITED);
    };
    if !sabotaged!("limits.count-unlocked") {
        lock(open, limit).await?;
    }
    let counted = i64::try_from(most).unwrap_or(i64::MAX);
    let there = Query::<i64>::scalar(Target::Transaction(open), used)
        .bind(counted)
        .fetch_one()
        .await?;
    // A statement that counts on counts too much, never too little.
    let there = u64::try_from(there).unwrap_or(0);
    Ok(Admission::decide(limit, most, there, more)?)
}

/// Waits until no other transaction counts this tenant's `limit`, and then keeps them waiting.
async fn lock(open: &mut Open, limit: &LimitName) -> Result<(), Error> {
    let tenant = open.tenant().ok_or_else(|| {
        Error::new(
            ErrorKind::Internal,
            "only a tenant's transaction has limits",
        )
    })?;
    // Locks are each database's own, so an installation needs no prefix here.
    let name = format!("limit:{limit}");
    let name = ScopedName::for_context(tenant, &Prefix::default(), ScopeKind::Lock, &name)?;
    let mut arguments = PgArguments::default();
    arguments
        .add(name.lock_key())
        .map_err(|error| open.named(Error::from(sqlx::Error::Encode(error))))?;
    let prepared = Prepared {
        sql: sqlx::SqlSafeStr::into_sql_str(
            "SELECT pg_catalog.current_setting('transaction_isolation') \
             FROM pg_catalog.pg_advisory_xact_lock($1)",
        ),
        arguments: Some(arguments),
        named: open.source().database.pooler().keeps_names(),
        reads: false,
        calls: false,
    };
    let row = open
        .run(prepared, |connection, prepared| {
            connection.fetch_one(prepared)
        })
        .await
        .map_err(|fault| open.named(fault.into()))?;
    let level: &str = row.try_get(0)?;
    if level.starts_with("read ") {
        return Ok(());
    }
    Err(open.named(Error::new(
        ErrorKind::Configuration,
        format!(
            "a limit cannot be counted in a transaction of the level {level}: run `ALTER ROLE … \
             RESET default_transaction_isolation` for the application's login"
        ),
    )))
}
