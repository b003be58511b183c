//! The worker that tells the outbox.

#[path = "outbox_worker/killed.rs"]
mod killed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use tenancy_core::outbox::{Consumer, Delivery, Feed, Fence};
use tenancy_core::testing::{MemoryFeed, context};
use tenancy_core::{Error, ErrorKind, Exposition, MemoryStore, Status, TenantId};
use tenancy_sqlx::{OutboxSettings, OutboxWorker, PgOutbox, PgTenantStore};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::outbox::{TOPICS, World, append, claim, connect, eventually};

/// A delivery, as its consumer saw it.
#[derive(Debug, Clone)]
struct Seen {
    tenant: TenantId,
    fence: Fence,
    keys: Vec<String>,
}

/// Writes down what it is told, and does to some what the test wants.
#[derive(Debug, Clone, Default)]
struct Scribe {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// What it does before it answers.
    acts: Arc<Mutex<BTreeMap<TenantId, Act>>>,
}

#[derive(Debug, Clone)]
enum Act {
    Fail,
    Panic,
    /// Waits for a permit, and says when it is dropped.
    Wait(Arc<Semaphore>, Arc<Notify>),
}

impl Scribe {
    fn act(&self, tenant: TenantId, act: Act) {
        self.acts.lock().unwrap().insert(tenant, act);
    }

    fn behave(&self) {
        self.acts.lock().unwrap().clear();
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn of(&self, tenant: TenantId) -> Vec<Seen> {
        let seen = self.seen();
        seen.into_iter()
            .filter(|seen| seen.tenant == tenant)
            .collect()
    }

    fn keys(&self, tenant: TenantId) -> BTreeSet<String> {
        self.of(tenant)
            .into_iter()
            .flat_map(|seen| seen.keys)
            .collect()
    }
}

struct Tells(Arc<Notify>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl Consumer for Scribe {
    fn name(&self) -> &'static str {
        "search"
    }

    fn topics(&self) -> Vec<&str> {
        TOPICS.to_vec()
    }

    async fn deliver(&self, delivery: Delivery<'_>) -> Result<(), Error> {
        let tenant = delivery.context().id();
        let keys = delivery
            .messages()
            .iter()
            .map(|message| message.key.clone());
        self.seen.lock().unwrap().push(Seen {
            tenant,
            fence: delivery.fence(),
            keys: keys.collect(),
        });
        let act = self.acts.lock().unwrap().get(&tenant).cloned();
        match act {
            None => Ok(()),
            Some(Act::Fail) => Err(Error::new(ErrorKind::Unavailable, "the engine is away")),
            Some(Act::Panic) => panic!("the consumer is broken"),
            Some(Act::Wait(permits, dropped)) => {
                let _tells = Tells(dropped);
                permits.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }
}

/// Bounds that leave nothing to chance: what is not found at once is found within a moment.
fn settings() -> OutboxSettings {
    let moment = Duration::from_millis(20);
    OutboxSettings::default().poll(moment, moment).count(moment)
}

fn worker(world: &World, scribe: &Scribe, settings: OutboxSettings) -> OutboxWorker {
    let tenants = PgTenantStore::new(&world.database);
    OutboxWorker::new(Arc::new(world.feed()), tenants)
        .settings(settings)
        .consumer(Arc::new(scribe.clone()))
}

/// A worker that runs until it is told to stop.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(worker: OutboxWorker) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(worker.run(async {
            let _ = stopped.await;
        }));
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

async fn told(world: &World) {
    left(world, 0).await;
}

/// Waits until so many messages are left; one is removed after it was seen.
async fn left(world: &World, messages: i64) {
    eventually("the end of the others", async || {
        (world.count("tenancy.outbox").await == messages).then_some(())
    })
    .await;
}

const HELD: &str = "tenancy.outbox_leases WHERE held_until IS NOT NULL";

#[tokio::test]
async fn what_is_committed_is_told_at_once_and_no_lease_is_left() {
    let world = World::new().await;
    let (scribe, acme) = (Scribe::default(), world.tenant().await);
    // Nothing is looked for within the life of this test.
    let settings = settings().poll(Duration::from_hours(1), Duration::from_hours(1));
    let worker = worker(&world, &scribe, settings);
    let figures = worker.figures();
    let running = Running::start(worker);
    for key in 0..5 {
        world.append(&acme, [key]).await;
        eventually("the telling", async || {
            scribe
                .keys(acme.id())
                .contains(&key.to_string())
                .then_some(())
        })
        .await;
    }
    told(&world).await;
    running.stop().await;
    assert_eq!(world.count(HELD).await, 0);
    let figures = figures.consumers().remove(0);
    assert_eq!((figures.delivered, figures.failed, figures.lost), (5, 0, 0));
}

