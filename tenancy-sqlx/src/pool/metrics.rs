//! What a pool counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tenancy_core::Exposition;

use super::board::Count;

/// Upper bounds of the waits that are told apart, in microseconds.
const BOUNDS: [u64; 8] = [
    100, 500, 1_000, 5_000, 25_000, 100_000, 1_000_000, 5_000_000,
];

/// A pool's connections at one moment, and what has happened to them since the start.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// How many connections there may be.
    pub max_connections: u32,
    /// Connections that rest.
    pub idle: usize,
    /// Connections that somebody has, or that are being cleaned after somebody.
    pub in_use: usize,
    /// Connections on their way.
    pub opening: usize,
    /// Requests that wait for one.
    pub waiting: usize,
    /// Most tenants that a connection of now has served.
    pub tenants_per_connection: usize,
    /// Connections that were opened.
    pub opened: u64,
    /// Attempts to open one that failed.
    pub open_failures: u64,
    /// Connections that were closed because they had met enough tenants.
    pub retired: u64,
    /// Connections that were closed because of their age.
    pub aged: u64,
    /// Connections that were closed because they were broken or could not be cleaned.
    pub closed_unclean: u64,
    /// Abandoned connections that were rolled back, proved clean and kept.
    pub recovered: u64,
    /// Requests that got a connection.
    pub acquired: u64,
    /// Requests that did not get one in time.
    pub timed_out: u64,
    /// Requests that were sent away because too many of their tenant's waited.
    pub refused: u64,
    /// Statements and transactions that were run once more.
    pub retried: u64,
    /// How long all those who got a connection have waited, together.
    pub waited: Duration,
    /// How many waited for at most as long; each includes those before it.
    pub waits: Vec<(Duration, u64)>,
}

impl PoolMetrics {
    /// Tells them as `tenancy_pool_…`.
    pub fn expose(&self, out: &mut Exposition) {
        out.gauge("tenancy_pool_connections", "Connections, by what they do.")
            .sample(&[("state", "idle")], self.idle)
            .sample(&[("state", "in_use")], self.in_use)
            .sample(&[("state", "opening")], self.opening);
        out.gauge(
            "tenancy_pool_max_connections",
            "How many connections there may be.",
        )
        .sample(&[], self.max_connections);
        out.gauge(
            "tenancy_pool_waiting",
            "Requests that wait for a connection.",
        )
        .sample(&[], self.waiting);
        out.gauge(
            "tenancy_pool_tenants_per_connection",
            "Most tenants that one of the connections has served.",
        )
        .sample(&[], self.tenants_per_connection);
        out.counter(
            "tenancy_pool_opens_total",
            "Attempts to open a connection, by how they ended.",
        )
        .sample(&[("outcome", "opened")], self.opened)
        .sample(&[("outcome", "failed")], self.open_failures);
        out.counter(
            "tenancy_pool_closes_total",
            "Connections that were closed, by why.",
        )
        .sample(&[("why", "tenants")], self.retired)
        .sample(&[("why", "age")], self.aged)
        .sample(&[("why", "unclean")], self.closed_unclean);
        out.counter(
            "tenancy_pool_recoveries_total",
            "Abandoned connections that were rolled back, proved clean and kept.",
        )
        .sample(&[], self.recovered);
        out.counter(
            "tenancy_pool_refusals_total",
            "Requests that got no connection, by why.",
        )
        .sample(&[("why", "timeout")], self.timed_out)
        .sample(&[("why", "busy_tenant")], self.refused);
        out.counter(
            "tenancy_pool_retries_total",
            "Statements and transactions that were run once more.",
        )
        .sample(&[], self.retried);
        let bounds: Vec<_> = self
            .waits
            .iter()
            .map(|(bound, count)| (bound.as_secs_f64(), *count))
            .collect();
        out.histogram(
            "tenancy_pool_acquire_seconds",
            "How long requests waited for a connection.",
            &bounds,
            self.waited.as_secs_f64(),
            self.acquired,
        );
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    opened: AtomicU64,
    open_failures: AtomicU64,
    retired: AtomicU64,
    aged: AtomicU64,
    closed_unclean: AtomicU64,
    recovered: AtomicU64,
    timed_out: AtomicU64,
    refused: AtomicU64,
    retried: AtomicU64,
    waited_us: AtomicU64,
    /// The last is for what is beyond all bounds.
    waits: [AtomicU64; BOUNDS.len() + 1],
}

impl Counters {
    pub(super) fn acquired(&self, since: Instant) {
        let waited = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < waited);
        add(&self.waits[bucket], 1);
        add(&self.waited_us, waited);
    }

    pub(super) fn opened(&self) {
        add(&self.opened, 1);
    }

    pub(super) fn failed_to_open(&self) {
        add(&self.open_failures, 1);
    }

    pub(super) fn retired(&self) {
        add(&self.retired, 1);
    }

    pub(super) fn aged(&self) {
        add(&self.aged, 1);
    }

    pub(super) fn closed_unclean(&self) {
        add(&self.closed_unclean, 1);
    }

    pub(super) fn timed_out(&self) {
        add(&self.timed_out, 1);
    }

    pub(super) fn refused(&self) {
        add(&self.refused, 1);
    }

    pub(crate) fn recovered(&self) {
        add(&self.recovered, 1);
    }

    pub(crate) fn retried(&self) {
        add(&self.retried, 1);
    }

    pub(super) fn snapshot(&self, count: Count, max_connections: u32) -> PoolMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut acquired = 0;
        let mut waits = Vec::with_capacity(BOUNDS.len());
        for (place, counter) in self.waits.iter().enumerate() {
            acquired += get(counter);
            if let Some(bound) = BOUNDS.get(place) {
                waits.push((Duration::from_micros(*bound), acquired));
            }
        }
        PoolMetrics {
            max_connections,
            idle: count.idle,
            in_use: count.busy,
            opening: count.opening,
            waiting: count.waiting,
            tenants_per_connection: count.tenants,
            opened: get(&self.opened),
            open_failures: get(&self.open_failures),
            retired: get(&self.retired),
            aged: get(&self.aged),
            closed_unclean: get(&self.closed_unclean),
            recovered: get(&self.recovered),
            acquired,
            timed_out: get(&self.timed_out),
            refused: get(&self.refused),
            retried: get(&self.retried),
            waited: Duration::from_micros(get(&self.waited_us)),
            waits,
        }
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}
