//! What the engine on Elasticsearch promises, on a real server and on answers that one may give.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod answers;
mod contract;
mod cut;
mod http;
mod proxy;
mod races;
mod server;
mod shared;
mod writes;
