//! The tenant: an identity that never changes, names that may, and a status that says what it
//! may do now.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::Domain;
use crate::error::{Error, ErrorKind};
use crate::maintenance::Maintenance;
use crate::name::{SchemaName, Slug};
use crate::plan::{Features, Limits, PlanName};

/// Identifies a tenant for ever: it outlives renames and is never given out again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(Uuid);

impl TenantId {
    /// Makes a new id that sorts by the time it was made (UUIDv7).
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Takes an id that a store kept.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id as a UUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}

impl FromStr for TenantId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Uuid::parse_str(text).map(Self).map_err(|error| {
            Error::with_source(
                ErrorKind::InvalidName,
                format!("tenant id {text:?} is invalid: use a UUID"),
                error,
            )
        })
    }
}

/// Where a tenant is in its life; only [`Status::Active`] serves requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Its stores are being made.
    Provisioning,
    /// It serves.
    Active,
    /// It was stopped by its operator and keeps everything.
    Suspended,
    /// It is being worked on and comes back by itself.
    Maintenance,
    /// It is gone for its users and can still be brought back.
    Archived,
    /// Nothing of it is left but the record that it was.
    Purged,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Provisioning,
        Self::Active,
        Self::Suspended,
        Self::Maintenance,
        Self::Archived,
        Self::Purged,
    ];

    /// The status as stores and clients spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Maintenance => "maintenance",
            Self::Archived => "archived",
            Self::Purged => "purged",
        }
    }

    /// Goes to `next`, if a life may take that step.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidTransition`] when it may not; the message lists the steps that it may.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, Status};
    ///
    /// assert_eq!(Status::Active.transition(Status::Suspended)?, Status::Suspended);
    /// let error = Status::Purged.transition(Status::Active).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidTransition);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn transition(self, next: Self) -> Result<Self, Error> {
        let allowed = self.next();
        if allowed.contains(&next) {
            return Ok(next);
        }
        let steps = match allowed {
            [] => "it is final".to_owned(),
            steps => {
                let names: Vec<_> = steps.iter().map(|status| status.as_str()).collect();
                format!("it can become {}", names.join(", "))
            }
        };
        Err(Error::new(
            ErrorKind::InvalidTransition,
            format!("a tenant that is {self} cannot become {next}: {steps}"),
        ))
    }

    /// The statuses that may follow.
    pub const fn next(self) -> &'static [Self] {
        match self {
            // What is purged before it was complete is archived until it is gone.
            Self::Provisioning => &[Self::Active, Self::Archived, Self::Purged],
            Self::Active => &[Self::Suspended, Self::Maintenance, Self::Archived],
            Self::Suspended => &[Self::Active, Self::Maintenance, Self::Archived],
            Self::Maintenance => &[Self::Active, Self::Suspended, Self::Archived],
            // Undelete brings a tenant back suspended, so that somebody looks before it serves.
            Self::Archived => &[Self::Suspended, Self::Purged],
            Self::Purged => &[],
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidName,
                    format!("tenant status {text:?} is unknown"),
                )
            })
    }
}

/// One customer: an immutable id, its present names, and its status.
///
/// Holding a `Tenant` gives no access to its data; that takes a
/// [`TenantContext`](crate::TenantContext), which only an active tenant has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    id: TenantId,
    slug: Slug,
    schema_name: SchemaName,
    name: String,
    description: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    maintenance: Option<Maintenance>,
    primary_domain: Option<Domain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanName>,
    #[serde(skip_serializing_if = "Limits::is_empty")]
    limits: Limits,
    #[serde(skip_serializing_if = "Features::is_empty")]
    features: Features,
    #[serde(skip)]
    migration: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl Tenant {
    /// Makes a tenant in status [`Status::Provisioning`], named after its slug, as of now.
    pub fn new(id: TenantId, slug: Slug, schema_name: SchemaName) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            id,
            name: slug.to_string(),
            slug,
            schema_name,
            description: String::new(),
            status: Status::Provisioning,
            maintenance: None,
            primary_domain: None,
            plan: None,
            limits: Limits::new(),
            features: Features::new(),
            migration: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Gives it a name for people.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Describes it.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Puts it into `status`, as a store read it; changes go through [`Status::transition`].
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        if status != Status::Maintenance {
            self.maintenance = None;
        }
        self
    }

    /// Puts it into [`Status::Maintenance`], with what it tells its users meanwhile.
    #[must_use]
    pub fn with_maintenance(mut self, maintenance: Maintenance) -> Self {
        self.status = Status::Maintenance;
        self.maintenance = Some(maintenance);
        self
    }

    /// Names the domain its links use.
    #[must_use]
    pub fn with_primary_domain(mut self, domain: impl Into<Option<Domain>>) -> Self {
        self.primary_domain = domain.into();
        self
    }

    /// Says which plan it has.
    #[must_use]
    pub fn with_plan(mut self, plan: impl Into<Option<PlanName>>) -> Self {
        self.plan = plan.into();
        self
    }

    /// Says what it may use: its plan's terms, with what is otherwise for this tenant.
    #[must_use]
    pub fn with_terms(mut self, limits: Limits, features: Features) -> Self {
        self.limits = limits;
        self.features = features;
        self
    }

    /// Says which migration of its schema was the last, as a store read it.
    #[must_use]
    pub fn with_migration(mut self, version: i64) -> Self {
        self.migration = version;
        self
    }

    /// Takes the times a store kept.
    #[must_use]
    pub fn with_times(mut self, created_at: OffsetDateTime, updated_at: OffsetDateTime) -> Self {
        self.created_at = created_at;
        self.updated_at = updated_at;
        self
    }

    /// The id that never changes.
    pub fn id(&self) -> TenantId {
        self.id
    }

    /// Its name in URLs and commands.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    /// The schema that holds its tables.
    pub fn schema_name(&self) -> &SchemaName {
        &self.schema_name
    }

    /// The version of the last migration of its schema, or 0 where the store does not say.
    ///
    /// What was learnt of its tables under one version does not count under another.
    pub fn migration(&self) -> i64 {
        self.migration
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a sentence; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Where it is in its life.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What it tells its users while it is in maintenance.
    pub fn maintenance(&self) -> Option<&Maintenance> {
        self.maintenance.as_ref()
    }

    /// The domain its links use, if it has one.
    pub fn primary_domain(&self) -> Option<&Domain> {
        self.primary_domain.as_ref()
    }

    /// The plan it has, if any.
    pub fn plan(&self) -> Option<&PlanName> {
        self.plan.as_ref()
    }

    /// How much of each thing it may have; without a plan and overrides, everything is unlimited.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The features it has.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// When it was made.
    pub fn created_at(&self) -> OffsetDateTime {
        self.created_at
    }

    /// When it was last changed.
    pub fn updated_at(&self) -> OffsetDateTime {
        self.updated_at
    }
}
