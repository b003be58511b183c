//! The fleet on a real PostgreSQL: provisioning, migrations, and the application's view of both.

mod support;

mod migrate;
mod provision;
mod store;
