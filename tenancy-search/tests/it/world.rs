//! Tenants with rows, messages about their changes, and an index in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tenancy_core::outbox::{Claim, Consumer, Delivery, Feed, Hold, Next};
use tenancy_core::testing::{MemoryFeed, context};
use tenancy_core::{Error, TenantContext, TenantId};
use tenancy_search::{
    Document, EVERYTHING, Engine, Indexer, Kind, MemoryEngine, Query, Search, Source,
};
use uuid::Uuid;

use crate::faults::{Faults, FaultyEngine, FaultyFeed};

pub(crate) const PRODUCTS: Kind = Kind::new("products");

/// Rows and their messages, changed together as a transaction does.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) rows: Rows,
    pub(crate) messages: MemoryFeed,
    pub(crate) memory: MemoryEngine,
    pub(crate) faults: Arc<Faults>,
    pub(crate) search: Search,
    pub(crate) indexer: Indexer,
    pub(crate) acme: TenantContext,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Rows(Arc<Mutex<HashMap<TenantId, BTreeMap<Uuid, String>>>>);

impl World {
    pub(crate) fn new() -> Self {
        Self::with(MemoryEngine::new())
    }

    pub(crate) fn with(memory: MemoryEngine) -> Self {
        #[cfg(sabotage)]
        tenancy_core::testing::sabotage();
        let (rows, messages) = (Rows::default(), MemoryFeed::new());
        let faults = Arc::<Faults>::default();
        let engine = FaultyEngine::new(memory.clone(), &faults);
        let ask = messages.clone();
        let search = Search::new(engine, [PRODUCTS]).on_missing(move |context, kind| {
            ask.append(context.id(), kind.topic(), EVERYTHING);
        });
        let source: Arc<dyn Source> = Arc::new(rows.clone());
        Self {
            rows,
            messages,
            memory,
            faults,
            indexer: Indexer::new(search.clone(), [source]).unwrap(),
            search,
            acme: context("acme"),
        }
    }

    /// The feed, whose calls can fail.
    pub(crate) fn feed(&self) -> FaultyFeed {
        FaultyFeed::new(self.messages.clone(), &self.faults)
    }

    pub(crate) fn put(&self, context: &TenantContext, number: u128, name: &str) {
        let mut rows = self.rows.0.lock().unwrap();
        let own = rows.entry(context.id()).or_default();
        own.insert(id(number), name.to_owned());
        self.tell(context, &id(number).to_string());
    }

    pub(crate) fn delete(&self, context: &TenantContext, number: u128) {
        let mut rows = self.rows.0.lock().unwrap();
        rows.entry(context.id()).or_default().remove(&id(number));
        self.tell(context, &id(number).to_string());
    }

    pub(crate) fn tell(&self, context: &TenantContext, key: &str) {
        self.messages.append(context.id(), PRODUCTS.topic(), key);
    }

    /// Rows that nobody was told of.
    pub(crate) fn fill(&self, context: &TenantContext, numbers: std::ops::Range<u128>, name: &str) {
        let mut rows = self.rows.0.lock().unwrap();
        let own = rows.entry(context.id()).or_default();
        own.extend(numbers.map(|number| (id(number), format!("{name} {number}"))));
    }

    /// One turn of a worker for each tenant that has messages, and whether all went well.
    pub(crate) async fn turn(&self, feed: &dyn Feed) -> Result<(), Error> {
        let topics = self.indexer.topics();
        let claim = Claim {
            consumer: self.indexer.name(),
            topics: &topics,
            span: Duration::from_secs(30),
        };
        let mut outcome = Ok(());
        for lease in feed.claim(&claim, 10).await? {
            // A worker looks the tenant up; here there is one.
            assert_eq!(lease.tenant(), self.acme.id());
            let messages = feed.messages(&lease, &topics, 100).await?;
            let delivery = Delivery::new(&self.acme, &lease, feed, &messages);
            let delivered = self.indexer.deliver(delivery).await;
            let next = match &delivered {
                Ok(()) if feed.done(&lease, &messages).await? == Hold::Held => Next::Now,
                Ok(()) => Next::AfterFailure("lost".to_owned()),
                Err(error) => Next::AfterFailure(error.to_string()),
            };
            feed.release(lease, next).await?;
            outcome = outcome.and(delivered);
        }
        outcome
    }

    /// Turns until nothing is left to tell.
    pub(crate) async fn settle(&self) {
        for _ in 0..100 {
            if self.messages.messages_of(self.acme.id()).is_empty() {
                return;
            }
            self.turn(&self.messages).await.unwrap();
        }
        panic!("{:?}", self.messages.messages_of(self.acme.id()));
    }

    /// The numbers of what is found, in order.
    pub(crate) async fn find(&self, text: &str) -> Vec<u128> {
        let index = self.search.of(&self.acme, PRODUCTS).unwrap();
        let query = Query::new(text).with_limit(100);
        let found = index.find(&query).await.unwrap();
        let mut numbers: Vec<_> = found.hits.iter().map(|hit| hit.id.as_u128()).collect();
        numbers.sort_unstable();
        numbers
    }

    pub(crate) async fn assert_equal(&self, why: &str) {
        let compared = self.indexer.compare(&self.acme, PRODUCTS).await.unwrap();
        assert!(compared.is_equal(), "{why}: {compared:?}");
        let index = self.search.of(&self.acme, PRODUCTS).unwrap();
        let index = index.index();
        let residue = self
            .memory
            .residue(index.prefix(), index.tenant(), &[PRODUCTS]);
        let residue = residue.await.unwrap();
        assert_eq!(residue.len(), 1, "{why}: {residue:?}");
    }
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[async_trait]
impl Source for Rows {
    fn kind(&self) -> Kind {
        PRODUCTS
    }

    async fn load(&self, context: &TenantContext, ids: &[Uuid]) -> Result<Vec<Document>, Error> {
        let rows = self.0.lock().unwrap();
        let Some(own) = rows.get(&context.id()) else {
            return Ok(Vec::new());
        };
        let found = ids.iter().filter_map(|id| own.get_key_value(id));
        Ok(found.map(document).collect())
    }

    async fn scan(
        &self,
        context: &TenantContext,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Document>, Error> {
        let rows = self.0.lock().unwrap();
        let Some(own) = rows.get(&context.id()) else {
            return Ok(Vec::new());
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = own.range((from, Bound::Unbounded)).take(most);
        Ok(behind.map(document).collect())
    }
}

fn document((id, name): (&Uuid, &String)) -> Document {
    Document {
        id: *id,
        name: name.clone(),
        text: String::new(),
    }
}
