//! Migrations of what all share and of every tenant, with one ledger for the whole fleet.

mod migration;
mod set;

mod check;
mod names;

pub(crate) mod failure;
pub(crate) mod ledger;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod selection;

mod report;
mod status;

pub use migration::Migration;
pub use report::{
    MigrateEvent, MigrationFailure, Mismatch, Outcome, Position, RunReport, TenantReport,
};
pub use selection::Selection;
pub use set::{MigrationSet, Migrations};
pub use status::{FleetStatus, ScopeStatus, TenantStatus};
