//! A statement with its values, on its way to the server.

use std::fmt;
use std::future::IntoFuture;
use std::time::Instant;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::{Arguments, AssertSqlSafe, Decode, Encode, Executor, FromRow, Row, Type};

use crate::db::TenantDb;
use crate::error::{Error, ErrorKind};
use crate::statement::AnyStatement;
use crate::statement::sealed::Erased;
use crate::text_cache::Text;
use crate::transaction::Open;

/// A statement whose rows become values of `T`; nothing is sent before one of the `fetch`es.
///
/// # Errors
///
/// Every `fetch` fails with
/// - [`ErrorKind::InvalidInput`] before anything is sent, when the number of values bound is not
///   the number of the statement's parameters, or one of them cannot be encoded;
/// - [`ErrorKind::SchemaMismatch`] when a table or column is not there;
/// - [`ErrorKind::TransactionAborted`] in a transaction that failed or was cut off before;
/// - the kinds of the database's own errors: conflicts, constraints, timeouts and so on.
#[must_use = "nothing is sent before one of the fetches"]
pub struct Query<'a, T> {
    call: Call<'a>,
    map: fn(PgRow) -> Result<T, sqlx::Error>,
}

/// A statement that is run for what it does; `.await` sends it and gives the number of rows
/// touched.
///
/// # Errors
///
/// Those of [`Query`].
#[must_use = "nothing is sent before `.await`"]
pub struct Execute<'a> {
    call: Call<'a>,
}

/// Where a statement runs.
pub(crate) enum Target<'a> {
    Single(&'a TenantDb),
    Transaction(&'a mut Open),
}

/// A statement ready to be sent, as often as needed.
#[derive(Clone)]
pub(crate) struct Prepared {
    text: Text,
    arguments: PgArguments,
}

/// One way to run a statement to its very end.
pub(crate) type Run<R> =
    for<'c> fn(&'c mut PgConnection, Prepared) -> BoxFuture<'c, Result<R, sqlx::Error>>;

struct Call<'a> {
    target: Target<'a>,
    statement: &'static dyn AnyStatement,
    arguments: PgArguments,
    refused: Option<sqlx::error::BoxDynError>,
}

impl<'a> Query<'a, PgRow> {
    pub(crate) fn rows(target: Target<'a>, statement: Erased) -> Self {
        Self::new(target, statement, Ok)
    }
}

impl<'a, T> Query<'a, T> {
    fn new(
        target: Target<'a>,
        statement: Erased,
        map: fn(PgRow) -> Result<T, sqlx::Error>,
    ) -> Self {
        Self {
            call: Call::new(target, statement),
            map,
        }
    }

    pub(crate) fn typed(target: Target<'a>, statement: Erased) -> Self
    where
        T: for<'r> FromRow<'r, PgRow>,
    {
        Self::new(target, statement, |row| T::from_row(&row))
    }

    pub(crate) fn scalar(target: Target<'a>, statement: Erased) -> Self
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Self::new(target, statement, |row| row.try_get(0))
    }

    /// Gives the next parameter its value.
    pub fn bind<'v, V>(mut self, value: V) -> Self
    where
        V: Encode<'v, Postgres> + Type<Postgres>,
    {
        self.call.bind(value);
        self
    }

    /// Every row there is.
    ///
    /// # Errors
    ///
    /// Those of [`Query`].
    pub async fn fetch_all(self) -> Result<Vec<T>, Error> {
        let rows = self
            .call
            .run(|connection, prepared| connection.fetch_all(prepared.into_query()))
            .await?;
        let values = rows.into_iter().map(self.map);
        values.collect::<Result<_, _>>().map_err(Error::from)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`Query`].
    pub async fn fetch_optional(self) -> Result<Option<T>, Error> {
        let row = self
            .call
            .run(|connection, prepared| connection.fetch_optional(prepared.into_query()))
            .await?;
        row.map(self.map).transpose().map_err(Error::from)
    }

    /// The first row.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RowNotFound`] when there is none, and those of [`Query`].
    pub async fn fetch_one(self) -> Result<T, Error> {
        let tables = self.call.statement.tables();
        match self.fetch_optional().await? {
            Some(row) => Ok(row),
            None => Err(Error::new(
                ErrorKind::RowNotFound,
                format!("no row of {} is as asked for", tables.join(", ")),
            )),
        }
    }
}

impl<'a> Execute<'a> {
    pub(crate) fn new(target: Target<'a>, statement: Erased) -> Self {
        Self {
            call: Call::new(target, statement),
        }
    }

