//! What the SQL door promises, through a transaction pooler.
//!
//! The modules of `tests/it` are included as they are, with another [`topology`]. Left out are
//! - `wire`, which counts round trips and speaks for a client that has the session to itself
//!   ([`trips`] counts those of this way);
//! - `pool` and `memory`, which count connections and the memory of server processes, both of
//!   which are the pooler's here;
//! - `stale`, which asks when the driver prepares anew;
//! - `generated` and `oracle`, which test the checker of statements on connections of their own.
//!
//! A single test that is left out says why by [`topology::leaves_out`] or
//! [`topology::lacks_sessions`].

// The tests' own helpers may unwrap, as the tests themselves may,
// and long ones say what they counted.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod bouncer;
mod topology;

mod control;
mod hold;
mod suite;
mod trips;

#[path = "../it/adversary.rs"]
mod adversary;
#[path = "../it/append.rs"]
mod append;
#[path = "../it/cancel.rs"]
mod cancel;
#[path = "../it/copy.rs"]
mod copy;
#[path = "../it/door.rs"]
mod door;
#[path = "../it/dynamic.rs"]
mod dynamic;
#[path = "../it/extract.rs"]
mod extract;
#[path = "../it/hostile.rs"]
mod hostile;
#[path = "../it/leak.rs"]
mod leak;
#[path = "../it/login.rs"]
mod login;
#[path = "../it/outbox.rs"]
mod outbox;
#[path = "../it/outbox_worker.rs"]
mod outbox_worker;
#[path = "../it/poison.rs"]
mod poison;
#[path = "../it/polls.rs"]
mod polls;
#[allow(dead_code, reason = "nothing is said in a client's place here")]
#[path = "../it/proxy.rs"]
mod proxy;
#[path = "../it/roles.rs"]
mod roles;
#[path = "../it/savepoints.rs"]
mod savepoints;
#[path = "../it/scoped.rs"]
mod scoped;
#[path = "../it/server.rs"]
mod server;
#[path = "../it/session.rs"]
mod session;
#[path = "../it/shared.rs"]
mod shared;
#[path = "../it/single.rs"]
mod single;
#[path = "../it/soak.rs"]
mod soak;
#[path = "../it/statements.rs"]
mod statements;
#[path = "../it/storm.rs"]
mod storm;
