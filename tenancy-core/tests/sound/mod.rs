//! What holds for every text, whoever wrote it: the fuzz targets and the tests check the same.

use tenancy_core::{Domain, Host, Prefix, SchemaName, ScopeKind, ScopedName, Slug, Tenant};

/// The longest name that PostgreSQL keeps whole.
const IDENTIFIER: usize = 63;

/// Panics unless `text` is refused as a host, or is one that is written in one way only.
pub(crate) fn host(text: &str) {
    let Ok((host, port)) = Host::parse_authority(text) else {
        return;
    };
    let written = match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    };
    let again = Host::parse_authority(&written);
    assert_eq!(again.as_ref().ok(), Some(&(host.clone(), port)), "{text:?}");
    let Some(domain) = host.domain() else {
        return;
    };
    let name = domain.as_str();
    assert_eq!(Domain::parse(name).as_ref().ok(), Some(domain), "{text:?}");
    assert!(name.len() <= 253 && !name.ends_with('.'), "{text:?}");
    assert!(
        name.split('.').all(|label| (1..=63).contains(&label.len())),
        "{text:?}"
    );
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    assert!(name.chars().all(legal), "{text:?} became {name:?}");
}

/// Panics unless `text` is refused as a name, or is one as it stands that nothing can cut short
/// and nothing has to be escaped in.
pub(crate) fn names(text: &str) {
    if let Ok(slug) = Slug::parse(text) {
        assert_eq!(slug.as_str(), text);
        assert!(!text.starts_with('-') && !text.ends_with('-'));
        let domain = Domain::parse(&format!("{text}.localhost"));
        assert!(domain.is_ok(), "the slug {text:?} is no label");
    }
    let Ok(schema) = SchemaName::parse(text) else {
        return;
    };
    assert_eq!(schema.as_str(), text);
    assert_eq!(schema.quoted(), format!("\"{text}\""));
    assert!(text.len() <= IDENTIFIER, "{text:?} would be cut short");
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(text.chars().all(legal), "{text:?}");
    let of_others = [
        "public",
        "tenancy",
        "shared",
        "extensions",
        "information_schema",
    ];
    assert!(
        !text.starts_with("pg_") && !of_others.contains(&text),
        "{text:?}"
    );
}

/// Panics unless `text` is no name for another store, or is the one name of what it is taken
/// apart into; and unless every name that `text` gives can be taken apart again.
pub(crate) fn scoped(text: &str, tenant: &Tenant) {
    if let Ok(parts) = ScopedName::decode(text) {
        let like = Tenant::new(
            parts.tenant(),
            tenant.slug().clone(),
            tenant.schema_name().clone(),
        );
        let again = ScopedName::for_tenant(&like, parts.prefix(), parts.kind(), parts.name());
        assert_eq!(again.as_ref().map(ScopedName::as_str).ok(), Some(text));
    }
    let prefix = Prefix::parse("tenancy").expect("a fixed valid prefix");
    for kind in ScopeKind::ALL {
        if let Ok(name) = ScopedName::for_tenant(tenant, &prefix, kind, text) {
            let parts = ScopedName::decode(name.as_str()).expect("a name that was made");
            assert_eq!((parts.kind(), parts.name()), (kind, text));
            assert_eq!(parts.tenant(), tenant.id());
            assert!(name.as_str().len() <= kind.max_len());
        }
    }
}
