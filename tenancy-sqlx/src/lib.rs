//! Where a tenant's rows live.

mod error;
mod search_path;

mod database;

mod fleet;
mod migrate;
mod store;

pub use database::Database;
pub use error::{Error, ErrorKind};
pub use fleet::{DomainRecord, DomainRole, Fleet, NewTenant, ProvisionEvent};
pub use migrate::{
    FleetStatus, MigrateEvent, Migration, MigrationFailure, MigrationSet, Migrations, Mismatch,
    Outcome, Position, RunReport, ScopeStatus, Selection, TenantReport, TenantStatus,
};
pub use store::{PgTenantStore, TenantChange, TenantChanges};
