//! What the crate promises, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "testing")]
mod cache;
#[cfg(feature = "testing")]
mod cache_owed;
mod cached;
mod hosts;
#[cfg(feature = "testing")]
mod isolation;
mod layer;
mod names;
#[cfg(feature = "testing")]
mod outbox;
mod rate;
mod resolve;
mod scope;
#[cfg(feature = "testing")]
mod store;
mod support;
