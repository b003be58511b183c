//! The fleet on a real PostgreSQL: provisioning, migrations, and the application's view of both.

#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod crash;
mod faults;
mod forger;
mod patient;
mod pooler;
mod proxy;
mod recorder;
mod rich;
mod shelf;
mod stores;
mod support;

mod adopt;
mod append;
mod behind;
mod clone;
mod commit;
mod contend;
mod doctor;
mod drift;
mod export;
mod first;
mod hidden_rows;
mod hostile;
mod import;
mod kept;
mod large;
mod life_crash;
mod lifecycle;
mod live;
mod mend_moves;
mod migrate;
mod migrate_cli;
mod migrate_crash;
mod migrate_fleet;
mod migrate_hostile;
mod migrate_outside;
mod migrate_undo;
mod move_roles;
mod names;
mod odd_names;
mod plans;
mod provision;
mod publications;
mod purge;
mod rename;
mod repair;
mod reuse;
mod role_purge;
mod roles;
mod store;
mod suspension;
mod types;
mod unfinished;
mod validator;
