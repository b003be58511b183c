//! A careful listener loop: slow, greedy and broken clients cost a bounded amount.

mod activity;
mod body;
mod options;
mod stream;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tenancy_core::PeerAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower_service::Service;

use activity::{Activity, Verdict, WatchedBody};
use body::PacedBody;
pub use options::ServeOptions;
use stream::Stream;

/// Serves `app` on `listener` over HTTP/1 and HTTP/2 until `shutdown`, and then drains.
///
/// - A connection that has not sent a request's headers within the header timeout is closed; so
///   is one that stays idle that long between two HTTP/1 requests.
/// - Headers above the limit are 431.
/// - A body whose next piece does not come within the body timeout, or that keeps its reader waiting
///   for longer than the body deadline altogether, fails where it is read: 408 in
///   [`Json`](crate::Json), and the connection is closed.
/// - A client that takes nothing of an answer for the write timeout is cut.
/// - An HTTP/2 connection without an open request is told goodbye after the idle timeout, and cut
///   when it is still there a header timeout later.
/// - When the most connections are open, new ones wait in the listener's backlog.
/// - A failed `accept`, such as too many open files, is logged and tried again.
/// - Every request has the client's address as a [`PeerAddr`] extension; forwarded headers count
///   only where the resolver trusts that address.
/// - After `shutdown` nothing is accepted, idle connections are closed, requests in flight are
///   answered, and what is left after the drain time is cut.
///
/// Upgraded connections, such as WebSockets, count as connections until they are dropped, may be
/// idle as long as they like, and end themselves at shutdown: their handlers must watch for it. The
/// write timeout holds for them too.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] when an option cannot be used; the message says which.
///
/// # Example
///
/// ```no_run
/// # async fn run(app: axum::Router) -> std::io::Result<()> {
/// use tenancy_axum::{ServeOptions, serve};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// let shutdown = async { /* wait for a signal */ };
/// serve(listener, app, ServeOptions::new(), shutdown).await
/// # }
/// ```
pub async fn serve(
    listener: TcpListener,
    app: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), io::Error> {
    options.check()?;
    let permits = Arc::new(Semaphore::new(options.connections));
    let builder = Arc::new(builder(&options));
    let (stop, stopped) = watch::channel(());
    let mut open = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer, permit) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = open.join_next() => continue,
            accepted = accept(&listener, &permits) => accepted,
        };
        open.spawn(connection(
            Stream::new(stream, options.write_timeout, permit),
            peer,
            app.clone(),
            Arc::clone(&builder),
            options.clone(),
            stopped.clone(),
        ));
    }
    drop(listener);
    // The closed channel is what every connection waits for.
    drop(stop);
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, drained).await.is_err() {
        tracing::warn!(
            target: "tenancy.http",
            connections = open.len(),
            "connections were cut after the drain time"
        );
        open.shutdown().await;
    }
    Ok(())
}

fn builder(options: &ServeOptions) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Without a timer hyper panics at a header timeout.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(options.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.header_bytes).unwrap_or(u32::MAX))
        // A peer that is gone is found out, since HTTP/2 has no timeout between requests.
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Waits for a free place and then for a connection.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(target: "tenancy.http", %error, ?pause, "accepting failed");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Whether the client left before it was accepted, which says nothing about the next one.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn connection(
    stream: Stream,
    peer: SocketAddr,
    app: Router,
    builder: Arc<auto::Builder<TokioExecutor>>,
    options: ServeOptions,
    mut stopped: watch::Receiver<()>,
) {
    let activity = Arc::new(Activity::new(&options));
    let service = {
        let activity = Arc::clone(&activity);
        service_fn(move |request: http::Request<Incoming>| {
            let turn = activity.begin(request.version());
            let connect = request.method() == http::Method::CONNECT;
            let mut request = request.map(|body| {
                Body::new(PacedBody::new(
                    body,
                    options.body_timeout,
                    options.body_deadline,
                ))
            });
            request.extensions_mut().insert(PeerAddr(peer));
            let answer = app.clone().call(request);
            async move {
                let response = answer.await?;
                let Some(turn) = turn else {
                    return Ok(response);
                };
                if connect && response.status().is_success() {
                    turn.tunnel();
                }
                Ok::<_, Infallible>(response.map(|body| Body::new(WatchedBody::new(body, turn))))
            }
        })
    };
    let mut connection =
        pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // hyper's own header timeout starts when the first bytes have told HTTP/1 from HTTP/2, and
    // HTTP/2 has none: this covers a client that says nothing at all, and every one of HTTP/2.
    let mut patience = pin!(tokio::time::sleep(Duration::ZERO));
    let (mut watching, mut stopping, mut leaving) = (true, false, false);
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(target: "tenancy.http", %peer, error, "a connection failed");
                }
                return;
            }
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut patience, if watching => match activity.verdict() {
                Verdict::Left => watching = false,
                Verdict::Again(then) => patience.as_mut().reset(then),
                Verdict::Idle if !leaving => {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                    patience.as_mut().reset(after(options.header_timeout));
                }
                Verdict::Silent | Verdict::Idle | Verdict::Stalled => {
                    tracing::debug!(target: "tenancy.http", %peer, "a client was waited for too long");
                    return;
                }
            },
        }
    }
}

/// The moment when `time` has passed; "for ever" is a year.
fn after(time: Duration) -> Instant {
    Instant::now() + time.min(Duration::from_hours(365 * 24))
}
