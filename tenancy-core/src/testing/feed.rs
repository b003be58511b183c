//! The contract of feeds, to run against one's own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::outbox::{Claim, Feed, Fence, Hold, Lease, Message, Next};
use crate::tenant::{Status, TenantId};

/// Makes what a contract suite observes through a feed.
#[async_trait]
pub trait FeedFixture: Send + Sync {
    /// A handle to the feed under test, as another program would have.
    fn feed(&self) -> Arc<dyn Feed>;

    /// Adds an active tenant.
    async fn add_tenant(&self) -> TenantId;

    /// Puts the tenant into `status`; of one that is purged nothing may be left.
    async fn set_status(&self, tenant: TenantId, status: Status);

    /// Commits a message of the tenant, and gives its id.
    async fn append(&self, tenant: TenantId, topic: &str, key: &str) -> Uuid;

    /// Lets `span` pass for leases and pauses, without anybody waiting for it.
    async fn pass(&self, span: Duration);
}

/// Checks that a feed gives a tenant's messages to one holder at a time, under fences that only
/// grow, and that a holder whose lease ended removes nothing.
///
/// Tenants, consumers and topics are new ones, so the feed may hold others, and the suite may run
/// again on it.
///
/// # Panics
///
/// When the feed breaks the contract; the message says how.
///
/// # Example
///
/// ```
/// use tenancy_core::testing::{MemoryFeed, feed_contract};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// feed_contract(&MemoryFeed::new()).await;
/// # }
/// ```
pub async fn feed_contract(fixture: &dyn FeedFixture) {
    gives_what_was_appended(fixture).await;
    gives_a_tenant_to_one_holder(fixture).await;
    removes_nothing_for_a_holder_that_was_overtaken(fixture).await;
    takes_turns(fixture).await;
    pauses_after_failures(fixture).await;
    leaves_tenants_alone_that_are_not_active(fixture).await;
    leases_a_tenant_by_name(fixture).await;
    counts_what_is_left(fixture).await;
}

const SPAN: Duration = Duration::from_mins(10);

/// Longer than any lease and any pause of the suite.
const LONG: Duration = Duration::from_hours(1);

/// One consumer and its topics, with handles of two programs.
struct Bench<'a> {
    fixture: &'a dyn FeedFixture,
    here: Arc<dyn Feed>,
    there: Arc<dyn Feed>,
    consumer: String,
    topics: [String; 2],
}

impl<'a> Bench<'a> {
    fn new(fixture: &'a dyn FeedFixture) -> Self {
        let own = Uuid::now_v7().simple().to_string();
        Self {
            fixture,
            here: fixture.feed(),
            there: fixture.feed(),
            consumer: format!("consumer-{own}"),
            topics: [format!("one-{own}"), format!("two-{own}")],
        }
    }

    fn topics(&self) -> [&str; 2] {
        self.topics.each_ref().map(String::as_str)
    }

    async fn append(&self, tenant: TenantId, key: &str) -> Uuid {
        self.fixture.append(tenant, &self.topics[0], key).await
    }

    async fn claim(&self, feed: &Arc<dyn Feed>, most: usize) -> Vec<Lease> {
        let topics = self.topics();
        let claimed = feed.claim(&self.asking(&topics), most).await;
        claimed.expect("the feed gives leases")
    }

    async fn claim_one(&self, feed: &Arc<dyn Feed>) -> Lease {
        let mut leases = self.claim(feed, 1).await;
        assert_eq!(leases.len(), 1, "a tenant has messages and nobody has it");
        leases.remove(0)
    }

    async fn claim_tenant(&self, feed: &Arc<dyn Feed>, tenant: TenantId) -> Option<Lease> {
        let topics = self.topics();
        let claimed = feed.claim_tenant(&self.asking(&topics), tenant).await;
        claimed.expect("the feed gives leases")
    }

