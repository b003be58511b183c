//! What the cache saves a read, and what search costs beside the engine alone.

mod shop;

mod web;

pub use self::shop::Shop;
pub use self::web::{Part, Sides, parts};
