//! Who is the tenant.

mod error;
mod problem;

mod name;

mod domain;

mod host;

mod tenant;

mod context;

mod resolve;

mod store;

mod scope;

mod resource;

mod future;
mod layer;
mod service;

#[cfg(feature = "testing")]
pub mod testing;

pub use context::TenantContext;
pub use domain::Domain;
pub use error::{Error, ErrorKind};
pub use future::ResponseFuture;
pub use host::{Host, PeerAddr, TrustedProxies};
pub use layer::TenantLayer;
pub use name::{SchemaName, Slug};
pub use problem::{FieldError, IntoProblem, Problem, ProblemCode};
pub use resolve::{
    ExactDomain, Fixed, FromFn, Header, Identification, PathPrefix, Pattern, RequestHead,
    Resolution, Resolver, Strategy, Subdomain, from_fn,
};
pub use resource::{ExportSink, TenantResource};
pub use scope::{Decoded, Prefix, ScopeKind, ScopedName};
pub use service::{Resolved, TenantService};
pub use store::{CacheStats, CachedStore, Identifier, MemoryStore, TenantStore};
pub use tenant::{Status, Tenant, TenantId};