    fn asking<'b>(&'b self, topics: &'b [&'b str]) -> Claim<'b> {
        Claim {
            consumer: &self.consumer,
            topics,
            span: SPAN,
        }
    }

    async fn messages(&self, lease: &Lease) -> Vec<Message> {
        let read = self.here.messages(lease, &self.topics(), 1_000).await;
        read.expect("the feed gives messages")
    }
}

async fn done(feed: &Arc<dyn Feed>, lease: &Lease, messages: &[Message]) -> Hold {
    let done = feed.done(lease, messages).await;
    done.expect("the feed removes messages")
}

async fn release(feed: &Arc<dyn Feed>, lease: Lease, next: Next) {
    let released = feed.release(lease, next).await;
    released.expect("the feed takes a lease back");
}

fn keys(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.key.as_str())
        .collect()
}

async fn gives_what_was_appended(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    assert!(
        bench.claim(&bench.here, 10).await.is_empty(),
        "there is nothing to tell"
    );
    let (one, other) = (fixture.add_tenant().await, fixture.add_tenant().await);
    let first = bench.append(one, "a").await;
    fixture.append(one, &bench.topics[1], "b'\"\\é").await;
    fixture.append(one, "nobody is told of this", "c").await;
    bench.append(other, "d").await;

    let leases = bench.claim(&bench.here, 10).await;
    let tenants: BTreeSet<_> = leases.iter().map(Lease::tenant).collect();
    assert_eq!(tenants, [one, other].into(), "both have something to tell");
    for lease in leases {
        let messages = bench.messages(&lease).await;
        if lease.tenant() == one {
            assert_eq!(keys(&messages), ["a", "b'\"\\é"], "in the order of writing");
            assert_eq!(
                messages[0].id, first,
                "the id is what the transaction was told"
            );
            assert!(messages[0].seq < messages[1].seq, "numbers grow");
            let some = bench.here.messages(&lease, &bench.topics(), 1).await;
            let some = some.expect("the feed gives messages");
            assert_eq!(keys(&some), ["a"], "no more than were asked for");
            assert_eq!(done(&bench.here, &lease, &some).await, Hold::Held);
            let left = bench.messages(&lease).await;
            assert_eq!(keys(&left), ["b'\"\\é"], "only what was done is removed");
            let theirs = [Message::new(0, Uuid::nil(), "", "")];
            assert_eq!(done(&bench.here, &lease, &theirs).await, Hold::Held);
            assert_eq!(bench.messages(&lease).await, left, "nothing else goes");
        } else {
            assert_eq!(keys(&messages), ["d"], "another tenant's are its own");
        }
        release(&bench.here, lease, Next::Now).await;
    }
    for lease in bench.claim(&bench.there, 10).await {
        let messages = bench.messages(&lease).await;
        assert!(
            !messages.is_empty(),
            "who has nothing to tell is not leased"
        );
        done(&bench.there, &lease, &messages).await;
        release(&bench.there, lease, Next::Now).await;
    }
    assert!(
        bench.claim(&bench.here, 10).await.is_empty(),
        "everything is told"
    );
}

