//! Migrations of what all share and of every tenant, with one ledger for the whole fleet.

mod migration;
mod set;

mod check;
mod names;
mod outside;
pub(crate) mod statements;

mod lint;

pub(crate) mod failure;
pub(crate) mod ledger;
pub(crate) mod pace;
pub(crate) mod selection;

pub(crate) mod batch;
pub(crate) mod mark;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod undo;

mod plan;
mod report;
pub(crate) mod runs;
mod status;

pub use lint::{Lint, LintCode, LintSeverity, LintSide};
pub use migration::Migration;
pub use pace::{Pace, Wave};
pub use plan::{FleetPlan, PendingMigration, PlannedTenant};
pub use report::{
    MigrateEvent, MigrationFailure, Mismatch, Outcome, Position, RunReport, TenantReport,
};
pub use runs::{RunKind, RunRecord};
pub use selection::Selection;
pub use set::{MigrationSet, Migrations};
pub use status::{FleetStatus, ScopeStatus, TenantStatus};
pub use undo::{TenantUndo, Undo, UndoPlan};
