//! Buckets: what is let in, how much is forgotten, and whose it is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tenancy_core::TenantId;
use tenancy_core::rate::{MemoryRateLimiter, Rate};

/// A limiter whose time the test moves.
fn stopped() -> (MemoryRateLimiter, impl Fn(Duration)) {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
    let now = Arc::new(Mutex::new(Instant::now()));
    let clock = Arc::clone(&now);
    let limiter = MemoryRateLimiter::with_clock(move || *clock.lock().unwrap());
    (limiter, move |time| *now.lock().unwrap() += time)
}

#[test]
fn a_full_bucket_admits_its_burst_and_then_one_per_interval() {
    let (limiter, wait) = stopped();
    let tenant = TenantId::generate();
    let rate = Rate::per_second(10).with_burst(30);
    for left in (0..30).rev() {
        let verdict = limiter.take_one(tenant, rate);
        assert!(verdict.is_admitted());
        assert_eq!(verdict.remaining(), left);
    }
    let refused = limiter.take_one(tenant, rate);
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(100)));
    assert_eq!(refused.full_in(), Duration::from_secs(3));
    // A refusal takes nothing.
    assert_eq!(limiter.take_one(tenant, rate), refused);
    wait(Duration::from_millis(99));
    assert!(!limiter.take_one(tenant, rate).is_admitted());
    wait(Duration::from_millis(1));
    assert!(limiter.take_one(tenant, rate).is_admitted());
    assert!(!limiter.take_one(tenant, rate).is_admitted());
    // However long the pause, there is one burst.
    wait(Duration::from_hours(1));
    let let_in = (0..100).filter(|_| limiter.take_one(tenant, rate).is_admitted());
    assert_eq!(let_in.count(), 30);
}

#[test]
fn no_tenants_requests_come_out_of_anothers_bucket() {
    let (limiter, _) = stopped();
    let rate = Rate::per_second(5);
    let [one, other] = [TenantId::generate(), TenantId::generate()];
    while limiter.take_one(one, rate).is_admitted() {}
    let let_in = (0..10).filter(|_| limiter.take_one(other, rate).is_admitted());
    assert_eq!(let_in.count(), 5);
}

#[test]
fn a_rate_of_nothing_admits_nobody_and_a_changed_rate_holds_at_once() {
    let (limiter, _) = stopped();
    let tenant = TenantId::generate();
    assert!(!limiter.take_one(tenant, Rate::per_second(0)).is_admitted());
    let slow = Rate::per_second(1).with_burst(1000);
    for _ in 0..1000 {
        assert!(limiter.take_one(tenant, slow).is_admitted());
    }
    // What the slow rate left is a thousand seconds away from being full.
    let fast = limiter.take_one(tenant, Rate::per_second(100));
    assert_eq!(fast.retry_after(), Some(Duration::from_millis(10)));
}

#[test]
fn full_buckets_are_forgotten_and_there_are_never_more_than_told() {
    let (limiter, wait) = stopped();
    let limiter = limiter.capacity(100);
    let rate = Rate::per_second(10);
    let busy = TenantId::generate();
    for _ in 0..10 {
        limiter.take_one(busy, rate);
    }
    for _ in 0..1000 {
        limiter.take_one(TenantId::generate(), rate);
        assert!(limiter.buckets() <= 100);
    }
    // The one that asks the most is the last to be forgotten.
    assert!(!limiter.take_one(busy, rate).is_admitted());
    wait(Duration::from_secs(2));
    limiter.take_one(busy, rate);
    for _ in 0..99 {
        limiter.take_one(TenantId::generate(), rate);
    }
    wait(Duration::from_secs(2));
    limiter.take_one(TenantId::generate(), rate);
    assert_eq!(limiter.buckets(), 1);
}

proptest! {
    #[test]
    fn in_no_span_are_more_let_in_than_burst_and_rate_admit(
        per_second in 1_u64..5_000,
        burst in 1_u64..50,
        pauses in proptest::collection::vec(0_u64..200_000, 1..300),
    ) {
        let (limiter, wait) = stopped();
        let tenant = TenantId::generate();
        let rate = Rate::per_second(per_second).with_burst(burst);
        let (mut passed, mut let_in) = (0, Vec::new());
        for pause in pauses {
            wait(Duration::from_micros(pause));
            passed += pause;
            let verdict = limiter.take_one(tenant, rate);
            if verdict.is_admitted() {
                let_in.push(passed);
            }
        }
        for (first, from) in let_in.iter().enumerate() {
            for (last, until) in let_in.iter().enumerate().skip(first) {
                let most = burst + (until - from) * per_second / 1_000_000;
                prop_assert!((last - first + 1) as u64 <= most);
            }
        }
    }
}