async fn gives_a_tenant_to_one_holder(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let tenant = fixture.add_tenant().await;
    bench.append(tenant, "a").await;
    let lease = bench.claim_one(&bench.here).await;
    assert!(bench.claim(&bench.there, 10).await.is_empty(), "it is held");
    assert_eq!(
        bench.claim_tenant(&bench.there, tenant).await,
        None,
        "it is held"
    );

    // Another consumer has leases of its own.
    let other = Bench {
        consumer: format!("{}-too", bench.consumer),
        ..Bench::new(fixture)
    };
    let topics = bench.topics();
    let claim = Claim {
        consumer: &other.consumer,
        topics: &topics,
        span: SPAN,
    };
    let others = bench
        .there
        .claim(&claim, 10)
        .await
        .expect("the feed gives leases");
    assert_eq!(others.len(), 1, "a lease is made out to one consumer");
    assert!(
        others[0].fence() > lease.fence(),
        "fences grow across consumers"
    );

    fixture.pass(SPAN / 2).await;
    let renewed = bench.here.renew(&lease, SPAN).await;
    assert_eq!(renewed.expect("the feed renews"), Hold::Held);
    fixture.pass(SPAN * 3 / 4).await;
    assert!(
        bench.claim(&bench.there, 10).await.is_empty(),
        "it was kept for longer"
    );
    assert_eq!(
        done(&bench.here, &lease, &[]).await,
        Hold::Held,
        "it is still held"
    );
    fixture.pass(SPAN / 2).await;
    let next = bench.claim_one(&bench.there).await;
    assert!(next.fence() > lease.fence(), "fences only grow");
    let renewed = bench.here.renew(&lease, SPAN).await;
    assert_eq!(
        renewed.expect("the feed renews"),
        Hold::Lost,
        "it is somebody else's"
    );
    release(&bench.here, lease, Next::Now).await;
    assert!(
        bench.claim(&bench.here, 10).await.is_empty(),
        "a lost lease ends nobody's"
    );
    release(&bench.there, next, Next::Now).await;
    assert_eq!(
        bench.claim(&bench.here, 10).await.len(),
        1,
        "it is free at once"
    );
}

async fn removes_nothing_for_a_holder_that_was_overtaken(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let tenant = fixture.add_tenant().await;
    bench.append(tenant, "a").await;
    let slow = bench.claim_one(&bench.here).await;
    let messages = bench.messages(&slow).await;
    fixture.pass(LONG).await;
    assert_eq!(
        done(&bench.here, &slow, &messages).await,
        Hold::Lost,
        "its time is over"
    );
    assert_eq!(bench.messages(&slow).await, messages, "the messages stay");

    let next = bench.claim_one(&bench.there).await;
    assert_eq!(
        done(&bench.here, &slow, &messages).await,
        Hold::Lost,
        "it is somebody else's"
    );
    assert_eq!(bench.messages(&next).await, messages, "the messages stay");
    assert_eq!(done(&bench.there, &next, &messages).await, Hold::Held);
    assert!(bench.messages(&next).await.is_empty(), "they are told");
    release(&bench.there, next.clone(), Next::Now).await;
    assert_eq!(
        done(&bench.there, &next, &[]).await,
        Hold::Lost,
        "it was given back"
    );
    let unknown = Lease::new(bench.consumer.clone(), tenant, Fence::new(0));
    assert_eq!(
        done(&bench.there, &unknown, &[]).await,
        Hold::Lost,
        "nobody gave it"
    );
}

async fn takes_turns(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let tenant = fixture.add_tenant().await;
        bench.append(tenant, "a").await;
        bench.append(tenant, "b").await;
        waiting.push(tenant);
    }
    let (mut order, mut fences) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let lease = bench.claim_one(&bench.here).await;
        order.push(lease.tenant());
        fences.push(lease.fence());
        release(&bench.here, lease, Next::Now).await;
    }
    assert!(
        fences.is_sorted_by(|a, b| a < b),
        "every fence is higher: {fences:?}"
    );
    let all: BTreeSet<_> = waiting.into_iter().collect();
    for round in order.chunks(3) {
        let round: BTreeSet<_> = round.iter().copied().collect();
        assert_eq!(round, all, "each has a turn before anybody has another");
    }
    // Whoever comes anew has waited longest.
    let late = fixture.add_tenant().await;
    bench.append(late, "a").await;
    assert_eq!(bench.claim_one(&bench.here).await.tenant(), late);
}

async fn pauses_after_failures(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let (failing, other) = (fixture.add_tenant().await, fixture.add_tenant().await);
    bench.append(failing, "a").await;
    for _ in 0..3 {
        let lease = bench.claim_one(&bench.here).await;
        let failed = Next::AfterFailure("the engine said \0no".to_owned());
        release(&bench.here, lease, failed).await;
        assert!(
            bench.claim(&bench.there, 10).await.is_empty(),
            "it has a pause"
        );
        bench.append(other, "a").await;
        let leases = bench.claim(&bench.there, 10).await;
        assert_eq!(leases.len(), 1, "nobody else has one");
        let messages = bench.messages(&leases[0]).await;
        done(&bench.there, &leases[0], &messages).await;
        release(&bench.there, leases[0].clone(), Next::Now).await;
        fixture.pass(LONG).await;
    }
    assert_eq!(
        bench.claim_one(&bench.there).await.tenant(),
        failing,
        "every pause ends"
    );
}

