//! Where a tenant's rows live.

mod error;
mod search_path;

mod database;

#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "testing")]
pub mod testing;

pub use database::Database;
pub use error::{Error, ErrorKind};
