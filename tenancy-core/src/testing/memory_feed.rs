//! A feed without a database.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::feed::FeedFixture;
use crate::error::Error;
use crate::outbox::{Backlog, Claim, Feed, Fence, Hold, Lease, Message, Next};
use crate::tenant::{Status, TenantId};

/// A [`Feed`] in memory, for tests of consumers; clones are handles to the same messages.
///
/// A tenant is active unless [`MemoryFeed::set_status`] says otherwise, and time passes as the
/// clock does and by [`MemoryFeed::pass`].
///
/// ```
/// use std::time::Duration;
/// use tenancy_core::outbox::{Claim, Feed, Hold, Next};
/// use tenancy_core::testing::{MemoryFeed, context};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tenancy_core::Error> {
/// let (feed, acme) = (MemoryFeed::new(), context("acme"));
/// feed.append(acme.id(), "search.products", "42");
///
/// let topics = ["search.products"];
/// let claim = Claim { consumer: "search", topics: &topics, span: Duration::from_secs(30) };
/// let lease = feed.claim(&claim, 10).await?.remove(0);
/// let messages = feed.messages(&lease, &topics, 100).await?;
/// assert_eq!(messages[0].key, "42");
///
/// assert_eq!(feed.done(&lease, &messages).await?, Hold::Held);
/// feed.release(lease, Next::Now).await?;
/// assert!(feed.messages_of(acme.id()).is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryFeed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// How far time was moved by hand.
    passed: Duration,
    seq: i64,
    fence: u64,
    statuses: HashMap<TenantId, Status>,
    messages: BTreeMap<i64, (TenantId, Message)>,
    leases: HashMap<(String, TenantId), Held>,
}

#[derive(Debug, Default)]
struct Held {
    fence: u64,
    until: Option<Instant>,
    not_before: Option<Instant>,
    attempts: u32,
}

impl MemoryFeed {
    /// A feed without messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message of `tenant` as a committed transaction does, and gives its id.
    pub fn append(
        &self,
        tenant: TenantId,
        topic: impl Into<String>,
        key: impl Into<String>,
    ) -> Uuid {
        self.append_with(tenant, topic, key, Value::Object(serde_json::Map::new()))
    }

    /// Adds a message that says something else, too.
    pub fn append_with(
        &self,
        tenant: TenantId,
        topic: impl Into<String>,
        key: impl Into<String>,
        payload: Value,
    ) -> Uuid {
        let mut state = self.state();
        state.seq += 1;
        let (seq, id) = (state.seq, Uuid::now_v7());
        let message = Message::new(seq, id, topic, key)
            .payload(payload)
            .created_at(OffsetDateTime::now_utc());
        state.messages.insert(seq, (tenant, message));
        id
    }

    /// Puts `tenant` into `status`; a purged one loses its messages and its leases.
    pub fn set_status(&self, tenant: TenantId, status: Status) {
        let mut state = self.state();
        state.statuses.insert(tenant, status);
        if status == Status::Purged {
            state.messages.retain(|_, (of, _)| *of != tenant);
            state.leases.retain(|(_, of), _| *of != tenant);
        }
    }

    /// Lets `span` pass for leases and pauses.
    pub fn pass(&self, span: Duration) {
        self.state().passed += span;
    }

