//! An engine and a feed that fail when they are told to.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tenancy_core::outbox::{Backlog, Claim, Feed, Fence, Hold, Lease, Message, Next};
use tenancy_core::testing::MemoryFeed;
use tenancy_core::{Error, ErrorKind, Prefix, TenantId};
use tenancy_search::{
    Draft, Engine, Hit, Hits, Index, Kind, MemoryEngine, Operation, Placement, Query, Written,
};
use uuid::Uuid;

/// Which call fails, of all calls of the engine and the feed together.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Plan>);

#[derive(Debug, Default)]
struct Plan {
    calls: usize,
    at: Option<(usize, Fault)>,
    foreign: Option<Hit>,
    hangs: bool,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done.
    Before,
    /// It is done, and nobody hears of it.
    After,
    /// It is not done, and neither is any that follows: the program was killed.
    KilledBefore,
    /// It is done, and none that follows.
    KilledAfter,
}

impl Faults {
    pub(crate) fn set(&self, at: usize, fault: Fault) {
        let mut plan = self.0.lock().unwrap();
        plan.calls = 0;
        plan.at = Some((at, fault));
    }

    /// Ends all faults; whether one came to pass.
    pub(crate) fn clear(&self) -> bool {
        let mut plan = self.0.lock().unwrap();
        let at = plan.at.take();
        at.is_some_and(|(at, _)| plan.calls > at)
    }

    /// Adds a hit of another tenant to what is found.
    pub(crate) fn find(&self, foreign: Hit) {
        self.0.lock().unwrap().foreign = Some(foreign);
    }

    /// Lets searches wait for ever, or not any more.
    pub(crate) fn hang(&self, hangs: bool) {
        self.0.lock().unwrap().hangs = hangs;
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let fault = {
            let mut plan = self.0.lock().unwrap();
            let number = plan.calls;
            plan.calls += 1;
            match plan.at {
                Some((at, fault)) if number == at => Some(fault),
                Some((at, Fault::KilledBefore | Fault::KilledAfter)) if number > at => {
                    Some(Fault::Before)
                }
                _ => None,
            }
        };
        let failed = || Err(Error::new(ErrorKind::Unavailable, "it was told to fail"));
        match fault {
            None => call.await,
            Some(Fault::Before | Fault::KilledBefore) => failed(),
            Some(Fault::After | Fault::KilledAfter) => {
                call.await?;
                failed()
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct FaultyEngine(MemoryEngine, Arc<Faults>);

impl FaultyEngine {
    pub(crate) fn new(memory: MemoryEngine, faults: &Arc<Faults>) -> Self {
        Self(memory, Arc::clone(faults))
    }
}

#[async_trait]
impl Engine for FaultyEngine {
    fn name(&self) -> &'static str {
        "faulty"
    }

    async fn ping(&self) -> Result<(), Error> {
        self.1.call(self.0.ping()).await
    }

    async fn provision(&self, index: &Index, placement: Placement) -> Result<(), Error> {
        self.1.call(self.0.provision(index, placement)).await
    }

    async fn write(&self, index: &Index, operations: &[Operation]) -> Result<Vec<Written>, Error> {
        self.1.call(self.0.write(index, operations)).await
    }

    async fn search(&self, index: &Index, query: &Query) -> Result<Hits, Error> {
        let (foreign, hangs) = {
            let plan = self.1.0.lock().unwrap();
            (plan.foreign, plan.hangs)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut hits = self.0.search(index, query).await?;
        hits.hits.extend(foreign);
        hits.total += foreign.iter().len() as u64;
        Ok(hits)
    }

    async fn refresh(&self, index: &Index) -> Result<(), Error> {
        self.1.call(self.0.refresh(index)).await
    }

    async fn count(&self, index: &Index) -> Result<u64, Error> {
        self.1.call(self.0.count(index)).await
    }

    async fn ids(
        &self,
        index: &Index,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, Error> {
        self.1.call(self.0.ids(index, after, most)).await
    }

    async fn fingerprints(
        &self,
        index: &Index,
        ids: &[Uuid],
    ) -> Result<Option<Vec<(Uuid, u64)>>, Error> {
        self.1.call(self.0.fingerprints(index, ids)).await
    }

    async fn draft(
        &self,
        index: &Index,
        placement: Placement,
        fence: Fence,
    ) -> Result<Draft, Error> {
        self.1.call(self.0.draft(index, placement, fence)).await
    }

    async fn write_draft(
        &self,
        draft: &Draft,
        operations: &[Operation],
    ) -> Result<Vec<Written>, Error> {
        self.1.call(self.0.write_draft(draft, operations)).await
    }

    async fn publish(&self, draft: Draft) -> Result<(), Error> {
        self.1.call(self.0.publish(draft)).await
    }

    async fn discard(&self, draft: Draft) -> Result<(), Error> {
        self.1.call(self.0.discard(draft)).await
    }

    async fn purge(&self, prefix: &Prefix, tenant: TenantId, kinds: &[Kind]) -> Result<(), Error> {
        self.1.call(self.0.purge(prefix, tenant, kinds)).await
    }

    async fn residue(
        &self,
        prefix: &Prefix,
        tenant: TenantId,
        kinds: &[Kind],
    ) -> Result<Vec<String>, Error> {
        self.1.call(self.0.residue(prefix, tenant, kinds)).await
    }
}

#[derive(Debug)]
pub(crate) struct FaultyFeed(MemoryFeed, Arc<Faults>);

impl FaultyFeed {
    pub(crate) fn new(memory: MemoryFeed, faults: &Arc<Faults>) -> Self {
        Self(memory, Arc::clone(faults))
    }
}

#[async_trait]
impl Feed for FaultyFeed {
    async fn claim(&self, claim: &Claim<'_>, most: usize) -> Result<Vec<Lease>, Error> {
        self.1.call(self.0.claim(claim, most)).await
    }

    async fn claim_tenant(
        &self,
        claim: &Claim<'_>,
        tenant: TenantId,
    ) -> Result<Option<Lease>, Error> {
        self.1.call(self.0.claim_tenant(claim, tenant)).await
    }

    async fn messages(
        &self,
        lease: &Lease,
        topics: &[&str],
        most: usize,
    ) -> Result<Vec<Message>, Error> {
        self.1.call(self.0.messages(lease, topics, most)).await
    }

    async fn done(&self, lease: &Lease, messages: &[Message]) -> Result<Hold, Error> {
        self.1.call(self.0.done(lease, messages)).await
    }

    async fn renew(&self, lease: &Lease, span: Duration) -> Result<Hold, Error> {
        self.1.call(self.0.renew(lease, span)).await
    }

    async fn release(&self, lease: Lease, next: Next) -> Result<(), Error> {
        self.1.call(self.0.release(lease, next)).await
    }

    async fn backlog(&self, topics: &[&str]) -> Result<Backlog, Error> {
        self.1.call(self.0.backlog(topics)).await
    }
}
