//! Entries in Redis, which every process of an installation shares.

mod layered;

mod link;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::layered::LayeredCache;

use self::link::{Link, Timeouts};
use super::{
    Cache, CacheScope, CacheTag, Fill, Filled, Invalidation, LONGEST, Mark, Place, Read, TAGS,
};
use crate::error::{Error, ErrorKind};
use crate::scope::{Prefix, ScopeKind, ScopedName};

/// Keeps entries in Redis 6.2 or newer, for all processes that use the same server and prefix.
///
/// Everything happens over one connection, which is opened by the first use and again after it was
/// lost, and each step is one message. While the server is away a step fails at once, and a new
/// connection is tried in the background, at most every two seconds. A clone is another handle to
/// the same connection.
///
/// All keys of a tenant have its id as hash tag, so they are in one slot of a cluster; a client that
/// finds the nodes of Redis Cluster is not wired yet.
///
/// Use it within a tokio runtime.
///
/// # Example
///
/// ```
/// use tenancy_core::{Caches, ErrorKind, RedisCache};
///
/// // Nothing is sent before the first use.
/// let caches = Caches::new(RedisCache::new("redis://127.0.0.1:6379/")?);
/// assert_eq!(caches.back_end(), "redis");
///
/// let error = RedisCache::new("http://127.0.0.1:6379/").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Clone)]
pub struct RedisCache {
    client: redis::Client,
    timeouts: Timeouts,
    link: Arc<Link>,
}

/// How long a place remembers that it was invalidated: longer than a value may take to load.
const TOMBSTONE: Duration = Duration::from_mins(3);

const READ: &str = concat!(include_str!("common.lua"), include_str!("read.lua"));
const FILL: &str = concat!(include_str!("common.lua"), include_str!("fill.lua"));
const INVALIDATE: &str = concat!(include_str!("common.lua"), include_str!("invalidate.lua"));

impl RedisCache {
    /// Will use the server at `url`, such as `redis://user:password@host:6379/0` or
    /// `redis+unix:///run/redis.sock`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when `url` is none, or one for TLS, which is not built in.
    pub fn new(url: &str) -> Result<Self, Error> {
        // The address may hold a password, so it is not repeated.
        let client = redis::Client::open(url).map_err(|error| {
            let message = "the address of Redis cannot be used: write redis://host:port/";
            Error::with_source(ErrorKind::Configuration, message, error)
        })?;
        let timeouts = Timeouts::default();
        Ok(Self {
            link: Arc::new(Link::new(client.clone(), timeouts)),
            client,
            timeouts,
        })
    }

    /// Waits at most this long for an answer, 500 ms unless told; set it before cloning.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.response = timeout;
        self.link = Arc::new(Link::new(self.client.clone(), self.timeouts));
        self
    }

    /// Waits at most this long for a connection, 1 s unless told; set it before cloning.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self.link = Arc::new(Link::new(self.client.clone(), self.timeouts));
        self
    }

    /// Sends a command over the connection that all share; it may be done twice.
    pub(crate) async fn ask<T: redis::FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> Result<T, Error> {
        self.link.ask(command).await
    }

    /// The keys of a tenant, without its history.
    async fn keys(&self, scope: &CacheScope) -> Result<Vec<String>, Error> {
        // Nothing in it is a pattern but the last character.
        let pattern = format!("{}*", stem(scope));
        let mut found = Vec::new();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(1000);
            let (next, keys): (String, Vec<Vec<u8>>) = self.link.ask(&scan).await?;
            let own = keys
                .into_iter()
                .filter_map(|key| String::from_utf8(key).ok());
            found.extend(own.filter(|key| is_of(key, scope)));
            if next == "0" {
                found.sort_unstable();
                found.dedup();
                return Ok(found);
            }
            cursor = next;
        }
    }
}

#[async_trait]
impl Cache for RedisCache {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn read(&self, place: &Place) -> Result<Read, Error> {
        let keys = [history(place.scope()), key(place.name())];
        let mut script = script(READ, &keys);
        script.arg(fresh()).arg(life());
        let answer = self.link.ask(&script).await?;
        let (name, count, floor, entry): (String, u64, u64, Option<Vec<u8>>) = answer;
        let history = Uuid::try_parse(&name).map_err(|error| {
            let message = format!(
                "the history of tenant {} has no name",
                place.scope().tenant()
            );
            Error::with_source(ErrorKind::Corrupt, message, error)
        })?;
        Ok(Read {
            entry: entry.map(Arc::from),
            mark: Mark { history, count },
            floor,
        })
    }

