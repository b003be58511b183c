//! What the SQL door promises, against a real PostgreSQL.

// The tests' own helpers may unwrap, as the tests themselves may.
#![allow(clippy::unwrap_used)]

mod cancel;
mod door;
mod extract;
mod generated;
mod leak;
mod login;
mod oracle;
mod poison;
mod proxy;
mod server;
mod statements;
mod storm;
mod wire;
