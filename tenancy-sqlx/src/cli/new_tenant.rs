//! What the commands that make a tenant have in common.

use tenancy_core::{Domain, SchemaName, Slug, Tenant};

use crate::NewTenant;

/// The tenant that such words ask for; what they leave out follows from the slug.
pub(super) fn of_words(
    slug: Slug,
    schema: Option<SchemaName>,
    name: Option<String>,
    domain: Option<Domain>,
) -> NewTenant {
    let mut new = NewTenant::new(slug);
    if let Some(schema) = schema {
        new = new.schema(schema);
    }
    if let Some(name) = name {
        new = new.name(name);
    }
    if let Some(domain) = domain {
        new = new.domain(domain);
    }
    new
}

/// Where `tenant` answers, or how it gets to.
pub(super) fn address(tenant: &Tenant) -> String {
    tenant.primary_domain().map_or_else(
        || "it has no domain yet: add one with `domain add`".to_owned(),
        |domain| format!("it answers at {domain}"),
    )
}
