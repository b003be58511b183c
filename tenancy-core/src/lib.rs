//! Who is the tenant.

mod error;
mod problem;

mod name;

mod domain;

mod tenant;

mod context;

mod store;

mod resource;

pub use context::TenantContext;
pub use domain::Domain;
pub use error::{Error, ErrorKind};
pub use name::{SchemaName, Slug};
pub use problem::{FieldError, Problem, ProblemCode};
pub use resource::{ExportSink, TenantResource};
pub use store::{Identifier, TenantStore};
pub use tenant::{Status, Tenant, TenantId};
