//! Migrations of what all share and of every tenant, with one ledger for the whole fleet.

mod set;

mod check;
mod lexer;

pub(crate) mod ledger;
pub(crate) mod run;
pub(crate) mod selection;

mod report;
mod status;

pub use report::{
    MigrateEvent, MigrationFailure, Mismatch, Outcome, Position, RunReport, TenantReport,
};
pub use selection::Selection;
pub use set::{Migration, MigrationSet, Migrations};
pub use status::{FleetStatus, ScopeStatus, TenantStatus};
