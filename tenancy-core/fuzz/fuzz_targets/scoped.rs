//! Any text is a name of a tenant that can be taken apart, or none.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/sound/mod.rs"]
mod sound;

use libfuzzer_sys::fuzz_target;
use tenancy_core::{SchemaName, Slug, Tenant, TenantId};

fn tenant() -> Tenant {
    let id = TenantId::from_uuid(uuid::Uuid::from_u128(1));
    let slug = Slug::parse("acme").expect("a fixed valid slug");
    Tenant::new(id, slug, SchemaName::parse("acme").expect("a fixed valid name"))
}

fuzz_target!(|text: &str| sound::scoped(text, &tenant()));
