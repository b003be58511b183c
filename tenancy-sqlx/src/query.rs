//! A statement with its values, on its way to the server.

use std::fmt;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, PgStatement, Postgres};
use sqlx::{
    Arguments, AssertSqlSafe, Decode, Encode, Executor, FromRow, Row, SqlSafeStr, SqlStr, Type,
};
use tenancy_core::sabotaged;
use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind};
use crate::pooler::Pooler;
use crate::rows::Rows;
use crate::source::Source;
use crate::statement::{About, Form, sealed::Erased};
use crate::transaction::{Level, Open, Opening};

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
    Single(Source<'a>),
    Transaction(&'a mut Open),
}

/// A statement ready to be sent, as often as needed.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) sql: SqlStr,
    /// Without any, it is sent as a simple query.
    pub(crate) arguments: Option<PgArguments>,
    /// Whether the connection keeps it prepared under a name.
    pub(crate) named: bool,
    /// Whether it can be run again when its connection was lost.
    pub(crate) reads: bool,
    /// Whether it calls functions that may leave something in the session.
    pub(crate) calls: bool,
}

/// One way to run a statement to its very end.
pub(crate) type Run<R> =
    for<'c> fn(&'c mut PgConnection, Prepared) -> BoxFuture<'c, Result<R, sqlx::Error>>;

struct Call<'a> {
    target: Target<'a>,
    /// `None` once it is on its way.
    statement: Option<Form>,
    about: About,
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
    pub async fn fetch_all(mut self) -> Result<Vec<T>, Error> {
        let rows = self
            .call
            .run(|connection, prepared| connection.fetch_all(prepared))
            .await?;
        let values = rows.into_iter().map(self.map);
        values.collect::<Result<_, _>>().map_err(Error::from)
    }

    /// The rows one by one as they arrive, without holding all of them.
    ///
    /// Outside a transaction they have a connection of their own. A stream that is dropped before
    /// its end gives that connection back only after it was proved clean; in a transaction it
    /// makes the transaction one that cannot be committed.
    ///
    /// ```no_run
    /// # use futures_util::TryStreamExt;
    /// # use tenancy_sqlx::{Error, Read, TenantDb, TenantSql};
    /// # async fn example(db: TenantDb, titles: &'static TenantSql<Read>) -> Result<(), Error> {
    /// let mut rows = db.query_scalar::<String>(titles).fetch();
    /// while let Some(title) = rows.try_next().await? {
    ///     println!("{title}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Each item may be one of those of [`Query`]; but for a row that is not a `T`, it is the
    /// last.
    pub fn fetch(self) -> Rows<'a, T>
    where
        T: Send + 'a,
    {
        let (call, map) = (self.call, self.map);
        Rows::new(|rows| call.stream(map, rows))
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`Query`].
    pub async fn fetch_optional(mut self) -> Result<Option<T>, Error> {
        let row = self
            .call
            .run(|connection, prepared| connection.fetch_optional(prepared))
            .await?;
        row.map(self.map).transpose().map_err(Error::from)
    }

    /// The first row.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RowNotFound`] when there is none, and those of [`Query`].
    pub async fn fetch_one(self) -> Result<T, Error> {
        let Self { mut call, map } = self;
        let row = call
            .run(|connection, prepared| connection.fetch_optional(prepared))
            .await?;
        match row {
            Some(row) => Ok(map(row)?),
            None => Err(Error::new(
                ErrorKind::RowNotFound,
                format!("no row of {} is as asked for", call.about.tables()),
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

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let done = self
                .call
                .run(|connection, prepared| connection.execute(prepared))
                .await?;
            if let Target::Transaction(open) = &mut self.call.target {
                open.writes();
            }
            Ok(done.rows_affected())
        })
    }
}

impl sqlx::Execute<'static, Postgres> for Prepared {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.named
    }
}

impl Prepared {
    /// How a transaction begins that is for this statement alone.
    fn opening(&self) -> Opening {
        if self.reads {
            Opening::Read
        } else {
            Opening::Write
        }
    }

