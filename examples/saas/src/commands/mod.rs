//! What the command line does: `installation.rs` finds the database, the others use it.

mod cache;
pub(crate) mod demo;
pub(crate) mod doctor;
mod indexing;
pub(crate) mod installation;
mod metrics;
mod presence;
mod rates;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod worker;

mod banner;
mod seed;
