//! What is to be adopted, what that would change, and what came of it.

use serde::{Deserialize, Serialize};
use tenancy_core::{SchemaName, Slug, Tenant};

use super::super::{NewTenant, TenantPlan};
use crate::error::{Error, ErrorKind};

/// A schema with tables that is to become a tenant; nothing is copied.
///
/// # Example
///
/// ```
/// use tenancy_core::{Domain, Slug};
/// use tenancy_sqlx::{Adoption, NewTenant};
///
/// let acme = NewTenant::new(Slug::parse("acme")?).domain(Domain::parse("acme.example.com")?);
/// let adoption = Adoption::of_schema("Acme").as_tenant(acme).up_to(3);
/// # let _ = adoption;
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Adoption {
    pub(super) from: String,
    tenant: Option<NewTenant>,
    pub(super) version: Option<i64>,
    pub(super) kept: Vec<String>,
}

impl Adoption {
    /// Begins with the schema, by its exact name: of `public` its tables are taken and it stays.
    pub fn of_schema(name: impl Into<String>) -> Self {
        Self {
            from: name.into(),
            tenant: None,
            version: None,
            kept: Vec::new(),
        }
    }

    /// Says which tenant it becomes; its slug follows from the schema's name otherwise.
    ///
    /// A schema keeps its name when that is one for a tenant and no other is asked for.
    #[must_use]
    pub fn as_tenant(mut self, tenant: NewTenant) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Says that its tables are what the migrations up to `version` make; all of them otherwise.
    #[must_use]
    pub fn up_to(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    /// Leaves a table, or another object of this name, where it is: in `public`, for all tenants.
    #[must_use]
    pub fn keep(mut self, name: impl Into<String>) -> Self {
        self.kept.push(name.into());
        self
    }

    /// Decides every name.
    pub(super) fn plan(&self) -> Result<TenantPlan, Error> {
        let name = SchemaName::parse(&self.from);
        let new = match (&self.tenant, name) {
            (Some(new), Ok(name)) => new.clone().schema_or(name),
            (Some(new), Err(_)) => new.clone(),
            (None, Ok(name)) => NewTenant::from_schema(name),
            (None, Err(_)) => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "no tenant's name follows from schema {:?}: say which tenant it becomes",
                        self.from
                    ),
                ));
            }
        };
        new.resolve()
    }
}

/// What an [`Adoption`] would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdoptionPlan {
    /// The schema as it is called now.
    pub from: String,
    /// The tenant that it becomes.
    pub slug: Slug,
    /// What its schema will be called.
    pub schema: SchemaName,
    /// What moves into the schema, by kind and name; empty when the schema itself is renamed or
    /// stays.
    pub moves: Vec<String>,
    /// What stays in `public`, and why.
    pub keeps: Vec<Kept>,
    /// The migrations that are entered as applied.
    pub versions: Vec<i64>,
    /// What to look at: nothing of it is changed.
    pub hints: Vec<String>,
}

/// An object that stays in `public`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// Its kind and name.
    pub object: String,
    /// Why it stays.
    pub because: String,
}

/// A schema that has become a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Adopted {
    /// The tenant.
    pub tenant: Tenant,
    /// What was done.
    pub plan: AdoptionPlan,
}
