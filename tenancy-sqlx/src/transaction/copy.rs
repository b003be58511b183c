//! Bulk data into and out of one table of the tenant.

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use super::TenantTx;
use super::fault::Fault;
use super::open::Open;
use crate::error::{Error, ErrorKind};
use crate::rows::Rows;
use crate::sql::Write;

/// One table of the tenant with the columns to copy, and the format of the data.
///
/// ```
/// use tenancy_sqlx::CopyTable;
///
/// let table = CopyTable::csv("products", &["sku", "name"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyTable {
    table: &'static str,
    columns: &'static [&'static str],
    format: &'static str,
}

/// PostgreSQL cuts longer names, so two could turn out to be one.
const LONGEST_NAME: usize = 63;

impl CopyTable {
    /// Copies as CSV without a header, in PostgreSQL's default dialect.
    pub const fn csv(table: &'static str, columns: &'static [&'static str]) -> Self {
        Self {
            table,
            columns,
            format: "csv",
        }
    }

    /// Copies as PostgreSQL's own text: tabs between columns, `\N` for NULL.
    pub const fn text(table: &'static str, columns: &'static [&'static str]) -> Self {
        Self {
            table,
            columns,
            format: "text",
        }
    }

    /// Copies in PostgreSQL's binary format.
    pub const fn binary(table: &'static str, columns: &'static [&'static str]) -> Self {
        Self {
            table,
            columns,
            format: "binary",
        }
    }

    /// The statement for the schema of `open`'s tenant; names are quoted, so they are names.
    fn statement(&self, open: &Open, direction: &str) -> Result<String, Error> {
        let tenant = open
            .tenant()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "only a tenant's transaction copies"))?;
        let table = quoted(self.table)?;
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| quoted(column))
            .collect::<Result<_, _>>()?;
        if columns.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("copying table {} names no column: name each", self.table),
            ));
        }
        Ok(format!(
            "COPY {}.{table} ({}) {direction} WITH (FORMAT {})",
            tenant.schema().quoted(),
            columns.join(", "),
            self.format
        ))
    }
}

fn quoted(name: &str) -> Result<String, Error> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{name:?} is no name of a table or column: use 1 to {LONGEST_NAME} bytes"),
        ));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

impl TenantTx<'_, Write> {
    /// Copies everything that `source` gives into the columns of a table of the tenant, and gives
    /// the number of rows.
    ///
    /// A slice of bytes is a source, and so is a file or a socket. When the source fails or this
    /// future is dropped, the transaction cannot be committed; in a savepoint, the former costs
    /// the savepoint alone unless the server had refused a line before.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{CopyTable, Error, TenantTx};
    /// # async fn example(tx: &mut TenantTx<'_>) -> Result<(), Error> {
    /// let products = "CH-1,Chair\nTA-1,Table\n";
    /// let table = CopyTable::csv("products", &["sku", "name"]);
    /// let rows = tx.copy_in(table, products.as_bytes()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when a name is none or a line does not fit its columns,
    /// [`ErrorKind::Unavailable`] when the source fails, and those of
    /// [`Execute`](crate::Execute).
    pub async fn copy_in(
        &mut self,
        table: CopyTable,
        source: impl AsyncRead + Unpin + Send,
    ) -> Result<u64, Error> {
        let open = &mut *self.level;
        let statement = table
            .statement(open, "FROM STDIN")
            .map_err(|error| open.named(error))?;
        let copied = copy_in(open, &statement, source).await;
        copied.map_err(|fault| open.named(fault.into()))
    }
}

async fn copy_in(
    open: &mut Open,
    statement: &str,
    source: impl AsyncRead + Unpin + Send,
) -> Result<u64, Fault> {
    let done = send(open.start_copy().await?, statement, source).await;
    end(open, done)
}

async fn send(
    connection: &mut PgConnection,
    statement: &str,
    source: impl AsyncRead + Unpin + Send,
) -> Result<u64, Failed> {
    let mut copy = connection.copy_in_raw(statement).await?;
    match copy.read_from(source).await {
        Ok(_) => Ok(copy.finish().await?),
        Err(error) => match copy.abort(error.to_string()).await {
            Ok(()) => Err(Failed::Source(error)),
            // It had failed already: the driver reads that, and not the answer that follows.
            Err(error) => Err(Failed::Lost(error)),
        },
    }
}

/// How a copy failed.
enum Failed {
    /// The caller's own source failed; the connection is in order.
    Source(sqlx::Error),
    /// Everything that the server said has been read.
    Answered(sqlx::Error),
    /// Something may be on its way still.
    Lost(sqlx::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Answered(error)
    }
}

fn end<R>(open: &mut Open, done: Result<R, Failed>) -> Result<R, Fault> {
    if !matches!(done, Err(Failed::Lost(_))) {
        open.copied();
    }
    match done {
        Ok(done) => open.end(Ok(done)),
        Err(Failed::Source(error)) => Err(open.abandoned(error)),
        Err(Failed::Answered(error)) => open.end(Err(error)),
        Err(Failed::Lost(error)) => Err(open.lost(error)),
    }
}

impl<A> TenantTx<'_, A> {
    /// Copies the columns of a table of the tenant out, in pieces as the server sends them.
    ///
    /// A stream that is dropped before its end makes the transaction one that cannot be
    /// committed. So does one that the server refuses to begin, also in a savepoint; both cost
    /// the connection, because the driver does not find the end of such a copy.
    ///
    /// ```no_run
    /// # use futures_util::TryStreamExt;
    /// # use tenancy_sqlx::{CopyTable, Error, TenantTx};
    /// # async fn example(tx: &mut TenantTx<'_>) -> Result<(), Error> {
    /// let mut pieces = tx.copy_out(CopyTable::csv("products", &["sku", "name"]));
    /// while let Some(piece) = pieces.try_next().await? {
    ///     print!("{}", String::from_utf8_lossy(&piece));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// An item may be [`ErrorKind::InvalidInput`] when a name is none, or one of those of
    /// [`Query`](crate::Query); it is the last.
    pub fn copy_out(&mut self, table: CopyTable) -> Rows<'_, Bytes> {
        let open = &mut *self.level;
        Rows::new(|pieces| async move {
            if let Err(fault) = copy_out(open, table, &pieces).await {
                let error = open.named(fault.into());
                // Whoever no longer listens does not want to know.
                let _ = pieces.send(Err(error)).await;
            }
        })
    }
}

async fn copy_out(
    open: &mut Open,
    table: CopyTable,
    pieces: &mpsc::Sender<Result<Bytes, Error>>,
) -> Result<(), Fault> {
    let statement = table.statement(open, "TO STDOUT")?;
    let done = pass_on(open.start_copy().await?, &statement, pieces).await;
    end(open, done)
}

async fn pass_on(
    connection: &mut PgConnection,
    statement: &str,
    pieces: &mpsc::Sender<Result<Bytes, Error>>,
) -> Result<(), Failed> {
    let begun = connection.copy_out_raw(statement).await;
    // The driver reads that it failed, and not the answer that follows.
    let mut stream = begun.map_err(Failed::Lost)?;
    while let Some(piece) = stream.try_next().await? {
        // The receiver is dropped only with this future itself.
        let _ = pieces.send(Ok(piece)).await;
    }
    Ok(())
}
