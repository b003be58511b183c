//! What the SQL door promises, against a real PostgreSQL.

// The tests' own helpers may unwrap, as the tests themselves may,
// and long ones say what they counted.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod adversary;
mod append;
mod attribute;
mod cancel;
mod copy;
mod door;
mod dynamic;
mod extract;
mod generated;
mod hostile;
mod leak;
mod login;
mod memory;
mod nesting;
mod oracle;
mod outbox;
mod outbox_cost;
mod outbox_worker;
mod poison;
mod polls;
mod pool;
mod presence;
mod proxy;
mod roles;
mod savepoints;
mod scoped;
mod server;
mod session;
mod shared;
mod single;
mod soak;
mod stale;
mod statements;
mod storm;
mod topology;
mod wall;
mod wire;