    /// What is left to tell of `tenant`, in the order in which it was written.
    pub fn messages_of(&self, tenant: TenantId) -> Vec<Message> {
        let state = self.state();
        let own = state.messages.values().filter(|(of, _)| *of == tenant);
        own.map(|(_, message)| message.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when its guard goes, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now(&self) -> Instant {
        Instant::now() + self.passed
    }

    fn is_active(&self, tenant: TenantId) -> bool {
        let status = self.statuses.get(&tenant);
        status.is_none_or(|status| *status == Status::Active)
    }

    fn about<'a>(&'a self, topics: &'a [&str]) -> impl Iterator<Item = &'a (TenantId, Message)> {
        let wanted = |message: &Message| topics.contains(&message.topic.as_str());
        self.messages
            .values()
            .filter(move |(_, message)| wanted(message))
    }

    fn held(&mut self, lease: &Lease) -> Option<&mut Held> {
        let now = self.now();
        let name = (lease.consumer().to_owned(), lease.tenant());
        let held = self.leases.get_mut(&name)?;
        let holds = held.fence == lease.fence().get() && held.until.is_some_and(|end| end > now);
        holds.then_some(held)
    }

    fn give(&mut self, claim: &Claim<'_>, tenant: TenantId) -> Lease {
        self.fence += 1;
        let (fence, until) = (self.fence, self.now() + claim.span);
        let name = (claim.consumer.to_owned(), tenant);
        let held = self.leases.entry(name).or_default();
        held.fence = fence;
        held.until = Some(until);
        Lease::new(claim.consumer, tenant, Fence::new(fence))
    }
}

#[async_trait]
impl Feed for MemoryFeed {
    async fn claim(&self, claim: &Claim<'_>, most: usize) -> Result<Vec<Lease>, Error> {
        let mut state = self.state();
        let now = state.now();
        let mut due = BTreeMap::new();
        for (tenant, _) in state.about(claim.topics) {
            let held = state.leases.get(&(claim.consumer.to_owned(), *tenant));
            let is_due = held.is_none_or(|held| {
                held.until.is_none_or(|until| until <= now)
                    && held.not_before.is_none_or(|pause| pause <= now)
            });
            if is_due && state.is_active(*tenant) {
                // The last fence says when its last turn was.
                due.insert((held.map(|held| held.fence), *tenant), *tenant);
            }
        }
        let next = due.into_values().take(most).collect::<Vec<_>>();
        Ok(next
            .into_iter()
            .map(|tenant| state.give(claim, tenant))
            .collect())
    }

    async fn claim_tenant(
        &self,
        claim: &Claim<'_>,
        tenant: TenantId,
    ) -> Result<Option<Lease>, Error> {
        let mut state = self.state();
        let now = state.now();
        let held = state.leases.get(&(claim.consumer.to_owned(), tenant));
        let is_free = held
            .and_then(|held| held.until)
            .is_none_or(|until| until <= now);
        let may = is_free && state.is_active(tenant);
        Ok(may.then(|| state.give(claim, tenant)))
    }

    async fn messages(
        &self,
        lease: &Lease,
        topics: &[&str],
        most: usize,
    ) -> Result<Vec<Message>, Error> {
        let state = self.state();
        let own = state.about(topics).filter(|(of, _)| *of == lease.tenant());
        Ok(own.take(most).map(|(_, message)| message.clone()).collect())
    }

    async fn done(&self, lease: &Lease, messages: &[Message]) -> Result<Hold, Error> {
        let mut state = self.state();
        if state.held(lease).is_none() {
            return Ok(Hold::Lost);
        }
        for message in messages {
            if state
                .messages
                .get(&message.seq)
                .is_some_and(|(of, _)| *of == lease.tenant())
            {
                state.messages.remove(&message.seq);
            }
        }
        Ok(Hold::Held)
    }

    async fn renew(&self, lease: &Lease, span: Duration) -> Result<Hold, Error> {
        let mut state = self.state();
        let until = state.now() + span;
        if !state.is_active(lease.tenant()) {
            return Ok(Hold::Lost);
        }
        let Some(held) = state.held(lease) else {
            return Ok(Hold::Lost);
        };
        held.until = Some(until);
        Ok(Hold::Held)
    }

    async fn release(&self, lease: Lease, next: Next) -> Result<(), Error> {
        let mut state = self.state();
        let now = state.now();
        let name = (lease.consumer().to_owned(), lease.tenant());
        let Some(held) = state.leases.get_mut(&name) else {
            return Ok(());
        };
        if held.fence != lease.fence().get() {
            return Ok(());
        }
        held.until = None;
        match next {
            Next::Now => (held.attempts, held.not_before) = (0, None),
            Next::AfterFailure(_) => {
                let pause = Duration::from_secs(1 << held.attempts.min(8));
                held.attempts += 1;
                held.not_before = Some(now + pause);
            }
        }
        Ok(())
    }

    async fn backlog(&self, topics: &[&str]) -> Result<Backlog, Error> {
        let state = self.state();
        let mut backlog = Backlog::default();
        let mut tenants: Vec<_> = state.about(topics).map(|(tenant, _)| *tenant).collect();
        backlog.messages = tenants.len() as u64;
        tenants.sort_unstable();
        tenants.dedup();
        backlog.tenants = tenants.len() as u64;
        backlog.oldest = state
            .about(topics)
            .map(|(_, message)| message.created_at)
            .min();
        Ok(backlog)
    }
}

#[async_trait]
impl FeedFixture for MemoryFeed {
    fn feed(&self) -> Arc<dyn Feed> {
        Arc::new(self.clone())
    }

    async fn add_tenant(&self) -> TenantId {
        TenantId::generate()
    }

    async fn set_status(&self, tenant: TenantId, status: Status) {
        Self::set_status(self, tenant, status);
    }

    async fn append(&self, tenant: TenantId, topic: &str, key: &str) -> Uuid {
        Self::append(self, tenant, topic, key)
    }

    async fn pass(&self, span: Duration) {
        Self::pass(self, span);
    }
}
