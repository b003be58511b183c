//! What happened to messages, and how many are left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenancy_core::Exposition;
use tenancy_core::outbox::Backlog;
use time::OffsetDateTime;

/// What a worker counts of its consumers; clones are handles to the same counters.
#[derive(Debug, Clone)]
pub struct OutboxFigures(Arc<[Arc<Counters>]>);

/// What happened to one consumer's messages since the worker was made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConsumerFigures {
    /// Its name.
    pub consumer: &'static str,
    /// Messages that were told and removed.
    pub delivered: u64,
    /// Turns that ended in a pause.
    pub failed: u64,
    /// Leases that ended before their turn did.
    pub lost: u64,
    /// Questions that the feed did not answer.
    pub errors: u64,
    /// What was left when it was counted last, whoever is to tell it; `None` before that.
    pub backlog: Option<Backlog>,
}

impl OutboxFigures {
    pub(super) fn new(counters: Vec<Arc<Counters>>) -> Self {
        Self(counters.into())
    }

    /// The figures of now, in the order in which the consumers were added.
    pub fn consumers(&self) -> Vec<ConsumerFigures> {
        self.0.iter().map(|counters| counters.snapshot()).collect()
    }

    /// Tells them as `tenancy_outbox_…`.
    pub fn expose(&self, out: &mut Exposition) {
        let consumers = self.consumers();
        let mut family = out.counter(
            "tenancy_outbox_delivered_total",
            "Messages that were told and removed.",
        );
        for figures in &consumers {
            family.sample(&[("consumer", figures.consumer)], figures.delivered);
        }
        let mut family = out.counter(
            "tenancy_outbox_failures_total",
            "Turns of a tenant that ended in a pause.",
        );
        for figures in &consumers {
            family.sample(&[("consumer", figures.consumer)], figures.failed);
        }
        let mut family = out.counter(
            "tenancy_outbox_lost_leases_total",
            "Leases that ended before their turn did.",
        );
        for figures in &consumers {
            family.sample(&[("consumer", figures.consumer)], figures.lost);
        }
        let mut family = out.counter(
            "tenancy_outbox_errors_total",
            "Questions that the outbox did not answer.",
        );
        for figures in &consumers {
            family.sample(&[("consumer", figures.consumer)], figures.errors);
        }
        let counted: Vec<_> = consumers
            .iter()
            .filter_map(|figures| Some((figures.consumer, figures.backlog?)))
            .collect();
        let mut family = out.gauge(
            "tenancy_outbox_backlog_messages",
            "Messages that are left to tell, of tenants in any status; a large number is cut.",
        );
        for (consumer, backlog) in &counted {
            family.sample(&[("consumer", consumer)], backlog.messages);
        }
        let mut family = out.gauge(
            "tenancy_outbox_backlog_tenants",
            "Tenants with messages that are left to tell; a large number is cut.",
        );
        for (consumer, backlog) in &counted {
            family.sample(&[("consumer", consumer)], backlog.tenants);
        }
        let mut family = out.gauge(
            "tenancy_outbox_oldest_seconds",
            "Age of the oldest message that is left to tell; zero when there is none.",
        );
        for (consumer, backlog) in &counted {
            family.sample(&[("consumer", consumer)], age(backlog).as_secs_f64());
        }
    }
}

impl ConsumerFigures {
    /// How long the oldest message has waited; zero when none was left.
    pub fn oldest_age(&self) -> Duration {
        self.backlog.as_ref().map(age).unwrap_or_default()
    }
}

fn age(backlog: &Backlog) -> Duration {
    let since = |oldest| OffsetDateTime::now_utc() - oldest;
    // A message of a server whose clock is ahead has not waited.
    let age = backlog
        .oldest
        .map(since)
        .and_then(|age| age.try_into().ok());
    age.unwrap_or_default()
}

/// The counters behind [`ConsumerFigures`].
#[derive(Debug)]
pub(super) struct Counters {
    consumer: &'static str,
    delivered: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
    errors: AtomicU64,
    backlog: Mutex<Option<Backlog>>,
}

impl Counters {
    pub(super) fn new(consumer: &'static str) -> Self {
        Self {
            consumer,
            delivered: AtomicU64::default(),
            failed: AtomicU64::default(),
            lost: AtomicU64::default(),
            errors: AtomicU64::default(),
            backlog: Mutex::default(),
        }
    }

    pub(super) fn delivered(&self, messages: usize) {
        self.delivered.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unanswered(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counted(&self, backlog: Backlog) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some(backlog);
    }

    fn snapshot(&self) -> ConsumerFigures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ConsumerFigures {
            consumer: self.consumer,
            delivered: get(&self.delivered),
            failed: get(&self.failed),
            lost: get(&self.lost),
            errors: get(&self.errors),
            backlog: *self.backlog.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
