//! What the crate promises, seen from outside.

mod cached;
mod hosts;
mod layer;
mod names;
mod resolve;
mod scope;
#[cfg(feature = "testing")]
mod store;
mod support;
