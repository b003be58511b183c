//! Listens for news of tenants, for as long as its handle lives.

use std::fmt;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::JoinHandle;

use super::PgTenantStore;
use super::change::{CHANNEL, TenantChange};

/// The longest wait before the next attempt to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long silence is believed before the connection is tried.
const SILENCE: Duration = Duration::from_secs(30);

/// A running listener; dropping it ends the listening.
pub struct TenantChanges {
    task: JoinHandle<()>,
}

impl PgTenantStore {
    /// Calls `on_change` for every change of a tenant, from now until the handle is dropped.
    ///
    /// After every connect, the first and each one after a loss, it is called with
    /// [`TenantChange::All`], because news that nobody listened to are gone. It must not block.
    /// `direct` must reach PostgreSQL itself: a transaction pooler carries no news.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    #[must_use = "dropping the handle ends the listening"]
    pub fn listen<F>(direct: PgConnectOptions, on_change: F) -> TenantChanges
    where
        F: Fn(TenantChange) + Send + Sync + 'static,
    {
        TenantChanges {
            task: tokio::spawn(listen(direct, on_change)),
        }
    }
}

impl Drop for TenantChanges {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for TenantChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantChanges").finish_non_exhaustive()
    }
}

async fn listen(direct: PgConnectOptions, on_change: impl Fn(TenantChange)) {
    let mut wait = Duration::ZERO;
    loop {
        let error = match connect(&direct).await {
            Ok(listener) => {
                let connected = Instant::now();
                // Only now: what was committed before cannot be missed by who asks from here on.
                on_change(TenantChange::All);
                let error = hear(listener, &on_change).await;
                // A peer that takes connections and drops them must not empty caches all the time.
                if connected.elapsed() > LONGEST_WAIT {
                    wait = Duration::ZERO;
                }
                error
            }
            Err(error) => error,
        };
        tracing::warn!(%error, "news of tenants are not heard; connecting again");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).clamp(Duration::from_millis(50), LONGEST_WAIT);
    }
}

async fn connect(direct: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    // A pool of its own each time: a connection that was lost is never used again.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .min_connections(0)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(direct.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.ignore_pool_close_event(true);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Passes the news on until the connection is lost.
async fn hear(mut listener: PgListener, on_change: &impl Fn(TenantChange)) -> sqlx::Error {
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(news))) => on_change(TenantChange::parse(news.payload())),
            Ok(Ok(None)) => return lost("the connection was lost"),
            Ok(Err(error)) => return error,
            // A peer that vanished without a word looks like silence: ask it something.
            Err(_) => {
                let ask = sqlx::query("SELECT 1").execute(&mut listener);
                match tokio::time::timeout(Duration::from_secs(10), ask).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return error,
                    Err(_) => return lost("the server did not answer"),
                }
            }
        }
    }
}

fn lost(what: &'static str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::BrokenPipe, what))
}
