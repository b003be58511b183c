#![doc = include_str!("../README.md")]

mod error;
mod lexer;
mod role;
mod search_path;
mod session;

mod sql;
mod statement;

pub mod login;
mod settings;

mod guard;
mod link;
mod pool;
mod text_cache;

mod database;

mod db;
#[cfg(feature = "dynamic")]
mod dynamic;
mod pooler;
mod query;
mod rows;
mod scoped;
mod shared;
mod source;
mod transaction;

mod migrate;

mod picture;

mod fleet;

mod dev_schema;

pub mod doctor;

mod store;

mod outbox;

mod presence;

#[cfg(feature = "jobs")]
pub mod jobs;

#[cfg(feature = "axum")]
mod extract;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "testing")]
pub mod testing;

pub use database::Database;
pub use db::TenantDb;
pub use dev_schema::DevSchema;
#[cfg(feature = "dynamic")]
pub use dynamic::DynSql;
pub use error::{Error, ErrorKind};
#[cfg(feature = "axum")]
pub use extract::{NoTenant, NoTransaction, TransactionLayer, TransactionService, Tx};
pub use fleet::{
    Adopted, Adoption, AdoptionPlan, ArchiveInfo, CloneData, CloneEvent, DomainRecord, DomainRole,
    DriftReport, ExpiredPurge, ExportFormat, ExportSummary, Fault, Fleet, Isolation, JournalEntry,
    Kept, MoveEvent, NewTenant, PlannedTable, ProvisionEvent, PurgePlan, Rename, Repair,
    RepairOutcome, RepairReport, Repaired, Residue, TableRows, TenantDrift, TenantPlan,
    TenantValidator,
};
pub use migrate::{
    FleetPlan, FleetStatus, Lint, LintCode, LintSeverity, LintSide, MigrateEvent, Migration,
    MigrationFailure, MigrationSet, Migrations, Mismatch, Outcome, Pace, PendingMigration,
    PlannedTenant, Position, RunKind, RunRecord, RunReport, ScopeStatus, Selection, TenantReport,
    TenantStatus, TenantUndo, Undo, UndoPlan, Wave,
};
pub use outbox::{ConsumerFigures, OutboxFigures, OutboxSettings, OutboxWorker, PgOutbox};
pub use picture::{Difference, ObjectKind};
pub use pool::PoolMetrics;
pub use pooler::Pooler;
pub use presence::{Announcement, Presence};
pub use query::{Execute, Query};
pub use role::TenantRole;
pub use rows::Rows;
pub use scoped::ScopedDb;
pub use settings::PoolSettings;
pub use shared::SharedDb;
pub use sql::{Kind, Read, SharedSql, TenantSql, Write};
pub use statement::{SharedStatement, TenantStatement};
pub use store::{PgTenantStore, TenantChange, TenantChanges};
#[cfg(feature = "dynamic")]
pub use tenancy_qualify::{Allowed, InvalidAllowed};
#[cfg(feature = "dynamic")]
pub use tenancy_sqlx_macros::allowed;
#[cfg(feature = "testing")]
pub use tenancy_sqlx_macros::test;
pub use tenancy_sqlx_macros::{shared_sql, tenant_sql};
pub use transaction::{
    AuditEntry, CopyTable, Entry, Lease, OutboxEntry, Scope, ScopedTx, SharedTx, TenantTx,
};

#[doc(hidden)]
pub use sql::private as __private;
