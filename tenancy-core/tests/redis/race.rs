//! Writers and readers race, in two processes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tenancy_core::cache::{CacheKey, Namespace};
use tenancy_core::testing::context;
use tenancy_core::{Caches, MemoryCache, TenantCache};

use crate::server::Server;

const ROWS: Namespace = Namespace::new("rows");

/// The database: a number per row that only grows.
#[derive(Default)]
pub(crate) struct Rows {
    rows: Mutex<HashMap<u64, u64>>,
    random: AtomicU64,
}

impl Rows {
    fn read(&self, row: u64) -> u64 {
        *self.rows.lock().unwrap().get(&row).unwrap_or(&0)
    }

    fn write(&self, row: u64) -> u64 {
        let mut rows = self.rows.lock().unwrap();
        let value = rows.entry(row).or_insert(0);
        *value += 1;
        *value
    }

    /// Lets others go before or not, in no order that repeats.
    async fn pause(&self) {
        let turn = self
            .random
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        for _ in 0..turn % 5 {
            tokio::task::yield_now().await;
        }
    }

    /// Reads a row through the cache; what was committed before must be in the answer.
    pub(crate) async fn check(&self, cache: &TenantCache, row: u64, by: Invalidate) {
        let committed = self.read(row);
        let got = self.load(cache, row, by).await;
        assert!(
            got >= committed,
            "row {row} is {committed} and was read as {got}"
        );
    }

    async fn load(&self, cache: &TenantCache, row: u64, by: Invalidate) -> u64 {
        let load = || async {
            self.pause().await;
            let value = self.read(row);
            self.pause().await;
            Ok::<_, ()>(value)
        };
        let tags = |_: &u64| match by {
            Invalidate::Tag => vec![ROWS.tag("all")],
            _ => Vec::new(),
        };
        cache
            .load_tagged(&key(row), tags, load)
            .await
            .unwrap()
            .value
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Invalidate {
    Key,
    Tag,
    All,
}

pub(crate) fn key(row: u64) -> CacheKey {
    ROWS.key(row.to_string())
}

/// Writes, commits, invalidates; reads go on meanwhile. Afterwards nobody reads anything old.
async fn race(caches: [Caches; 2], by: Invalidate, pairs: usize) {
    const ROWS: u64 = 5;
    let rows = Arc::new(Rows::default());
    let tenant = context("acme");
    let left = Arc::new(AtomicUsize::new(pairs));
    // What the writer of a row last invalidated: later reads must have it.
    let done: Arc<Vec<AtomicU64>> = Arc::new((0..ROWS).map(|_| AtomicU64::new(0)).collect());
    let tasks: Vec<_> = (0..8_u64)
        .map(|number| {
            let cache = caches[usize::try_from(number % 2).unwrap()].of(&tenant);
            let (rows, left, done) = (Arc::clone(&rows), Arc::clone(&left), Arc::clone(&done));
            tokio::spawn(async move {
                let mut turn = number;
                let take = |n: usize| n.checked_sub(1);
                while left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                    .is_ok()
                {
                    turn = turn
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(number + 1);
                    let row = (turn >> 33) % ROWS;
                    let value = rows.write(row);
                    rows.pause().await;
                    match by {
                        Invalidate::Key => cache.delete(&key(row)).await,
                        Invalidate::Tag => cache.invalidate_tag(&self::ROWS.tag("all")).await,
                        Invalidate::All => cache.invalidate_all().await,
                    }
                    let of = usize::try_from(row).unwrap();
                    done[of].fetch_max(value, Ordering::SeqCst);
                    let other = (turn >> 40) % ROWS;
                    let at_least = done[usize::try_from(other).unwrap()].load(Ordering::SeqCst);
                    let got = rows.load(&cache, other, by).await;
                    assert!(
                        got >= at_least,
                        "row {other}: {at_least} was invalidated, {got} read"
                    );
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for row in 0..ROWS {
        for caches in &caches {
            rows.check(&caches.of(&tenant), row, by).await;
        }
    }
    let figures = caches.each_ref().map(Caches::figures);
    for figures in figures {
        assert_eq!((figures.errors, figures.owed), (0, 0));
        assert!(
            figures.hits > 0 && figures.lost_fills > 0,
            "nothing raced: {figures:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_older_than_what_was_invalidated_by_key() {
    let server = Server::shared();
    let caches = || Caches::new(server.cache()).prefix(server.prefix.clone());
    race([caches(), caches()], Invalidate::Key, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_older_than_what_was_invalidated_by_tag() {
    let server = Server::shared();
    let caches = || Caches::new(server.cache()).prefix(server.prefix.clone());
    race([caches(), caches()], Invalidate::Tag, 5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_older_than_what_was_invalidated_with_everything() {
    let server = Server::shared();
    let caches = || Caches::new(server.cache()).prefix(server.prefix.clone());
    race([caches(), caches()], Invalidate::All, 5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_older_than_what_was_invalidated_in_memory() {
    crate::server::sabotage();
    for by in [Invalidate::Key, Invalidate::Tag, Invalidate::All] {
        let memory = MemoryCache::new();
        let caches = || Caches::new(memory.clone());
        race([caches(), caches()], by, 10_000).await;
    }
}
