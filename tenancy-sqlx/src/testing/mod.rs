//! What a test needs: a database of its own, and the proof that every statement fits the tables.
//!
//! The server is the one at `TEST_DATABASE_URL` (a superuser's URL), or else a private one
//! that the first test of the process starts and that ends with the process. Every database
//! is prepared exactly as [`EmbeddedPg`](crate::embedded::EmbeddedPg) prepares its own, so a
//! test runs with the rights that the program will have.
//!
//! [`Statements`] finds every statement of a crate in its source and lets the server prepare it
//! against one tenant's tables. This is a whole test:
//!
//! ```no_run
//! use tenancy_core::{Slug, TenantContext};
//! use tenancy_sqlx::testing::{Statements, TestDatabase};
//! use tenancy_sqlx::{Database, Fleet, MigrationSet, Migrations, NewTenant, PoolSettings};
//!
//! # fn migrations() -> Migrations { Migrations::default() }
//! # /*
//! #[tokio::test]
//! # */
//! async fn every_statement_fits_the_tables() -> Result<(), Box<dyn std::error::Error>> {
//!     let test = TestDatabase::new().await;
//!     let fleet = Fleet::connect(test.owner_options(), Some(test.app_login()), migrations()).await?;
//!     fleet.prepare().await?;
//!     let tenant = fleet.create(NewTenant::new(Slug::parse("acme")?), |_| {}).await?;
//!     let database = Database::connect(test.app_options(), PoolSettings::default()).await?;
//!     let acme = database.tenant(&TenantContext::new(tenant.into(), "test")?);
//!     Statements::in_crate(env!("CARGO_MANIFEST_DIR")).check(&acme).await?;
//!     Ok(())
//! }
//! ```
//!
//! This is the one part of the crate that reads the environment and source files, prints and
//! panics, because only tests call it.

mod database;
mod spy;

mod literal;
mod source;

mod excerpt;
mod fault;
mod statements;

pub use database::TestDatabase;
pub use fault::{StatementFault, StatementFaults};
pub use source::{Place, Unseen};
pub use spy::spy;
pub use statements::{Checked, Statements};
