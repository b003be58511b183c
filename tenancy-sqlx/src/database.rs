//! The application's connections: made here, verified here, and reachable from nowhere else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{ConnectOptions, Connection};
use tenancy_core::TenantContext;

use crate::db::TenantDb;
#[cfg(feature = "dynamic")]
use crate::dynamic::DynamicTexts;
use crate::error::{Error, ErrorKind};
use crate::guard::Guard;
use crate::link::Link;
use crate::login;
use crate::pool::{Pool, PoolMetrics, none_free};
use crate::pooler::{self, Pooler};
use crate::session::Reset;
use crate::settings::PoolSettings;
use crate::shared::SharedDb;
use crate::text_cache::TextCache;

/// The application's side of one PostgreSQL database: a pool whose connections belong to no
/// tenant, ever.
///
/// A tenant's rows are reached through [`Database::tenant`], which takes the proof of who the
/// tenant is. Cloning copies a pointer.
///
/// ```no_run
/// use tenancy_sqlx::{Database, PoolSettings};
///
/// # async fn example() -> Result<(), tenancy_sqlx::Error> {
/// let database = Database::connect_url(
///     "postgres://app:secret@db.example.com/saas",
///     PoolSettings::default(),
/// )
/// .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Database {
    pool: Source,
    shared: Arc<Shared>,
}

/// Where connections come from.
#[derive(Debug, Clone)]
enum Source {
    Ours(Pool),
    Given(PgPool),
}

#[derive(Debug)]
struct Shared {
    #[cfg(feature = "axum")]
    scope_in_handlers: std::sync::OnceLock<crate::Scope>,
    #[cfg(feature = "jobs")]
    bell: crate::jobs::Bell,
    pooler: Pooler,
    reset: Arc<Reset>,
    texts: TextCache,
    /// How many transactions of this program appended to the outbox.
    appended: tokio::sync::watch::Sender<u64>,
    #[cfg(feature = "dynamic")]
    dynamic_texts: DynamicTexts,
}