#[tokio::test]
async fn a_tenant_with_many_messages_does_not_hold_up_another() {
    let world = World::new().await;
    let (large, small) = (world.tenant().await, world.tenant().await);
    world.append(&large, 0..10_000).await;
    world.append(&small, 0..10).await;
    let scribe = Scribe::default();
    // One tenant at a time, so that the order is that of the turns.
    let running = Running::start(worker(&world, &scribe, settings().tenants(1)));
    told(&world).await;
    running.stop().await;
    let turns = scribe.seen();
    let first = turns.iter().position(|seen| seen.tenant == small.id());
    assert!(first.unwrap() < 2, "it has the first or the second turn");
    assert_eq!(scribe.keys(small.id()).len(), 10);
    assert_eq!(scribe.keys(large.id()).len(), 10_000);
    assert!(turns.iter().all(|seen| seen.keys.len() <= 500));
}

#[tokio::test]
async fn a_consumer_that_fails_or_panics_for_a_tenant_holds_up_nobody_else() {
    let world = World::new().await;
    let tenants = world.tenants(4).await;
    let scribe = Scribe::default();
    scribe.act(tenants[0].id(), Act::Fail);
    scribe.act(tenants[1].id(), Act::Panic);
    let worker = worker(&world, &scribe, settings().tenants(1));
    let figures = worker.figures();
    let running = Running::start(worker);
    for (round, told) in [(0, 1), (1, 2), (2, 3)] {
        for tenant in &tenants {
            world.append(tenant, [round]).await;
        }
        eventually("the telling of the others", async || {
            let rest = tenants[2..].iter();
            let all = rest.map(|tenant| scribe.keys(tenant.id()).len());
            (all.min() == Some(told)).then_some(())
        })
        .await;
    }
    eventually("both failures", async || {
        (figures.consumers()[0].failed >= 2).then_some(())
    })
    .await;
    let reasons = "tenancy.outbox_leases WHERE attempts > 0 AND not_before IS NOT NULL
         AND (last_error = 'the engine is away'
             OR last_error = 'the consumer panicked: the consumer is broken')";
    assert_eq!(world.count(reasons).await, 2);
    left(&world, 6).await;

    scribe.behave();
    world
        .run("UPDATE tenancy.outbox_leases SET not_before = now()")
        .await;
    told(&world).await;
    running.stop().await;
    for tenant in &tenants[..2] {
        let fences: Vec<_> = scribe
            .of(tenant.id())
            .iter()
            .map(|seen| seen.fence)
            .collect();
        assert!(
            fences.is_sorted_by(|a, b| a < b),
            "each turn has a higher one: {fences:?}"
        );
    }
}

#[tokio::test]
async fn a_tenant_that_does_not_serve_keeps_its_messages_until_it_does() {
    let world = World::new().await;
    let (scribe, acme, other) = (
        Scribe::default(),
        world.tenant().await,
        world.tenant().await,
    );
    world.append(&acme, [1]).await;
    world.status(acme.id(), Status::Suspended).await;
    let running = Running::start(worker(&world, &scribe, settings()));
    world.append(&other, [1]).await;
    eventually("the other's", async || {
        (!scribe.of(other.id()).is_empty()).then_some(())
    })
    .await;
    left(&world, 1).await;
    assert!(scribe.of(acme.id()).is_empty());
    world.status(acme.id(), Status::Active).await;
    told(&world).await;
    running.stop().await;
    assert_eq!(scribe.of(acme.id()).len(), 1);
}