    /// Whether it must not run outside a transaction: because it takes two messages, or because
    /// what it leaves in the session has to be taken away before the session is lent to others.
    fn wants_transaction(&self, pooler: Pooler) -> bool {
        pooler.wants_transaction(self.named) || (self.calls && pooler.shares_sessions())
    }
}

impl Target<'_> {
    fn source(&self) -> Source<'_> {
        match self {
            Self::Single(source) => *source,
            Self::Transaction(open) => open.source(),
        }
    }
}

impl<'a> Call<'a> {
    fn new(target: Target<'a>, statement: Erased) -> Self {
        let (statement, arguments) = statement.into_parts();
        Self {
            target,
            statement: Some(statement),
            about: About::Refused,
            arguments,
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

    async fn run<R>(&mut self, run: Run<R>) -> Result<R, Error> {
        let started = Instant::now();
        let result = match self.prepare() {
            Ok(prepared) => match &mut self.target {
                Target::Single(source) => single(*source, prepared, run).await,
                Target::Transaction(open) => open.run(prepared, run).await.map_err(Error::from),
            },
            Err(error) => Err(error),
        };
        self.tell(started, result.as_ref().err());
        result.map_err(|error| self.named(error))
    }

    /// Sends the rows to `rows` one by one, to the end or to the first error.
    async fn stream<T>(
        mut self,
        map: fn(PgRow) -> Result<T, sqlx::Error>,
        rows: mpsc::Sender<Result<T, Error>>,
    ) {
        let started = Instant::now();
        let done = match self.prepare() {
            Ok(prepared) => match &mut self.target {
                Target::Single(source) => stream_single(*source, prepared, map, &rows).await,
                Target::Transaction(open) => stream_in(open, prepared, map, &rows).await,
            },
            Err(error) => Err(error),
        };
        self.tell(started, done.as_ref().err());
        if let Err(error) = done {
            let error = self.named(error);
            // Whoever no longer listens does not want to know.
            let _ = rows.send(Err(error)).await;
        }
    }

    /// Says whose rows it was about, and where the statement is written.
    fn named(&self, error: Error) -> Error {
        let place = self.about.place();
        self.target.source().named(error).of_statement(place)
    }

    fn tell(&self, started: Instant, error: Option<&Error>) {
        tracing::debug!(
            target: "tenancy.sql",
            of = %self.target.source(),
            statement = self.about.id(),
            tables = %self.about.tables(),
            elapsed_us = started.elapsed().as_micros(),
            error = error.map(|error| tracing::field::debug(error.kind())),
        );
    }

    /// Refuses what the server would refuse, before there is anything to roll back.
    fn prepare(&mut self) -> Result<Prepared, Error> {
        if let Some(refused) = &self.refused {
            let place = self.arguments.len() + 1;
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the value bound to ${place} cannot be sent: {refused}"),
            ));
        }
        let statement = self
            .statement
            .take()
            .expect("a call consists of one statement and runs once");
        let ready = statement.ready(self.target.source())?;
        self.about = ready.about;
        let wanted = usize::from(ready.parameters);
        let bound = self.arguments.len();
        if bound != wanted && !sabotaged!("statement.values-uncounted") {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the statement takes {wanted} values and {bound} were bound: bind each once"
                ),
            ));
        }
        Ok(Prepared {
            sql: ready.sql,
            arguments: Some(std::mem::take(&mut self.arguments)),
            named: ready.named,
            reads: ready.reads,
            calls: ready.calls,
        })
    }
}

/// The values of a statement of the framework's own.
pub(crate) fn values(
    add: impl FnOnce(&mut PgArguments) -> Result<(), sqlx::error::BoxDynError>,
) -> Result<PgArguments, Error> {
    let mut values = PgArguments::default();
    add(&mut values).map_err(|error| Error::from(sqlx::Error::Encode(error)))?;
    Ok(values)
}

