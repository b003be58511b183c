//! Tells messages to consumers, for as long as the program runs.

mod figures;
mod settings;

mod telling;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tenancy_core::TenantStore;
use tenancy_core::outbox::{Consumer, Feed};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::figures::Counters;
use self::telling::Telling;

pub use self::figures::{ConsumerFigures, OutboxFigures};
pub use self::settings::OutboxSettings;

/// Tells every message of a feed to the consumer that wants it, at least once.
///
/// Every program may run one: a tenant's messages are told by one of them at a time, and when one
/// dies the others go on with its tenants once its leases have ended. No tenant holds up another:
/// each turn tells a limited number of messages and those who waited longest come first. What a
/// consumer could not be told stays and comes again after a pause, which grows with each failure
/// in a row; that tenant alone waits. The tenant is looked up for every delivery, and one that does
/// not serve keeps its messages until it does.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tenancy_core::testing::{MemoryFeed, context};
/// use tenancy_core::{Identifier, MemoryStore};
/// use tenancy_sqlx::{OutboxSettings, OutboxWorker};
/// # use tenancy_core::outbox::{Consumer, Delivery};
/// # #[derive(Debug)]
/// # struct Search(tokio::sync::mpsc::UnboundedSender<String>);
/// # #[async_trait::async_trait]
/// # impl Consumer for Search {
/// #     fn name(&self) -> &'static str { "search" }
/// #     fn topics(&self) -> Vec<&str> { vec!["search.products"] }
/// #     async fn deliver(&self, delivery: Delivery<'_>) -> Result<(), tenancy_core::Error> {
/// #         for message in delivery.messages() {
/// #             self.0.send(message.key.clone()).unwrap();
/// #         }
/// #         Ok(())
/// #     }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # let (told, mut telling) = tokio::sync::mpsc::unbounded_channel();
/// let (feed, acme) = (MemoryFeed::new(), context("acme"));
/// let tenants = MemoryStore::new();
/// tenants.insert(acme.tenant().clone()).unwrap();
/// feed.append(acme.id(), "search.products", "42");
///
/// let worker = OutboxWorker::new(Arc::new(feed), tenants)
///     .settings(OutboxSettings::default().messages(100))
///     .consumer(Arc::new(Search(told)));
/// let figures = worker.figures();
/// worker.run(async { assert_eq!(telling.recv().await.unwrap(), "42") }).await;
/// assert_eq!(figures.consumers()[0].delivered, 1);
/// # }
/// ```
#[must_use = "nothing is told before `run`"]
pub struct OutboxWorker {
    feed: Arc<dyn Feed>,
    tenants: Arc<dyn TenantStore>,
    consumers: Vec<Told>,
    settings: OutboxSettings,
}

/// A consumer, and what is counted of it.
struct Told {
    consumer: Arc<dyn Consumer>,
    topics: Vec<String>,
    counters: Arc<Counters>,
}

/// How far a worker has come with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is not to stop.
    Telling,
    /// What is under way may end.
    Finishing,
    /// What is under way is dropped.
    Dropping,
}

/// How long leases may take to be given back at the end.
const GIVING_BACK: Duration = Duration::from_secs(5);

impl OutboxWorker {
    /// Takes a feed, and the store in which the tenant of each delivery is looked up. A store that
    /// remembers, such as [`CachedStore`](tenancy_core::CachedStore), must be told of changes.
    pub fn new(feed: Arc<dyn Feed>, tenants: impl TenantStore) -> Self {
        Self {
            feed,
            tenants: Arc::new(tenants),
            consumers: Vec::new(),
            settings: OutboxSettings::default(),
        }
    }

    /// Adds a consumer.
    ///
    /// # Panics
    ///
    /// When another one has its name, or wants to be told one of its topics: a message that is told
    /// to one is removed, so the other would never see it.
    pub fn consumer(mut self, consumer: Arc<dyn Consumer>) -> Self {
        let (name, topics) = (consumer.name(), consumer.topics());
        for told in &self.consumers {
            let other = told.consumer.name();
            assert_ne!(other, name, "two consumers are called {name}");
            let twice = topics
                .iter()
                .find(|topic| told.topics.iter().any(|own| own == *topic));
            assert_eq!(
                twice, None,
                "consumers {other} and {name} want the same topic"
            );
        }
        let topics = topics.into_iter().map(str::to_owned).collect();
        self.consumers.push(Told {
            counters: Arc::new(Counters::new(name)),
            consumer,
            topics,
        });
        self
    }

    /// Sets how much is told at a time, and how often it is looked for.
    pub fn settings(mut self, settings: OutboxSettings) -> Self {
        self.settings = settings;
        self
    }

    /// What is counted of the consumers that were added so far.
    pub fn figures(&self) -> OutboxFigures {
        let counters = self.consumers.iter().map(|told| Arc::clone(&told.counters));
        OutboxFigures::new(counters.collect())
    }

    /// Tells messages until `stop` is there; then lets the deliveries under way end within
    /// [their grace](OutboxSettings::grace), drops those that do not, and gives the leases back.
    ///
    /// A database that does not answer is tried again and again. Dropping this future drops the
    /// deliveries, and the leases end by themselves.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (phase, phases) = watch::channel(Phase::Telling);
        let mut tasks = JoinSet::new();
        for told in self.consumers {
            let telling = Telling {
                feed: Arc::clone(&self.feed),
                tenants: Arc::clone(&self.tenants),
                told,
                settings: self.settings.clone(),
                phase: phases.clone(),
            };
            tasks.spawn(Arc::new(telling).run());
        }
        stop.await;
        phase.send_replace(Phase::Finishing);
        let ended = tokio::time::timeout(self.settings.grace, all(&mut tasks)).await;
        if ended.is_err() {
            phase.send_replace(Phase::Dropping);
            // Without an answer leases end by themselves, as those of a program that died do.
            let _ = tokio::time::timeout(GIVING_BACK, all(&mut tasks)).await;
        }
    }
}

/// Waits for the end of all.
async fn all(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

impl fmt::Debug for OutboxWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consumers: Vec<_> = self.consumers.iter().map(|told| &told.consumer).collect();
        f.debug_struct("OutboxWorker")
            .field("feed", &self.feed)
            .field("consumers", &consumers)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
