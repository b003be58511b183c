//! Where a tenant's rows live.

mod error;
mod search_path;

mod database;

pub use database::Database;
pub use error::{Error, ErrorKind};