/// Runs a statement that commits by itself; where that needs a transaction, it is opened so.
pub(crate) async fn single<R>(
    source: Source<'_>,
    mut prepared: Prepared,
    run: Run<R>,
) -> Result<R, Error> {
    let pooler = source.database.pooler();
    if prepared.wants_transaction(pooler) {
        return enclosed(source, prepared, run).await;
    }
    let mut guard = source.checkout().await?;
    if prepared.calls {
        guard.soiled();
    }
    let mut result = run(guard.begin_work(), prepared.clone()).await;
    if let Err(error) = &result {
        let answered = guard.failed(error);
        if answered
            && guard.has_stale_statements()
            && !sabotaged!("statement.stale-not-prepared-anew")
        {
            // The table changed since the statement was prepared. Nothing was written, so it can
            // be prepared and run anew.
            source.database.count_retry();
            guard.forget_statements().await?;
            if pooler.shares_sessions() {
                // The pooler has not forgotten it, and gives the next of its text the same.
                guard.finished();
                drop(guard);
                source.database.renew_texts();
                prepared.sql = anew(&prepared.sql);
                prepared.named = false;
                return enclosed(source, prepared, run).await;
            }
            result = run(guard.begin_work(), prepared).await;
        } else if guard.is_lost() && (prepared.reads || sabotaged!("statement.write-sent-again")) {
            // The connection was cut off, perhaps long ago; what only reads is asked once more.
            source.database.count_retry();
            drop(guard);
            guard = source.checkout().await?;
            result = run(guard.begin_work(), prepared).await;
        }
    }
    guard.ended(&result);
    Ok(result?)
}

/// The same under a text of its own, which no connection has prepared.
fn anew(sql: &SqlStr) -> SqlStr {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    AssertSqlSafe(format!("{}\n/* anew {number} */", sql.as_str())).into_sql_str()
}

/// Runs a statement in a transaction of its own; what only reads is asked once more when the
/// connection was lost.
async fn enclosed<R>(source: Source<'_>, prepared: Prepared, run: Run<R>) -> Result<R, Error> {
    let mut asked_again = false;
    loop {
        let mut level = Level::whole(Open::new(source, prepared.opening()));
        match level.run(prepared.clone(), run).await {
            Ok(done) => {
                level.commit().await?;
                return Ok(done);
            }
            Err(_) if prepared.reads && level.is_lost() && !asked_again => {
                source.database.count_retry();
                asked_again = true;
            }
            Err(fault) => {
                level.give_up().await;
                return Err(fault.into());
            }
        }
    }
}

/// Gives the rows of a statement that commits by itself, on a connection of its own.
async fn stream_single<T>(
    source: Source<'_>,
    prepared: Prepared,
    map: fn(PgRow) -> Result<T, sqlx::Error>,
    rows: &mpsc::Sender<Result<T, Error>>,
) -> Result<(), Error> {
    if prepared.wants_transaction(source.database.pooler()) {
        let mut level = Level::whole(Open::new(source, prepared.opening()));
        return match stream_in(&mut level, prepared, map, rows).await {
            Ok(()) => level.commit().await,
            Err(error) => {
                level.give_up().await;
                Err(error)
            }
        };
    }
    let mut guard = source.checkout().await?;
    if prepared.calls {
        guard.soiled();
    }
    let passed = pass_on(guard.begin_work(), prepared, map, rows).await;
    guard.ended(&passed);
    Ok(passed?)
}

async fn stream_in<T>(
    open: &mut Open,
    prepared: Prepared,
    map: fn(PgRow) -> Result<T, sqlx::Error>,
    rows: &mpsc::Sender<Result<T, Error>>,
) -> Result<(), Error> {
    if prepared.calls {
        open.soils();
    }
    let done = pass_on(open.start().await?, prepared, map, rows).await;
    Ok(open.end(done)?)
}

async fn pass_on<T>(
    connection: &mut PgConnection,
    prepared: Prepared,
    map: fn(PgRow) -> Result<T, sqlx::Error>,
    rows: &mpsc::Sender<Result<T, Error>>,
) -> Result<(), sqlx::Error> {
    let mut answers = connection.fetch(prepared);
    while let Some(row) = answers.try_next().await? {
        // The receiver is dropped only with this future itself.
        let _ = rows.send(map(row).map_err(Error::from)).await;
    }
    Ok(())
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
