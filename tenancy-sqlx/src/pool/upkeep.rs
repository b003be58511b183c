//! What a pool does when nobody asks: it closes what is old and opens what should be ready.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::{Inner, opening, say_goodbye};

/// The longest time between two looks.
const LONGEST: Duration = Duration::from_secs(30);
const SHORTEST: Duration = Duration::from_secs(1);

/// Looks after the pool until it is dropped.
pub(super) fn start(pool: &Arc<Inner>) {
    let settings = &pool.settings;
    let limits = [settings.idle_timeout, settings.max_lifetime];
    let pause = limits.into_iter().flatten().map(|limit| limit / 2).min();
    let pause = pause.unwrap_or(LONGEST).clamp(SHORTEST, LONGEST);
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(look_after(Arc::downgrade(pool), pause));
    }
}

async fn look_after(pool: Weak<Inner>, pause: Duration) {
    loop {
        let Some(pool) = pool.upgrade() else {
            return;
        };
        if pool.board().is_closed() {
            return;
        }
        pool.tend().await;
        drop(pool);
        tokio::time::sleep(pause).await;
    }
}

impl Inner {
    async fn tend(self: &Arc<Self>) {
        let least = usize::try_from(self.settings.min_connections).unwrap_or(usize::MAX);
        let now = Instant::now();
        let over = |age: Duration, limit: Option<Duration>| limit.is_some_and(|limit| age > limit);
        let rested = self.board().expire(least, |connection| {
            over(now - connection.used, self.settings.idle_timeout)
        });
        let old = self.board().expire(0, |connection| {
            over(now - connection.opened, self.settings.max_lifetime)
        });
        for connection in rested.into_iter().chain(old) {
            self.counters.aged();
            say_goodbye(connection).await;
        }
        self.emptied.notify_waiters();
        loop {
            let spare = self.board().spare(least);
            let Some(place) = spare else { break };
            opening::start(self, place);
        }
    }
}
