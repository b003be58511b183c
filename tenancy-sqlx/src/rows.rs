//! Rows that are read while they arrive.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::error::Error;

/// How many rows may be ahead of their reader.
const AHEAD: usize = 32;

/// A stream of rows, or of other parts of one answer; made by [`Query::fetch`](crate::Query::fetch)
/// and [`TenantTx::copy_out`](crate::TenantTx::copy_out).
#[must_use = "nothing is sent before the stream is polled"]
pub struct Rows<'a, T> {
    /// Reads from the connection; polled by this stream and by nothing else.
    reader: Option<BoxFuture<'a, ()>>,
    rows: mpsc::Receiver<Result<T, Error>>,
}

impl<'a, T> Rows<'a, T> {
    /// Makes a stream of what the future of `reader` sends.
    pub(crate) fn new<F>(reader: impl FnOnce(mpsc::Sender<Result<T, Error>>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'a,
    {
        let (sender, rows) = mpsc::channel(AHEAD);
        Self {
            reader: Some(Box::pin(reader(sender))),
            rows,
        }
    }
}

impl<T> Stream for Rows<'_, T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(row) = self.rows.poll_recv(context) {
            return Poll::Ready(row);
        }
        if let Some(reader) = &mut self.reader
            && reader.as_mut().poll(context).is_ready()
        {
            self.reader = None;
        }
        self.rows.poll_recv(context)
    }
}

impl<T> fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("ended", &self.reader.is_none())
            .finish_non_exhaustive()
    }
}
