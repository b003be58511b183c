//! A request's body that has to keep coming.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::after;

/// Fails with [`io::ErrorKind::TimedOut`] when the next piece takes longer than `timeout`, or all of
/// them together longer than `left`; only the time in which somebody waits for one counts.
pub(super) struct PacedBody {
    inner: Incoming,
    timeout: Duration,
    left: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Since when somebody has been waiting for a piece.
    since: Option<Instant>,
}

impl PacedBody {
    pub(super) fn new(inner: Incoming, timeout: Duration, deadline: Duration) -> Self {
        Self {
            inner,
            timeout,
            left: deadline,
            alarm: None,
            since: None,
        }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            if let Some(since) = this.since.take() {
                this.left = this.left.saturating_sub(since.elapsed());
            }
            return Poll::Ready(frame.map(|result| result.map_err(Into::into)));
        }
        let due = after(this.timeout.min(this.left));
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if this.since.is_none() {
            this.since = Some(Instant::now());
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx).map(|()| {
            Some(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the body took too long to arrive",
            )
            .into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