impl Database {
    /// Connects, and promises for every connection to come that its login has an empty path and
    /// its server is PostgreSQL 15 or newer.
    ///
    /// The login must have its empty path from `ALTER ROLE`; startup options are refused, because
    /// transaction poolers refuse them. Set the user name in `options` explicitly: their default
    /// is whoever runs the program.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Configuration`] when the login's path is not empty (the message says what
    ///   to run), the server is too old, `options` carry startup options, or the connections are
    ///   seen to go through another [`Pooler`] than `settings` say.
    /// - [`ErrorKind::Unavailable`] or [`ErrorKind::Forbidden`] when the server does not answer,
    ///   or not to this login.
    pub async fn connect(options: PgConnectOptions, settings: PoolSettings) -> Result<Self, Error> {
        if let Some(startup) = options.get_options() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "the connection has the startup options {startup:?}: set them with ALTER ROLE \
                     instead, for transaction poolers refuse them"
                ),
            ));
        }
        let options = options
            .statement_cache_capacity(settings.statement_cache_capacity)
            // A startup parameter that poolers do not know, and that no server needs any more.
            .extra_float_digits(None)
            // Statements are reported by this crate, once and without their text.
            .disable_statement_logging();

        let mut first = options.connect().await?;
        login::verify(&mut first).await?;
        pooler::verify(settings.pooler, &mut first, &options).await?;
        // It is only closed politely; the server notices anyway.
        let _ = first.close().await;

        let program = options.get_application_name();
        let shared = Arc::new(Shared::new(&settings, program));
        let pool = Source::Ours(Pool::new(options, settings));
        Ok(Self { pool, shared })
    }

    /// Connects to `url`, as [`Database::connect`] does; the URL must name its user.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when `url` is not a PostgreSQL URL or names no user, and
    /// those of [`Database::connect`].
    ///
    /// # Example
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use tenancy_sqlx::{Database, ErrorKind, PoolSettings};
    ///
    /// let nobody = Database::connect_url("postgres://localhost/saas", PoolSettings::default());
    /// assert_eq!(nobody.await.unwrap_err().kind(), ErrorKind::Configuration);
    /// # }
    /// ```
    pub async fn connect_url(url: &str, settings: PoolSettings) -> Result<Self, Error> {
        // The URL itself stays out of the message: it may hold a password.
        if !names_user(url) {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the database URL names no user: write postgres://USER@HOST/DATABASE",
            ));
        }
        let options = url.parse::<PgConnectOptions>().map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                "the database URL is invalid: write postgres://USER@HOST/DATABASE",
            )
            .with_source(error)
        })?;
        Self::connect(options, settings).await
    }

    /// Takes a pool that the application made itself, after proving one of its connections.
    ///
    /// Only that one connection is proved. Whether every later one has the same login and path,
    /// whether hooks of the pool leave session state behind, and whether other holders of the
    /// pool do, cannot be seen from here; an abandoned connection is checked before it goes back.
    /// The number of prepared statements that its connections keep cannot be seen either, and is
    /// taken to be sqlx's default of 100, beyond which statements are sent unprepared;
    /// [`Database::from_pool_with`] says another one. Connections do not age by the tenants they
    /// meet, and no tenant's share is kept from another. Prefer [`Database::connect`].
    ///
    /// # Errors
    ///
    /// Those of [`Database::connect`].
    pub async fn from_pool(pool: PgPool) -> Result<Self, Error> {
        let settings = PoolSettings::default().statement_cache_capacity(100);
        Self::from_pool_with(pool, settings).await
    }

    /// Takes a pool as [`Database::from_pool`] does, and what `settings` say of it on trust: what
    /// it goes through, and how many prepared statements its connections keep. What is the pool's
    /// own business, such as its size, is left to it.
    ///
    /// ```no_run
    /// # use sqlx::postgres::{PgConnectOptions, PgPool};
    /// # use tenancy_sqlx::{Database, PoolSettings};
    /// # async fn example(options: PgConnectOptions) -> Result<(), Box<dyn std::error::Error>> {
    /// // A hundred tenants with ten statements each: so many on every connection.
    /// let options = options.statement_cache_capacity(1_000);
    /// let pool = PgPool::connect_with(options).await?;
    /// let settings = PoolSettings::default().statement_cache_capacity(1_000);
    /// let database = Database::from_pool_with(pool, settings).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Database::connect`].
    pub async fn from_pool_with(pool: PgPool, settings: PoolSettings) -> Result<Self, Error> {
        let options = pool.connect_options();
        let shared = Arc::new(Shared::new(&settings, options.get_application_name()));
        let link = Link::Given(pool.acquire().await?);
        let mut guard = Guard::new(link, Arc::clone(&shared.reset));
        login::verify(guard.begin_work()).await?;
        guard.finished();
        let pool = Source::Given(pool);
        Ok(Self { pool, shared })
    }

    /// Lets statements composed at run time name what `tenancy.toml` adds, as the macros do; the
    /// first call counts.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Database, Error, PoolSettings, allowed};
    /// # async fn example(url: &str) -> Result<(), Error> {
    /// let database = Database::connect_url(url, PoolSettings::default()).await?;
    /// let database = database.allow(allowed!());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "dynamic")]
    #[must_use]
    pub fn allow(self, allowed: &'static tenancy_qualify::Allowed) -> Self {
        self.shared.dynamic_texts.allow(allowed);
        self
    }

    /// Says how a [`ScopedDb`](crate::ScopedDb) and a `Lease<ScopedTx>` that a handler takes find
    /// the tenant; [`Scope::Path`](crate::Scope::Path) by default, and the first call counts.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{Database, Error, PoolSettings, Scope};
    /// # async fn example(url: &str) -> Result<(), Error> {
    /// let database = Database::connect_url(url, PoolSettings::default()).await?;
    /// let database = database.scope_in_handlers(Scope::Role);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn scope_in_handlers(self, scope: crate::Scope) -> Self {
        // As with the other settings of a pool, changing one's mind is for another pool.
        let _ = self.shared.scope_in_handlers.set(scope);
        self
    }

    #[cfg(feature = "axum")]
    pub(crate) fn scope_of_handlers(&self) -> crate::Scope {
        let scope = self.shared.scope_in_handlers.get();
        scope.copied().unwrap_or_default()
    }

    /// The rows of the tenant of `context`, and of nobody else.
    pub fn tenant(&self, context: &TenantContext) -> TenantDb {
        TenantDb::new(self.clone(), context.clone())
    }

    /// The tables that are no tenant's: the application's own, and what it publishes to all.
    pub fn shared(&self) -> SharedDb {
        SharedDb::new(self.clone())
    }

    /// Asks the server for an answer, for health checks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when the server does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut guard = self.checkout(None).await?;
        let mut answer = ask(&mut guard).await;
        if guard.is_lost() {
            drop(guard);
            guard = self.checkout(None).await?;
            answer = ask(&mut guard).await;
        }
        Ok(answer?)
    }

    /// What the pool has and has counted; `None` for a pool that the application brought.
    pub fn metrics(&self) -> Option<PoolMetrics> {
        match &self.pool {
            Source::Ours(pool) => Some(pool.metrics()),
            Source::Given(_) => None,
        }
    }

    /// Waits until every connection is back and closed; statements fail from now on.
    pub async fn close(&self) {
        match &self.pool {
            Source::Ours(pool) => pool.close().await,
            Source::Given(pool) => pool.close().await,
        }
    }

    /// What is rung when jobs were enqueued in this process.
    #[cfg(feature = "jobs")]
    pub(crate) fn bell(&self) -> &crate::jobs::Bell {
        &self.shared.bell
    }

    pub(crate) fn pooler(&self) -> Pooler {
        self.shared.pooler
    }

    /// How sessions are made as new.
    pub(crate) fn reset(&self) -> &Arc<Reset> {
        &self.shared.reset
    }

    /// Makes texts whose prepared statements no longer fit their tables other texts, where a pooler
    /// would keep the statements as they are.
    pub(crate) fn renew_texts(&self) {
        if self.shared.pooler == Pooler::TransactionWithStatements {
            self.shared.texts.renew();
        }
    }

    /// Tells whoever waits that something was appended to the outbox.
    pub(crate) fn tell_appended(&self) {
        self.shared.appended.send_modify(|count| *count += 1);
    }

    /// Waits until the count of what was appended is another one than `seen`, and gives it.
    pub(crate) async fn appended(&self, seen: u64) -> u64 {
        let mut counts = self.shared.appended.subscribe();
        // The sender lives as long as this database does, so the wait has no other end.
        let count = counts.wait_for(|count| *count != seen).await;
        count.map_or(seen, |count| *count)
    }

    pub(crate) fn texts(&self) -> &TextCache {
        &self.shared.texts
    }

    #[cfg(feature = "dynamic")]
    pub(crate) fn dynamic_texts(&self) -> &DynamicTexts {
        &self.shared.dynamic_texts
    }

    /// Borrows a connection for a tenant, or for what is no tenant's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when none comes free in time, [`ErrorKind::Busy`] when the
    /// tenant has its share already, [`ErrorKind::Configuration`] when new ones are refused
    /// because the login is no longer as it was.
    pub(crate) async fn checkout(&self, tenant: Option<&TenantContext>) -> Result<Guard, Error> {
        let reset = || Arc::clone(self.reset());
        let pool = match &self.pool {
            Source::Ours(pool) => pool,
            Source::Given(pool) => {
                return match pool.acquire().await {
                    Ok(connection) => Ok(Guard::new(Link::Given(connection), reset())),
                    Err(error) => Err(too_late(error)),
                };
            }
        };
        // Each turn closes a connection that was cut off, so there are few; each may take a while.
        let deadline = Instant::now() + pool.patience();
        loop {
            let held = pool.acquire(tenant.map(TenantContext::id)).await?;
            let mut guard = Guard::new(Link::Ours(held), reset());
            if guard.is_alive().await {
                return Ok(guard);
            }
            if Instant::now() > deadline {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "every connection that rested was cut off: the server does not answer",
                ));
            }
        }
    }

    /// How long to wait for a connection, or for the right to one.
    pub(crate) fn patience(&self) -> Duration {
        match &self.pool {
            Source::Ours(pool) => pool.patience(),
            Source::Given(pool) => pool.options().get_acquire_timeout(),
        }
    }

    /// Counts that something was run once more.
    pub(crate) fn count_retry(&self) {
        if let Source::Ours(pool) = &self.pool {
            pool.counters().retried();
        }
    }
}

