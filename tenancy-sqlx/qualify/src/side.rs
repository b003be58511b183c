//! Whose tables a statement is about, and which schemas it may name for that.

use crate::names::{PUBLIC, SHARED, TENANCY, TENANT};

/// The two kinds of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// One tenant's: tables are its own, `shared` is read.
    Tenant,
    /// The app's own: every table names `public` or `shared`.
    Shared,
}

/// What a table is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// In a FROM list.
    Read,
    /// As the target of INSERT, UPDATE, DELETE or MERGE, which is never a CTE.
    Target,
}

/// How an accepted name reaches PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The quoted schema of the tenant is written in place of the one that stands there.
    Tenant,
    /// The name stays as it is and counts as one of the statement's tables.
    App,
    /// The name stays as it is; the statement's own side does not hold it.
    Published,
}

/// The reason of a refusal, and the way out.
pub(crate) type Why = (String, &'static str);

/// What the app may read of the framework's tables; the rest is reached through its methods.
const READABLE: &[&str] = &["domains", "tenants"];

impl Side {
    /// What such statements are called.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Tenant => "tenant SQL",
            Self::Shared => "shared SQL",
        }
    }

    /// The way out when the parser does not know a form.
    pub(crate) fn raw(self) -> &'static str {
        match self {
            Self::Tenant => {
                "check it, or write tenant_sql!(raw \"…\") with tenant. before each table"
            }
            Self::Shared => {
                "check it, or write shared_sql!(raw \"…\") with public. or shared. before each table"
            }
        }
    }

    /// What is written before the name of a table.
    pub(crate) fn before_a_table(self) -> &'static str {
        match self {
            Self::Tenant => "write tenant.x, shared.x, the name of a CTE or a subquery",
            Self::Shared => "write public.x, shared.x, the name of a CTE or a subquery",
        }
    }

    /// What is written before the name of a function that is not listed.
    pub(crate) fn before_a_function(self) -> &'static str {
        match self {
            Self::Tenant => {
                "write tenant.f(…) for the tenant's own, extensions.f(…) for a listed one of an extension"
            }
            Self::Shared => {
                "write public.f(…) or shared.f(…) for the app's own, extensions.f(…) for a listed one of an extension"
            }
        }
    }

    /// Whether the types of a schema are the same for whoever sends the statement.
    ///
    /// A tenant's own are not: their oids differ between tenants, so what is prepared for one would
    /// not fit another.
    pub(crate) fn has_types_in(self, schema: &str) -> bool {
        schema == SHARED || (self == Self::Shared && schema == PUBLIC)
    }

    /// The way out for a type that may not be named.
    pub(crate) fn type_help(self) -> &'static str {
        match self {
            Self::Tenant => {
                "use text with a CHECK, shared.x for a type of the app, or extensions.x for one of an extension"
            }
            Self::Shared => {
                "write public.x or shared.x for a type of the app, or extensions.x for one of an extension"
            }
        }
    }

    /// Whose table a qualified name is.
    pub(crate) fn table(self, schema: &str, table: &str, purpose: Use) -> Result<Owner, Why> {
        match (self, schema, purpose) {
            (Self::Tenant, TENANT, _) => Ok(Owner::Tenant),
            (Self::Tenant, SHARED, Use::Read) => Ok(Owner::Published),
            (Self::Tenant, SHARED, Use::Target) => Err((
                "tenants only read schema shared".to_owned(),
                "change shared tables through shared_sql!",
            )),
            (Self::Tenant, ..) if sabotaged!("statement.foreign-schema") => Ok(Owner::Published),
            (Self::Tenant, PUBLIC, _) => Err((
                format!("schema {schema} is not the tenant's"),
                "write the table's name alone, shared.x for what every tenant reads, or \
                 shared_sql! for the app's global tables",
            )),
            (Self::Tenant, TENANCY, _) => Err((
                format!("schema {schema} is not the tenant's, it is the framework's own"),
                "use the methods for it, or shared_sql! to read tenancy.tenants",
            )),
            (Self::Tenant, ..) => Err((
                format!("schema {schema} is not the tenant's"),
                "write the table's name alone, or shared.x for what every tenant reads",
            )),
            (Self::Shared, PUBLIC | SHARED, _) => Ok(Owner::App),
            (Self::Shared, TENANCY, Use::Read) if READABLE.contains(&table) => Ok(Owner::App),
            (Self::Shared, TENANCY, Use::Read) => Err((
                format!("{schema}.{table} is the framework's own table"),
                "use the methods for it; tenancy.tenants and tenancy.domains may be read",
            )),
            (Self::Shared, TENANCY, Use::Target) => Err((
                format!("{schema}.{table} is changed by the framework only"),
                "use the methods or the commands for tenants and domains",
            )),
            (Self::Shared, TENANT, _) => Err((
                "shared SQL knows no tenant".to_owned(),
                "write public.x or shared.x; a tenant's tables are for tenant_sql!",
            )),
            (Self::Shared, ..) => Err((
                format!("schema {schema} is neither public nor shared"),
                "write public.x or shared.x; a tenant's tables are for tenant_sql!",
            )),
        }
    }

    /// Whose function a name is that is qualified with neither `pg_catalog` nor `extensions`.
    pub(crate) fn function(self, schema: &str) -> Result<Owner, Why> {
        match (self, schema) {
            (Self::Tenant, TENANT) => Ok(Owner::Tenant),
            (Self::Shared, PUBLIC | SHARED) => Ok(Owner::App),
            (Self::Tenant, _) => Err((
                format!("schema {schema} holds no functions for tenants"),
                "write tenant. for the tenant's own, extensions. for an extension's",
            )),
            (Self::Shared, _) => Err((
                format!("schema {schema} holds no functions for shared SQL"),
                "write public. or shared. for the app's own, extensions. for an extension's",
            )),
        }
    }
}