    async fn fill(&self, place: &Place, fill: Fill<'_>) -> Result<Filled, Error> {
        let keys = [history(place.scope()), key(place.name()), tombstone(place)];
        let tags: Vec<&str> = fill.tags.iter().map(CacheTag::as_str).collect();
        let mut script = script(FILL, &keys);
        script
            .arg(fresh())
            .arg(life())
            .arg(fill.mark.history.simple().to_string())
            .arg(fill.mark.count)
            .arg(tags.join(","))
            .arg(millis(fill.ttl).max(1))
            .arg(fill.entry);
        let stored: u8 = self.link.ask(&script).await?;
        Ok(if stored == 1 {
            Filled::Stored
        } else {
            Filled::Lost
        })
    }

    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) -> Result<(), Error> {
        let notice = notice(scope, what);
        let channel = channel(scope.prefix());
        let mut command = match what {
            Invalidation::Key(place) => {
                let keys = [history(scope), key(place.name()), tombstone(place)];
                let mut command = script(INVALIDATE, &keys);
                command.arg(fresh()).arg(life()).arg("key").arg(channel);
                command.arg(millis(TOMBSTONE)).arg("");
                command
            }
            Invalidation::Tag(tag) => {
                let mut command = script(INVALIDATE, &[history(scope)]);
                command.arg(fresh()).arg(life()).arg("tag").arg(channel);
                command.arg(TAGS).arg(tag.as_str());
                command
            }
            Invalidation::All => {
                let mut command = script(INVALIDATE, &[history(scope)]);
                command.arg(fresh()).arg(life()).arg("all").arg(channel);
                command.arg(0).arg("");
                command
            }
        };
        let _: u64 = self.link.ask(command.arg(notice)).await?;
        Ok(())
    }

    async fn purge(&self, scope: &CacheScope) -> Result<(), Error> {
        // The history first: no fill of before finds its own again.
        let mut keys = vec![history(scope)];
        loop {
            for batch in keys.chunks(500) {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(batch);
                let _: u64 = self.link.ask(&unlink).await?;
            }
            keys = self.keys(scope).await?;
            if keys.is_empty() {
                return Ok(());
            }
        }
    }

    async fn residue(&self, scope: &CacheScope) -> Result<Vec<String>, Error> {
        self.keys(scope).await
    }
}

/// What a key of the tenant begins with; the id in braces decides the slot of a cluster.
fn stem(scope: &CacheScope) -> String {
    let id = scope.tenant();
    format!("{}:c:{{{}}}:", scope.prefix(), id.as_uuid().simple())
}

/// The key of a name: the same, but for the braces around the id.
fn key(name: &ScopedName) -> String {
    let text = name.as_str();
    let mut parts = text.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(prefix), Some(kind), Some(id), Some(name)) => {
            format!("{prefix}:{kind}:{{{id}}}:{name}")
        }
        _ => text.to_owned(),
    }
}

/// Whether `key` is one that we make for this tenant.
fn is_of(key: &str, scope: &CacheScope) -> bool {
    let Some(name) = key.strip_prefix(&stem(scope)) else {
        return false;
    };
    let id = scope.tenant().as_uuid().simple();
    let plain = format!("{}:c:{id}:{name}", scope.prefix());
    ScopedName::decode(&plain).is_ok_and(|parts| {
        parts.kind() == ScopeKind::Cache
            && parts.tenant() == scope.tenant()
            && parts.prefix() == scope.prefix()
    })
}

fn history(scope: &CacheScope) -> String {
    format!("{}h", stem(scope))
}

/// Where the last invalidation of a place is remembered; entries begin with `d:` there.
fn tombstone(place: &Place) -> String {
    let key = key(place.name());
    let stem = stem(place.scope());
    let name = key.strip_prefix(&stem).unwrap_or(&key);
    format!("{stem}x:{name}")
}

/// Where invalidations are told; the second part of a name of a tenant is longer.
fn channel(prefix: &Prefix) -> String {
    format!("{prefix}:p:cache")
}

/// What is told: tenant, and the key or everything.
fn notice(scope: &CacheScope, what: &Invalidation) -> String {
    let id = scope.tenant().as_uuid().simple();
    match what {
        Invalidation::Key(place) => format!("{id} {}", place.name()),
        Invalidation::Tag(_) | Invalidation::All => format!("{id} *"),
    }
}

fn script(text: &str, keys: &[String]) -> redis::Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(keys.len()).arg(keys);
    command
}

fn fresh() -> String {
    Uuid::new_v4().simple().to_string()
}

/// How long a history is kept that nobody changes: longer than any entry of it.
fn life() -> u64 {
    millis(LONGEST + TOMBSTONE)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field(
                "server",
                &self.client.get_connection_info().addr().to_string(),
            )
            .finish_non_exhaustive()
    }
}