impl Shared {
    fn new(settings: &PoolSettings, program: Option<&str>) -> Self {
        let prepared = if settings.pooler.keeps_names() {
            settings.statement_cache_capacity
        } else {
            0
        };
        Self {
            #[cfg(feature = "axum")]
            scope_in_handlers: std::sync::OnceLock::new(),
            #[cfg(feature = "jobs")]
            bell: crate::jobs::Bell::default(),
            pooler: settings.pooler,
            reset: Arc::new(Reset::new(settings.pooler, program)),
            texts: TextCache::new(settings.text_cache_capacity, prepared),
            appended: tokio::sync::watch::Sender::new(0),
            #[cfg(feature = "dynamic")]
            dynamic_texts: DynamicTexts::new(settings.dynamic_cache_capacity),
        }
    }
}

/// Asks the server for an answer.
async fn ask(guard: &mut Guard) -> Result<(), sqlx::Error> {
    let asked = sqlx::raw_sql("SELECT 1").execute(guard.begin_work()).await;
    guard.ended(&asked);
    asked.map(drop)
}

/// Says what to do when a pool that was brought has no connection.
fn too_late(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::PoolTimedOut => none_free().with_source(error),
        error => error.into(),
    }
}

/// Whether a URL says who connects, so that nobody connects by the accident of an environment.
fn names_user(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let (authority, query) = match rest.find(['/', '?']) {
        Some(end) => (&rest[..end], rest.split_once('?').map(|(_, query)| query)),
        None => (rest, None),
    };
    let in_authority = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| !user.is_empty() && !user.starts_with(':'));
    let in_query = query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair.starts_with("user=") && pair.len() > 5)
    });
    in_authority || in_query
}

#[cfg(test)]
mod tests {
    use super::names_user;

    #[test]
    fn a_url_names_its_user_in_front_of_the_host_or_in_the_query() {
        for url in [
            "postgres://app@h/d",
            "postgres://app:p@h:1/d?sslmode=disable",
            "postgres:///d?host=/tmp&user=app",
            "postgres://h?user=app",
        ] {
            assert!(names_user(url), "{url}");
        }
        for url in [
            "postgres://h/d",
            "postgres:///d?host=/tmp/a@b",
            "postgres://:p@h/d",
            "postgres://@h/d",
            "postgres://h/d?user=",
            "h",
        ] {
            assert!(!names_user(url), "{url}");
        }
    }
}
