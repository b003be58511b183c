//! What the cache promises, on a real Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hostile;
mod keys;
mod layered;
mod outage;
mod race;
mod rate;
mod server;
