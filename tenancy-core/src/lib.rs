#![doc = include_str!("../README.md")]
//!
//! # The way of a request
//!
//! `request -> `[`Host`]` -> `[`Strategy`]` -> `[`TenantStore`]` -> `[`TenantContext`]` -> handler`
//!
//! [`Host::from_head`] finds the one host that the request names, or refuses it. The
//! [`Resolver`] lets its strategies look for an [`Identifier`] in order, the first that finds one
//! decides, and the store says which tenant answers to it. Only an active tenant becomes a
//! [`TenantContext`]; from there on the tenant is an argument. There is no ambient and no default
//! tenant: what cannot be resolved is an [`Error`], which a client sees as a [`Problem`].

mod error;
mod problem;

mod name;

mod domain;

mod host;

mod maintenance;
mod plan;
mod tenant;

mod context;

mod resolve;

mod store;

mod scope;

mod resource;

pub mod job;

pub mod cache;

pub mod outbox;

pub mod rate;

mod exposition;

mod future;
mod layer;
mod service;

#[cfg(feature = "testing")]
pub mod testing;

#[doc(hidden)]
pub mod sabotage;

pub use cache::{CacheResource, Caches, MemoryCache, TenantCache};
#[cfg(feature = "redis")]
pub use cache::{LayeredCache, RedisCache};
pub use context::TenantContext;
pub use domain::Domain;
pub use error::{Error, ErrorKind};
pub use exposition::{Exposition, Family};
pub use future::ResponseFuture;
pub use host::{Host, PeerAddr, TrustedProxies};
pub use layer::TenantLayer;
pub use maintenance::Maintenance;
pub use name::{SchemaName, Slug};
pub use plan::{
    Admission, FeatureName, Features, LimitName, Limits, Overrides, Plan, PlanName, Threshold,
};
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
