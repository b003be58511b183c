//! One connection that comes back.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind as RedisKind, FromRedisValue};
use redis::{RedisError, ServerErrorKind};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind};

/// The connection to a server, shared by all who ask.
pub(super) struct Link {
    client: Client,
    timeouts: Timeouts,
    state: Arc<Mutex<State>>,
    opened: Arc<Notify>,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) response: Duration,
    pub(super) connect: Duration,
}

#[derive(Default)]
struct State {
    line: Option<(u64, MultiplexedConnection)>,
    next: u64,
    opening: bool,
    /// How often in a row no connection came about.
    failures: u32,
    retry_at: Option<Instant>,
}

const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            response: Duration::from_millis(500),
            connect: Duration::from_secs(1),
        }
    }
}

impl Link {
    pub(super) fn new(client: Client, timeouts: Timeouts) -> Self {
        Self {
            client,
            timeouts,
            state: Arc::default(),
            opened: Arc::default(),
        }
    }

    /// Sends `command`, twice when the connection turns out to be lost: what is sent here may be
    /// done twice.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let mut again = true;
        loop {
            let (number, mut line) = self.line().await?;
            let error = match command.query_async(&mut line).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let lost = is_lost(&error);
            if lost {
                self.hang_up(number, error.is_timeout());
            }
            if !lost || error.is_timeout() || !std::mem::replace(&mut again, false) {
                return Err(unavailable(&self.client, error));
            }
        }
    }

    /// The connection; waits for it only while nothing has gone wrong.
    async fn line(&self) -> Result<(u64, MultiplexedConnection), Error> {
        let opened = self.opened.notified();
        let mut opened = std::pin::pin!(opened);
        {
            let mut state = self.lock();
            if let Some((number, line)) = &state.line {
                return Ok((*number, line.clone()));
            }
            let rests = state.retry_at.is_some_and(|at| Instant::now() < at);
            if !state.opening && !rests {
                state.opening = true;
                self.open();
            }
            if state.failures > 0 {
                return Err(self.down());
            }
            // From here on the notice cannot be missed.
            opened.as_mut().enable();
        }
        opened.await;
        match &self.lock().line {
            Some((number, line)) => Ok((*number, line.clone())),
            None => Err(self.down()),
        }
    }

    /// Opens a connection in the background, so that nobody's request can cut it short.
    fn open(&self) {
        let mut attempt = Attempt {
            state: Arc::clone(&self.state),
            opened: Arc::clone(&self.opened),
            line: None,
        };
        let (client, timeouts) = (self.client.clone(), self.timeouts);
        tokio::spawn(async move {
            match tokio::time::timeout(timeouts.connect, connect(&client, timeouts)).await {
                Ok(Ok(line)) => attempt.brought(line),
                Ok(Err(error)) => {
                    tracing::debug!(target: "tenancy.cache", %error, "no connection to Redis");
                }
                Err(_) => {
                    tracing::debug!(target: "tenancy.cache", "Redis takes too long to connect");
                }
            }
        });
    }

    fn hang_up(&self, number: u64, silent: bool) {
        let mut state = self.lock();
        if state.line.as_ref().is_some_and(|(now, _)| *now == number) {
            state.line = None;
            tracing::warn!(target: "tenancy.cache", silent, "the connection to Redis is lost");
            if silent {
                state.rest();
            }
        }
    }

    fn down(&self) -> Error {
        let addr = self.client.get_connection_info().addr().to_string();
        let message = format!("redis at {addr} is away; it is tried again");
        Error::new(ErrorKind::Unavailable, message)
    }

    // Nothing panics while the lock is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Waits before the next attempt: each time twice as long, by chance up to a half less.
    fn rest(&mut self) {
        let full = FIRST_RETRY
            .saturating_mul(1 << self.failures.min(10))
            .min(LAST_RETRY);
        let random = u32::try_from(RandomState::new().hash_one(0) % 1000).unwrap_or(0);
        self.failures += 1;
        self.retry_at = Some(Instant::now() + full.saturating_sub(full / 2 * random / 1000));
    }
}

/// Tells what came of opening a connection, also when the runtime drops it.
struct Attempt {
    state: Arc<Mutex<State>>,
    opened: Arc<Notify>,
    line: Option<MultiplexedConnection>,
}

impl Attempt {
    fn brought(&mut self, line: MultiplexedConnection) {
        self.line = Some(line);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.opening = false;
            if let Some(line) = self.line.take() {
                if state.failures > 0 {
                    tracing::info!(target: "tenancy.cache", "the connection to Redis is back");
                }
                state.failures = 0;
                state.retry_at = None;
                let number = state.next;
                state.next += 1;
                state.line = Some((number, line));
            } else {
                state.rest();
            }
        }
        self.opened.notify_waiters();
    }
}

async fn connect(client: &Client, timeouts: Timeouts) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeouts.connect))
        .set_response_timeout(Some(timeouts.response));
    let mut line = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    // A server that accepts and does not answer is no server.
    let _: String = redis::cmd("PING").query_async(&mut line).await?;
    Ok(line)
}

/// Whether another connection may do better.
fn is_lost(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        RedisKind::Io
            | RedisKind::Parse
            | RedisKind::Server(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly
            )
    ) || error.is_unrecoverable_error()
}

pub(super) fn unavailable(client: &Client, error: RedisError) -> Error {
    let addr = client.get_connection_info().addr().to_string();
    let message = format!("redis at {addr} does not do what it is asked: {error}");
    Error::with_source(ErrorKind::Unavailable, message, error)
}