    /// Gives the next parameter its value.
    pub fn bind<'v, V>(mut self, value: V) -> Self
    where
        V: Encode<'v, Postgres> + Type<Postgres>,
    {
        self.call.bind(value);
        self
    }
}

impl<'a> IntoFuture for Execute<'a> {
    type Output = Result<u64, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let done = self
                .call
                .run(|connection, prepared| connection.execute(prepared.into_query()))
                .await?;
            Ok(done.rows_affected())
        })
    }
}

impl Prepared {
    fn into_query(self) -> sqlx::query::Query<'static, Postgres, PgArguments> {
        sqlx::query_with(AssertSqlSafe(self.text.sql), self.arguments).persistent(self.text.named)
    }
}

impl<'a> Call<'a> {
    fn new(target: Target<'a>, statement: Erased) -> Self {
        Self {
            target,
            statement: statement.0,
            arguments: PgArguments::default(),
            refused: None,
        }
    }

    fn bind<'v, V>(&mut self, value: V)
    where
        V: Encode<'v, Postgres> + Type<Postgres>,
    {
        if self.refused.is_none() {
            self.refused = self.arguments.add(value).err();
        }
    }

    async fn run<R>(self, run: Run<R>) -> Result<R, Error> {
        let statement = self.statement;
        let db = match &self.target {
            Target::Single(db) => *db,
            Target::Transaction(open) => open.db(),
        }
        .clone();
        let context = db.context();
        let named = |error: Error| error.while_doing(format_args!("tenant {}", context.slug()));

        self.check().map_err(named)?;
        let prepared = Prepared {
            text: db.database().texts().get(context, statement),
            arguments: self.arguments,
        };
        let started = Instant::now();
        let result = match self.target {
            Target::Single(db) => single(db, prepared, run).await,
            Target::Transaction(open) => open.run(prepared, run).await,
        };
        tracing::debug!(
            target: "tenancy.sql",
            tenant = %context.slug(),
            statement = statement.id(),
            tables = ?statement.tables(),
            elapsed_us = started.elapsed().as_micros(),
            error = result.as_ref().err().map(|error| tracing::field::debug(error.kind())),
        );
        result.map_err(named)
    }

    /// Refuses what the server would refuse, before there is anything to roll back.
    fn check(&self) -> Result<(), Error> {
        let wanted = usize::from(self.statement.parameters());
        if let Some(refused) = &self.refused {
            let place = self.arguments.len() + 1;
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the value bound to ${place} cannot be sent: {refused}"),
            ));
        }
        let bound = self.arguments.len();
        if bound != wanted {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the statement takes {wanted} values and {bound} were bound: bind each once"
                ),
            ));
        }
        Ok(())
    }
}

/// Runs a statement that commits by itself.
async fn single<R>(db: &TenantDb, prepared: Prepared, run: Run<R>) -> Result<R, Error> {
    let mut guard = db.database().checkout().await?;
    let mut result = run(guard.begin_work(), prepared.clone()).await;
    if let Err(error) = &result
        && guard.failed(error)
        && guard.has_stale_statements()
    {
        // The table changed since the statement was prepared. Nothing was written, so it can be
        // prepared and run anew.
        guard.forget_statements().await?;
        result = run(guard.begin_work(), prepared).await;
    }
    match result {
        Ok(done) => {
            guard.finished();
            Ok(done)
        }
        Err(error) => {
            if guard.failed(&error) {
                guard.finished();
            }
            Err(error.into())
        }
    }
}

impl<T> fmt::Debug for Query<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.call.statement).finish()
    }
}

impl fmt::Debug for Execute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Execute")
            .field(&self.call.statement)
            .finish()
    }
}
