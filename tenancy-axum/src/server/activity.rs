//! Whether an HTTP/2 connection waits for the application or for its client.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::{ServeOptions, after};

/// What the requests of a connection are doing.
///
/// HTTP/1 is told apart and left alone: hyper limits the time between its requests, and what its
/// client does not read stalls the socket. Over HTTP/2 a client may stop in the middle of a
/// request's headers, or grant no window, while the socket and its pings go on.
pub(super) struct Activity {
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    protocol: Protocol,
    /// Requests whose answers are not complete.
    open: usize,
    /// Those among them that the application is busy with.
    working: usize,
    moved: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
    /// A stream of HTTP/2 became something else, which ends itself.
    Tunnel,
}

/// What has become of a connection.
pub(super) enum Verdict {
    /// It has not asked for anything, for too long.
    Silent,
    /// Nothing more needs to be watched.
    Left,
    /// It is worth another look then.
    Again(Instant),
    /// No request is open, for too long.
    Idle,
    /// Answers wait for their client, for too long.
    Stalled,
}

impl Activity {
    pub(super) fn new(options: &ServeOptions) -> Self {
        Self {
            header_timeout: options.header_timeout,
            idle_timeout: options.idle_timeout,
            write_timeout: options.write_timeout,
            state: Mutex::new(State {
                protocol: Protocol::Unknown,
                open: 0,
                working: 0,
                moved: Instant::now(),
            }),
        }
    }

    /// Takes note of a request, and follows it where that is needed.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> Option<Turn> {
        let mut state = self.state();
        if version != http::Version::HTTP_2 {
            state.protocol = Protocol::Http1;
            return None;
        }
        if state.protocol != Protocol::Tunnel {
            state.protocol = Protocol::Http2;
        }
        state.open += 1;
        state.working += 1;
        state.moved = Instant::now();
        drop(state);
        Some(Turn {
            activity: Arc::clone(self),
            working: true,
        })
    }

    pub(super) fn verdict(&self) -> Verdict {
        let state = self.state();
        // What a connection does may change before it is late with what it does now.
        let soon = after(self.write_timeout.min(self.idle_timeout));
        let (limit, late) = match state.protocol {
            Protocol::Http1 | Protocol::Tunnel => return Verdict::Left,
            Protocol::Http2 if state.working > 0 => return Verdict::Again(soon),
            Protocol::Http2 if state.open > 0 => (self.write_timeout, Verdict::Stalled),
            Protocol::Http2 => (self.idle_timeout, Verdict::Idle),
            Protocol::Unknown => (self.header_timeout, Verdict::Silent),
        };
        match limit.checked_sub(state.moved.elapsed()) {
            Some(left) if !left.is_zero() => Verdict::Again(after(left).min(soon)),
            _ => late,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's part in its connection's activity, until its answer is complete.
pub(super) struct Turn {
    activity: Arc<Activity>,
    working: bool,
}

impl Turn {
    /// The application has something to do before the client can go on.
    fn ours(&mut self) {
        if !self.working {
            self.working = true;
            self.activity.state().working += 1;
        }
    }

    /// The client has something to take before the application can go on.
    fn theirs(&mut self) {
        let mut state = self.activity.state();
        state.moved = Instant::now();
        if self.working {
            self.working = false;
            state.working -= 1;
        }
    }

    /// The stream is no longer one of requests, and neither idle nor stalled.
    pub(super) fn tunnel(&self) {
        self.activity.state().protocol = Protocol::Tunnel;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.theirs();
        self.activity.state().open -= 1;
    }
}

/// An answer's body whose every piece shows that the client took the one before.
pub(super) struct WatchedBody {
    inner: Body,
    rest: Bytes,
    turn: Turn,
}

impl WatchedBody {
    /// What HTTP/2 sends at once anyway. A larger piece would be handed over whole, and say
    /// nothing until the client has taken all of it.
    const PIECE: usize = 16 * 1024;

    pub(super) fn new(inner: Body, turn: Turn) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
            turn,
        }
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            let Poll::Ready(next) = Pin::new(&mut this.inner).poll_frame(cx) else {
                this.turn.ours();
                return Poll::Pending;
            };
            this.turn.theirs();
            match next.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => this.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        } else {
            this.turn.theirs();
        }
        let piece = this.rest.split_to(this.rest.remaining().min(Self::PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
