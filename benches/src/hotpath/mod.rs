//! What a tenant costs a read, beside the same read without tenancy.

mod mix;
mod posts;

mod door;
mod web;

mod neighbour;

mod memory;

mod rows;

pub use self::memory::Backends;
pub use self::mix::Mix;
pub use self::posts::{CONNECTIONS, Posts};
pub use self::rows::{Part, Sides, parts};
