//! Opening connections in the background, where no impatient caller can interrupt it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use tokio::runtime::Handle;

use super::{Connection, Inner};
use crate::error::{Error, ErrorKind};
use crate::login;

/// How long to wait before the server is asked once more; longer each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How soon after a refusal the server is asked again.
const SOONEST: Duration = Duration::from_millis(100);

/// The least time that connecting may take, however impatient the requests are.
const CONNECTING: Duration = Duration::from_secs(5);

/// Opens a connection for `place`, which the board has marked for that.
///
/// It goes on when whoever wanted it has left: aborted requests cannot make the pool connect
/// again and again.
pub(super) fn start(pool: &Arc<Inner>, place: usize) {
    let opening = Opening {
        pool: Arc::clone(pool),
        place,
        done: false,
    };
    // Without a runtime there is nobody to wait for it either.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(opening.run());
    }
}

/// A place that stays reserved until its connection has come, or will not.
struct Opening {
    pool: Arc<Inner>,
    place: usize,
    done: bool,
}

impl Opening {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        // A server that has just refused is not asked as often as there are requests.
        if let Some(refusal) = self.pool.refusal() {
            tokio::time::sleep(SOONEST.saturating_sub(refusal.at.elapsed())).await;
        }
        loop {
            let error = match self.connect().await {
                Ok(connection) => return self.arrived(connection),
                Err(error) => error,
            };
            self.pool.counters.failed_to_open();
            self.pool.refused(Some(&error));
            if self.is_hopeless(&error) || self.pool.board().count().waiting == 0 {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&self) -> Result<Box<Connection>, Error> {
        let connect = async {
            let mut inner = self.pool.options.connect().await?;
            login::verify(&mut inner).await?;
            let now = Instant::now();
            Ok(Box::new(Connection {
                inner,
                opened: now,
                used: now,
            }))
        };
        let limit = self.pool.settings.acquire_timeout.max(CONNECTING);
        match tokio::time::timeout(limit, connect).await {
            Ok(connected) => connected,
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                "the server did not answer in time",
            )),
        }
    }

    fn arrived(&mut self, connection: Box<Connection>) {
        self.pool.counters.opened();
        self.pool.refused(None);
        self.done = true;
        let mut board = self.pool.board();
        let unwanted = board.opened(self.place, connection);
        self.pool.settle(board);
        if unwanted.is_some() {
            self.pool.emptied.notify_waiters();
        }
    }

    /// Whether the server said no for good, and there is no connection that could come free:
    /// then everybody who waits learns it now.
    fn is_hopeless(&self, error: &Error) -> bool {
        if !matches!(
            error.kind(),
            ErrorKind::Configuration | ErrorKind::Forbidden
        ) {
            return false;
        }
        let mut board = self.pool.board();
        let count = board.count();
        if count.idle + count.busy > 0 || count.opening > 1 {
            return false;
        }
        let waiting = board.give_up();
        drop(board);
        for hand in waiting {
            // Whoever left does not want to know.
            let _ = hand.send(Err(Error::new(error.kind(), error.to_string())));
        }
        true
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.done {
            self.pool.board().empty(self.place);
            self.pool.emptied.notify_waiters();
        }
    }
}