async fn leaves_tenants_alone_that_are_not_active(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let tenant = fixture.add_tenant().await;
    bench.append(tenant, "a").await;
    let lease = bench.claim_one(&bench.here).await;
    fixture.set_status(tenant, Status::Suspended).await;
    let renewed = bench.here.renew(&lease, SPAN).await;
    assert_eq!(
        renewed.expect("the feed renews"),
        Hold::Lost,
        "it is not active any more"
    );
    release(&bench.here, lease, Next::Now).await;
    assert!(
        bench.claim(&bench.here, 10).await.is_empty(),
        "it is suspended"
    );
    assert_eq!(
        bench.claim_tenant(&bench.here, tenant).await,
        None,
        "it is suspended"
    );

    fixture.set_status(tenant, Status::Active).await;
    let lease = bench.claim_one(&bench.here).await;
    let messages = bench.messages(&lease).await;
    assert_eq!(
        keys(&messages),
        ["a"],
        "what it left to be told is still there"
    );
    fixture.set_status(tenant, Status::Archived).await;
    fixture.set_status(tenant, Status::Purged).await;
    assert!(
        bench.messages(&lease).await.is_empty(),
        "nothing is left of it"
    );
    assert_eq!(done(&bench.here, &lease, &messages).await, Hold::Lost);
    assert!(
        bench.claim(&bench.here, 10).await.is_empty(),
        "nothing is left of it"
    );
    assert_eq!(
        bench.claim_tenant(&bench.here, tenant).await,
        None,
        "nothing is left of it"
    );
}

async fn leases_a_tenant_by_name(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let tenant = fixture.add_tenant().await;
    let lease = bench.claim_tenant(&bench.here, tenant).await;
    let lease = lease.expect("it needs no messages");
    assert_eq!(
        (lease.tenant(), lease.consumer()),
        (tenant, bench.consumer.as_str())
    );
    bench.append(tenant, "a").await;
    assert!(bench.claim(&bench.there, 10).await.is_empty(), "it is held");
    let messages = bench.messages(&lease).await;
    assert_eq!(done(&bench.here, &lease, &messages).await, Hold::Held);
    release(
        &bench.here,
        lease.clone(),
        Next::AfterFailure("later".to_owned()),
    )
    .await;
    let again = bench.claim_tenant(&bench.there, tenant).await;
    let again = again.expect("whoever asks for it by name does not wait for a pause");
    assert!(again.fence() > lease.fence(), "fences only grow");
}

async fn counts_what_is_left(fixture: &dyn FeedFixture) {
    let bench = Bench::new(fixture);
    let backlog = async || {
        let backlog = bench.here.backlog(&bench.topics()).await;
        backlog.expect("the feed counts")
    };
    assert_eq!(backlog().await, crate::outbox::Backlog::default());
    let (one, other) = (fixture.add_tenant().await, fixture.add_tenant().await);
    for (tenant, topic) in [(one, 0), (one, 1), (other, 0)] {
        fixture.append(tenant, &bench.topics[topic], "a").await;
    }
    let left = backlog().await;
    assert_eq!((left.messages, left.tenants), (3, 2));
    let lease = bench
        .claim_tenant(&bench.here, one)
        .await
        .expect("nobody has it");
    let messages = bench.messages(&lease).await;
    assert_eq!(
        left.oldest,
        Some(messages[0].created_at),
        "the first is the oldest"
    );
    done(&bench.here, &lease, &messages).await;
    let left = backlog().await;
    assert_eq!((left.messages, left.tenants), (1, 1));
}
