#![doc = include_str!("../README.md")]

mod kind;

mod index_name;

mod index;

mod operation;

mod text;

mod cursor;
mod query;

mod engine;

mod memory;

#[cfg(feature = "elasticsearch")]
mod elastic;

mod search;

mod indexer;

mod resource;

#[cfg(feature = "testing")]
pub mod testing;

pub use cursor::Cursor;
#[cfg(feature = "elasticsearch")]
pub use elastic::{ElasticEngine, ElasticOptions};
pub use engine::{Draft, Engine, Hit, Hits, Placement};
pub use index::Index;
pub use index_name::IndexName;
pub use indexer::{Comparison, Document, EVERYTHING, Indexer, Progress, Rebuild, Rebuilt, Source};
pub use kind::Kind;
pub use memory::MemoryEngine;
pub use operation::{Change, Operation, Words, Written};
pub use query::{After, Query};
pub use resource::SearchResource;
pub use search::{Found, Search, SearchFigures, TenantIndex};
pub use text::{Highlight, Token, tokens};
