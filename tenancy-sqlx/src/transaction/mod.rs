//! Transactions of every kind: what is not committed is rolled back, and no connection goes back
//! to its pool before that is proved.

mod fault;
mod level;
mod open;
mod proof;

mod shared;
mod tenant;

mod admit;
mod append;
mod copy;
#[cfg(feature = "jobs")]
mod job;

mod foreign;
mod scoped;

mod lease;
mod repeat;

pub use append::{AuditEntry, Entry, OutboxEntry};
pub use copy::CopyTable;
pub use lease::Lease;
pub use scoped::{Scope, ScopedTx};
pub use shared::SharedTx;
pub use tenant::TenantTx;

#[cfg(feature = "jobs")]
pub(crate) use job::{Ending, lost, milliseconds};
#[cfg(feature = "axum")]
pub(crate) use lease::Home;
pub(crate) use level::Level;
pub(crate) use open::{Open, Opening};
pub(crate) use repeat::repeat;
#[cfg(feature = "axum")]
pub(crate) use repeat::{Whole, kept};
pub(crate) use scoped::prepared;
