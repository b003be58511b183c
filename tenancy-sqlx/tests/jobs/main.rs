//! Background jobs on a real server: each effect exactly once, as the right tenant, in turn.

// The tests' own helpers may unwrap, as the tests themselves may,
// and long ones say what they counted.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../pooler/bouncer.rs"]
mod bouncer;

mod handlers;
mod support;

mod cancel;
mod contract;
mod enqueue;
mod fail;
mod fence;
mod figures;
mod fleet;
mod kill;
mod pooler;
mod roles;
mod schedule;
mod stop;
mod tenants;
mod turns;
