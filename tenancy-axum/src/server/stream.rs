//! A TCP stream that holds its place among the connections, moves on, and is closed politely.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep, sleep_until};

use super::after;

/// How long, and for how many bytes, a client is listened to after our last word.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 8 * 1024 * 1024;

/// Closing a socket with unread bytes makes the kernel reset it, and the client may lose the
/// answer that says why (a 413, say). So our side is closed first, and what the client was still
/// sending is read and thrown away, within bounds.
///
/// A write that gets nowhere for `write_timeout` fails: the client does not read.
pub(super) struct Stream {
    inner: TcpStream,
    write_timeout: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    stalled: bool,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    pub(super) fn new(
        inner: TcpStream,
        write_timeout: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        // Answers are written whole; waiting for more only delays them. It fails only for a
        // client that is gone, which the first read notices.
        let _ = inner.set_nodelay(true);
        Self {
            inner,
            write_timeout,
            stall: None,
            stalled: false,
            linger: None,
            _permit: permit,
        }
    }

    /// Lets a write wait for the client only so long.
    fn in_time(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = false;
            return written;
        }
        let due = after(self.write_timeout);
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if !self.stalled {
            self.stalled = true;
            stall.as_mut().reset(due);
        }
        stall.as_mut().poll(cx).map(|()| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client took too long to read",
            ))
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
        }
        let (deadline, left) = this
            .linger
            .get_or_insert_with(|| (Box::pin(sleep(LINGER)), LINGER_BYTES));
        let mut waste = [0; 8192];
        while *left > 0 && deadline.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut waste);
            match ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {
                    *left = left.saturating_sub(buf.filled().len());
                }
                // It has closed its side too, or is gone: there is nobody left to be polite to.
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