#[tokio::test]
async fn the_tenant_of_a_delivery_is_looked_up_for_it() {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
    let (feed, acme, other) = (MemoryFeed::new(), context("acme"), context("other"));
    let store = MemoryStore::new();
    // The feed gives a lease of it all the same, as it may just before a suspension.
    store
        .insert(acme.tenant().clone().with_status(Status::Suspended))
        .unwrap();
    store.insert(other.tenant().clone()).unwrap();
    let scribe = Scribe::default();
    let tenants = Arc::new(store);
    let worker = OutboxWorker::new(Arc::new(feed.clone()), Arc::clone(&tenants))
        .settings(settings())
        .consumer(Arc::new(scribe.clone()));
    let figures = worker.figures();
    feed.append(acme.id(), TOPICS[0], "1");
    feed.append(other.id(), TOPICS[0], "1");
    let running = Running::start(worker);
    eventually("both turns", async || {
        let figures = figures.consumers().remove(0);
        (figures.failed + figures.delivered >= 2).then_some(())
    })
    .await;
    assert!(scribe.of(acme.id()).is_empty(), "it is suspended");
    assert_eq!(feed.messages_of(acme.id()).len(), 1);
    tenants.replace(acme.tenant().clone()).unwrap();
    feed.pass(Duration::from_hours(1));
    eventually("its telling", async || {
        feed.messages_of(acme.id()).is_empty().then_some(())
    })
    .await;
    running.stop().await;
    assert_eq!(scribe.of(acme.id()).len(), 1);
}

#[tokio::test]
async fn a_lease_is_kept_for_as_long_as_a_delivery_takes() {
    let world = World::new().await;
    let (scribe, acme) = (Scribe::default(), world.tenant().await);
    let permits = Arc::new(Semaphore::new(0));
    scribe.act(acme.id(), Act::Wait(Arc::clone(&permits), Arc::default()));
    world.append(&acme, [1]).await;
    let worker = worker(&world, &scribe, settings().lease(Duration::from_secs(3)));
    let figures = worker.figures();
    let running = Running::start(worker);
    let until = async || {
        let until = "SELECT coalesce(extract(epoch FROM held_until)::float8, 0)
             FROM tenancy.outbox_leases";
        let mut superuser = world.test.superuser().await;
        let until = sqlx::query_scalar::<_, f64>(until)
            .fetch_optional(&mut superuser)
            .await;
        until.unwrap().filter(|until| *until > 0.0)
    };
    let first = eventually("the lease", until).await;
    eventually("its renewal, beyond its first end", async || {
        until().await.filter(|now| *now > first + 3.0)
    })
    .await;
    permits.add_permits(1);
    told(&world).await;
    running.stop().await;
    let figures = figures.consumers().remove(0);
    assert_eq!(
        (scribe.seen().len(), figures.delivered, figures.lost),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_delivery_whose_lease_is_lost_is_dropped_and_its_messages_are_told_anew() {
    let world = World::new().await;
    let (scribe, acme) = (Scribe::default(), world.tenant().await);
    let dropped = Arc::new(Notify::new());
    let never = Arc::new(Semaphore::new(0));
    scribe.act(acme.id(), Act::Wait(never, Arc::clone(&dropped)));
    world.append(&acme, [1, 2]).await;
    let worker = worker(&world, &scribe, settings().lease(Duration::from_secs(1)));
    let figures = worker.figures();
    let running = Running::start(worker);
    eventually("the delivery", async || {
        (!scribe.seen().is_empty()).then_some(())
    })
    .await;
    scribe.behave();
    let taken = "UPDATE tenancy.outbox_leases SET fence = nextval('tenancy.outbox_fence'),
         held_until = now()";
    world.run(taken).await;
    let wait = tokio::time::timeout(Duration::from_secs(30), dropped.notified());
    wait.await.expect("the delivery is dropped");
    told(&world).await;
    running.stop().await;
    let seen = scribe.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].keys, seen[1].keys);
    assert!(seen[1].fence > seen[0].fence);
    let figures = figures.consumers().remove(0);
    assert_eq!((figures.lost, figures.delivered), (1, 2));
}

