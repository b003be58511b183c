#![doc = include_str!("../README.md")]

mod kind;

mod index_name;

mod index;

mod operation;

mod query;

mod engine;

#[cfg(feature = "elasticsearch")]
mod elastic;

#[cfg(feature = "elasticsearch")]
pub use elastic::{ElasticEngine, ElasticOptions};
pub use engine::{Draft, Engine, Hit, Hits, Placement};
pub use index::Index;
pub use index_name::IndexName;
pub use kind::Kind;
pub use operation::{Change, Operation, Words, Written};
pub use query::{After, Query};
