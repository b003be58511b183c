//! The names of groups against a real Redis.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

use futures_util::StreamExt;
use tenancy_core::Prefix;
use tenancy_core::testing::context;
use tenancy_notify::{Audience, Group};
use uuid::Uuid;

/// The Redis to talk to; without one the test says so, and on CI that is a failure.
fn redis_url() -> Option<String> {
    let url = std::env::var("TEST_REDIS_URL").ok();
    assert!(
        url.is_some() || std::env::var_os("CI").is_none(),
        "TEST_REDIS_URL is not set: run scripts/test, which starts a Redis"
    );
    url
}

#[test]
fn equal_users_of_two_tenants_are_two_groups() {
    let user = Audience::User(Uuid::from_u128(5));
    let (acme, other) = (context("acme"), context("other"));
    let prefix = Prefix::default();
    let ours = Group::new(&acme, &prefix, &user).unwrap();
    let theirs = Group::new(&other, &prefix, &user).unwrap();
    assert_ne!(ours.channel(), theirs.channel());
    assert_eq!(Group::parse(ours.channel()).unwrap(), (acme.id(), user));
}

#[test]
fn audiences_that_look_alike_are_different_groups() {
    let acme = context("acme");
    let audiences = [
        Audience::Everyone,
        Audience::Role("all".into()),
        Audience::Custom("all".into()),
        Audience::Custom("role:staff".into()),
        Audience::Role("staff".into()),
        Audience::Role("user:5".into()),
        Audience::User(Uuid::from_u128(5)),
        Audience::Custom("*".into()),
    ];
    let mut seen = std::collections::HashSet::new();
    for audience in audiences {
        let group = Group::new(&acme, &Prefix::default(), &audience).unwrap();
        assert!(
            seen.insert(group.channel().to_owned()),
            "{audience:?} is not alone"
        );
        assert_eq!(
            Group::parse(group.channel()).unwrap(),
            (acme.id(), audience)
        );
    }
}

#[test]
fn what_is_no_group_is_refused() {
    for channel in ["", "all", "news", "user_notifications_5"] {
        assert!(Group::parse(channel).is_err(), "{channel:?}");
    }
}

#[tokio::test]
async fn redis_delivers_to_the_group_of_that_tenant_and_to_no_other() {
    let Some(url) = redis_url() else {
        eprintln!("skipped: TEST_REDIS_URL is not set");
        return;
    };
    let client = redis::Client::open(url).unwrap();
    let (acme, other) = (context("acme"), context("other"));
    let prefix = Prefix::default();
    let group = |context| Group::new(context, &prefix, &Audience::Role("staff".into())).unwrap();
    let (ours, theirs) = (group(&acme), group(&other));

    let mut subscriber = client.get_async_pubsub().await.unwrap();
    subscriber.subscribe(ours.channel()).await.unwrap();
    let mut publisher = client.get_multiplexed_async_connection().await.unwrap();
    for (group, body) in [(&theirs, "theirs"), (&ours, "ours")] {
        let _: () = redis::cmd("PUBLISH")
            .arg(group.channel())
            .arg(body)
            .query_async(&mut publisher)
            .await
            .unwrap();
    }

    // Redis keeps the order of one publisher, so a crossed message would have come first.
    let message = subscriber.on_message().next().await.unwrap();
    assert_eq!(message.get_payload::<String>().unwrap(), "ours");
    assert_eq!(
        Group::parse(message.get_channel_name()).unwrap().0,
        acme.id()
    );
}
