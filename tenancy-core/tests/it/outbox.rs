//! Messages, and who may tell them.

use std::time::Duration;

use async_trait::async_trait;
use tenancy_core::Error;
use tenancy_core::outbox::{Claim, Consumer, Delivery, Feed, Fence, Lease};
use tenancy_core::testing::{MemoryFeed, context, feed_contract};

#[tokio::test]
async fn memory_feed_keeps_the_contract() {
    let feed = MemoryFeed::new();
    for _ in 0..2 {
        feed_contract(&feed).await;
    }
}

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Consumer for Nobody {
    fn name(&self) -> &'static str {
        "nobody"
    }

    fn topics(&self) -> Vec<&str> {
        vec!["news"]
    }

    async fn deliver(&self, delivery: Delivery<'_>) -> Result<(), Error> {
        assert_eq!(delivery.fence(), delivery.lease().fence());
        let topics = self.topics();
        let more = delivery
            .feed()
            .messages(delivery.lease(), &topics, 10)
            .await?;
        assert_eq!(more, delivery.messages());
        Ok(())
    }
}

#[tokio::test]
async fn a_delivery_reaches_its_messages_its_lease_and_its_feed() {
    let (feed, acme) = (MemoryFeed::new(), context("acme"));
    feed.append(acme.id(), "news", "1");
    let topics = Nobody.topics();
    let claim = Claim {
        consumer: Nobody.name(),
        topics: &topics,
        span: Duration::from_secs(30),
    };
    let lease = feed.claim(&claim, 1).await.unwrap().remove(0);
    let messages = feed.messages(&lease, &topics, 10).await.unwrap();
    let delivery = Delivery::new(&acme, &lease, &feed, &messages);
    assert_eq!(delivery.context().id(), acme.id());
    Nobody.deliver(delivery).await.unwrap();
}

#[test]
#[should_panic(expected = "the lease must be that of the context's tenant")]
fn a_delivery_is_not_made_with_another_tenants_lease() {
    let (acme, other) = (context("acme"), context("acme-x"));
    let lease = Lease::new("search", other.id(), Fence::new(1));
    let _ = Delivery::new(&acme, &lease, &MemoryFeed::new(), &[]);
}
