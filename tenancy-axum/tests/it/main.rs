//! What a client sees: routes per kind of host, problems, and the server loop.

// Also the code that tests share may unwrap: a failure there is a failed test.
#![allow(clippy::unwrap_used)]

mod app;
mod authority;
mod health;
mod http2;
mod json;
mod limits;
mod metrics;
mod problems;
mod rate_limit;
mod request_id;
mod routes;
mod server;
mod slow;
mod socket;
mod upgrade;
