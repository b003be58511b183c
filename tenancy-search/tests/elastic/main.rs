//! What the engine on Elasticsearch promises, on a real server and on answers that one may give.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod answers;
mod contract;
mod cut;
mod http;
mod proxy;
mod races;
mod server;
mod shared;
mod writes;
