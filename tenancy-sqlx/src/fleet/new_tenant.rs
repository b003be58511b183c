//! What a new tenant is to be, and how far its creation has come.

use std::fmt;

use tenancy_core::{Domain, SchemaName, Slug};

use super::names::Wanted;
use crate::error::{Error, ErrorKind};

/// A tenant that is to be created.
///
/// A slug alone gives the schema and a schema alone the slug: `my-shop` and `my_shop`.
///
/// # Example
///
/// ```
/// use tenancy_core::{Domain, Slug};
/// use tenancy_sqlx::NewTenant;
///
/// let new = NewTenant::new(Slug::parse("my-shop")?)
///     .name("My shop")
///     .domain(Domain::parse("shop.example.com")?);
/// # let _ = new;
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NewTenant {
    slug: Option<Slug>,
    schema: Option<SchemaName>,
    name: Option<String>,
    description: String,
    domains: Vec<Domain>,
}

impl NewTenant {
    /// Begins with the name in URLs.
    pub fn new(slug: Slug) -> Self {
        Self {
            slug: Some(slug),
            schema: None,
            name: None,
            description: String::new(),
            domains: Vec::new(),
        }
    }

    /// Begins with the schema.
    pub fn from_schema(schema: SchemaName) -> Self {
        Self {
            slug: None,
            schema: Some(schema),
            name: None,
            description: String::new(),
            domains: Vec::new(),
        }
    }

    /// Gives it a name in URLs that does not follow from the schema.
    #[must_use]
    pub fn slug(mut self, slug: Slug) -> Self {
        self.slug = Some(slug);
        self
    }

    /// Gives it a schema that does not follow from the slug.
    #[must_use]
    pub fn schema(mut self, schema: SchemaName) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Gives it this schema unless another was asked for.
    pub(super) fn schema_or(mut self, schema: SchemaName) -> Self {
        self.schema.get_or_insert(schema);
        self
    }

    /// Gives it this name and description unless others were asked for.
    pub(super) fn described_or(mut self, name: &str, description: &str) -> Self {
        self.name.get_or_insert_with(|| name.to_owned());
        if self.description.is_empty() {
            description.clone_into(&mut self.description);
        }
        self
    }

    /// Gives it a name for people; the slug otherwise.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Describes it.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a domain; the first is the primary one.
    #[must_use]
    pub fn domain(mut self, domain: Domain) -> Self {
        if !self.domains.contains(&domain) {
            self.domains.push(domain);
        }
        self
    }

    /// Completes and checks it.
    pub(super) fn resolve(self) -> Result<TenantPlan, Error> {
        let (slug, schema) = match (self.slug, self.schema) {
            (Some(slug), Some(schema)) => (slug, schema),
            (Some(slug), None) => {
                let schema = SchemaName::from_slug(&slug)?;
                (slug, schema)
            }
            (None, Some(schema)) => (Slug::from_schema(&schema)?, schema),
            // Neither constructor leaves both out.
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "a new tenant has neither slug nor schema: give one",
                ));
            }
        };
        let name = self
            .name
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| slug.to_string());
        for (what, text, most) in [
            ("name", &name, 200),
            ("description", &self.description, 2000),
        ] {
            if text.contains('\0') || text.chars().count() > most {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "the {what} of tenant {slug} is invalid: use at most {most} characters \
                         without NUL"
                    ),
                ));
            }
        }
        Ok(TenantPlan {
            slug,
            schema,
            name,
            description: self.description,
            domains: self.domains,
        })
    }
}

/// A [`NewTenant`] with every name decided, as a [`TenantValidator`](crate::TenantValidator) sees
/// it.
#[derive(Debug)]
pub struct TenantPlan {
    pub(super) slug: Slug,
    pub(super) schema: SchemaName,
    pub(super) name: String,
    pub(super) description: String,
    /// The first is the primary one.
    pub(super) domains: Vec<Domain>,
}

impl TenantPlan {
    /// Its name in URLs and commands.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    /// The schema that its tables will be in.
    pub fn schema_name(&self) -> &SchemaName {
        &self.schema
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a sentence; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its domains, the primary one first.
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            slug: &self.slug,
            schema: &self.schema,
            domains: &self.domains,
            by: None,
        }
    }
}

/// How far the creation of a tenant has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProvisionEvent {
    /// Every name is free, and kept until the end.
    Reserved,
    /// The schema is there with all its tables, not yet visible to others.
    Migrated {
        /// The versions that were applied.
        versions: Vec<i64>,
    },
    /// What was done so far is in the database.
    Committed,
    /// A resource is being made ready.
    Provisioning {
        /// Its name.
        resource: &'static str,
    },
    /// The tenant serves.
    Active,
    /// Something failed and everything is being taken back.
    Undoing,
}

impl fmt::Display for ProvisionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => f.write_str("names are free"),
            Self::Migrated { versions } => match versions.len() {
                1 => f.write_str("schema made, 1 migration applied"),
                count => write!(f, "schema made, {count} migrations applied"),
            },
            Self::Committed => f.write_str("committed"),
            Self::Provisioning { resource } => write!(f, "making {resource} ready"),
            Self::Active => f.write_str("active"),
            Self::Undoing => f.write_str("failed: taking everything back"),
        }
    }
}