#[tokio::test]
async fn a_worker_that_stops_lets_deliveries_end_or_drops_them_and_gives_leases_back() {
    let world = World::new().await;
    let (slow, stuck) = (world.tenant().await, world.tenant().await);
    let scribe = Scribe::default();
    let (permits, never) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let dropped = Arc::new(Notify::new());
    scribe.act(slow.id(), Act::Wait(Arc::clone(&permits), Arc::default()));
    scribe.act(stuck.id(), Act::Wait(never, Arc::clone(&dropped)));
    world.append(&slow, [1]).await;
    world.append(&stuck, [1]).await;
    let settings = settings().grace(Duration::from_secs(2));
    let running = Running::start(worker(&world, &scribe, settings));
    eventually("both deliveries", async || {
        (scribe.seen().len() == 2).then_some(())
    })
    .await;
    let Running { stop, task } = running;
    stop.send(()).unwrap();
    permits.add_permits(1);
    task.await.unwrap();
    dropped.notified().await;
    let of = |tenant| format!("tenancy.outbox WHERE tenant_id = '{tenant}'");
    assert_eq!(world.count(&of(slow.id())).await, 0, "it ended in time");
    assert_eq!(
        world.count(&of(stuck.id())).await,
        1,
        "it is told by whoever comes next"
    );
    assert_eq!(world.count(HELD).await, 0);
    assert_eq!(world.feed().claim(&claim(), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_tried_until_it_does() {
    let world = World::new().await;
    let (scribe, acme) = (Scribe::default(), world.tenant().await);
    let login = world.test.app_login();
    world
        .run(format!("REVOKE ALL ON tenancy.outbox_leases FROM {login}"))
        .await;
    let worker = worker(&world, &scribe, settings());
    let figures = worker.figures();
    let running = Running::start(worker);
    world.append(&acme, [1]).await;
    eventually("errors", async || {
        (figures.consumers()[0].errors > 2).then_some(())
    })
    .await;
    assert!(scribe.seen().is_empty());
    world
        .run(format!(
            "GRANT SELECT, INSERT, UPDATE ON tenancy.outbox_leases TO {login}"
        ))
        .await;
    told(&world).await;
    running.stop().await;
    assert_eq!(scribe.keys(acme.id()).len(), 1);
}

#[tokio::test]
async fn a_worker_that_seldom_looks_outlives_an_outage() {
    for poll in [Duration::from_mins(1), Duration::MAX] {
        let world = World::new().await;
        let (scribe, acme) = (Scribe::default(), world.tenant().await);
        let login = world.test.app_login();
        world
            .run(format!("REVOKE ALL ON tenancy.outbox FROM {login}"))
            .await;
        let settings = OutboxSettings::default().poll(poll, poll);
        let worker = worker(&world, &scribe, settings.count(Duration::from_millis(20)));
        let figures = worker.figures();
        let running = Running::start(worker);
        eventually("errors", async || {
            (figures.consumers()[0].errors > 2).then_some(())
        })
        .await;
        world
            .run(format!(
                "GRANT SELECT, INSERT, DELETE ON tenancy.outbox TO {login}"
            ))
            .await;
        world.append(&acme, [1]).await;
        told(&world).await;
        running.stop().await;
        assert_eq!(scribe.keys(acme.id()).len(), 1);
    }
}

#[tokio::test]
async fn figures_say_what_is_left_and_how_long_it_waits() {
    let world = World::new().await;
    let (scribe, acme) = (Scribe::default(), world.tenant().await);
    scribe.act(acme.id(), Act::Fail);
    world.append(&acme, [1, 2]).await;
    let hour = "UPDATE tenancy.outbox SET created_at = now() - interval '1 hour'";
    world.run(hour).await;
    let worker = worker(&world, &scribe, settings());
    let figures = worker.figures();
    let running = Running::start(worker);
    eventually("a count", async || {
        let figures = figures.consumers().remove(0);
        (figures.failed == 1 && figures.backlog.is_some_and(|left| left.messages == 2))
            .then_some(())
    })
    .await;
    running.stop().await;
    assert!(figures.consumers()[0].oldest_age() > Duration::from_mins(59));
    let mut out = Exposition::new();
    figures.expose(&mut out);
    let text = out.into_text();
    for line in [
        "tenancy_outbox_delivered_total{consumer=\"search\"} 0\n",
        "tenancy_outbox_failures_total{consumer=\"search\"} 1\n",
        "tenancy_outbox_lost_leases_total{consumer=\"search\"} 0\n",
        "tenancy_outbox_backlog_messages{consumer=\"search\"} 2\n",
        "tenancy_outbox_backlog_tenants{consumer=\"search\"} 1\n",
        "tenancy_outbox_oldest_seconds{consumer=\"search\"} 3",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
#[should_panic(expected = "two consumers are called search")]
fn two_consumers_do_not_take_each_others_messages() {
    let _ = OutboxWorker::new(Arc::new(MemoryFeed::new()), MemoryStore::new())
        .consumer(Arc::new(Scribe::default()))
        .consumer(Arc::new(Scribe::default()));
}
