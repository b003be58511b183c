//! Where a tenant's rows live.

mod error;
mod search_path;

mod sql;
mod statement;

mod settings;

mod login;

mod guard;

mod text_cache;

mod database;

mod db;

mod query;

mod transaction;

#[cfg(feature = "axum")]
mod extract;

pub use database::Database;
pub use db::TenantDb;
pub use error::{Error, ErrorKind};
#[cfg(feature = "axum")]
pub use extract::NoTenant;
pub use query::{Execute, Query};
pub use settings::PoolSettings;
pub use sql::{Kind, Read, TenantSql, Write};
pub use statement::TenantStatement;
pub use transaction::TenantTx;

#[doc(hidden)]
pub use sql::__private;
