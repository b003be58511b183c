//! Names outside the database are equal exactly when all their parts are.

use std::collections::HashSet;

use proptest::prelude::*;
use tenancy_core::{ErrorKind, Prefix, ScopeKind, ScopedName, Tenant, TenantContext, TenantId};
use uuid::Uuid;

use crate::support::tenant;

fn tenant_with(id: u128) -> Tenant {
    let like = tenant("acme");
    let id = TenantId::from_uuid(Uuid::from_u128(id));
    Tenant::new(id, like.slug().clone(), like.schema_name().clone())
}

fn kinds() -> impl Strategy<Value = ScopeKind> {
    prop::sample::select(ScopeKind::ALL.to_vec())
}

/// Few ids, and ones that differ in their last digit only, so that tuples are equal often.
fn ids() -> impl Strategy<Value = u128> {
    prop_oneof![0..3_u128, any::<u128>()]
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    prop_oneof![
        "(a|ab|a-c|a-t|t|tenancy)",
        "[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5})?"
    ]
    .prop_map(|text| Prefix::parse(&text).unwrap())
}

/// Names made of what separates the parts, of other tenants' ids, and of anything.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]",
        "[a-z0-9_-]{1,20}",
        "[ab:_/%.c0-]{1,8}",
        "(a:)?(00000000000000000000000000000000|00000000-0000-0000-0000-000000000001)[:_/]a",
        "(%25|%2|%|%61|a)(%25|%2F|/|\\.\\.|\\.)?",
        "\\PC{1,10}",
        "[\\x00-\\x20{}*?\\[\\]]{1,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn equal_names_have_equal_parts(
        one in (prefixes(), kinds(), ids(), names()),
        other in (prefixes(), kinds(), ids(), names()),
    ) {
        let encode = |(prefix, kind, id, name): &(Prefix, ScopeKind, u128, String)| {
            ScopedName::for_tenant(&tenant_with(*id), prefix, *kind, name)
        };
        if let (Ok(first), Ok(second)) = (encode(&one), encode(&other)) {
            prop_assert_eq!(first == second, one == other, "{:?} {:?}", first, second);
        }
    }

    #[test]
    fn decoding_is_the_inverse_of_encoding(
        prefix in prefixes(), kind in kinds(), id in ids(), name in names(),
    ) {
        let tenant = tenant_with(id);
        if let Ok(scoped) = ScopedName::for_tenant(&tenant, &prefix, kind, &name) {
            let parts = ScopedName::decode(scoped.as_str()).unwrap();
            prop_assert_eq!(parts.prefix(), &prefix);
            prop_assert_eq!(parts.kind(), kind);
            prop_assert_eq!(parts.tenant(), tenant.id());
            prop_assert_eq!(parts.name(), name);
        }
    }

    #[test]
    fn what_decodes_is_spelled_in_the_only_way(
        text in "(a|a-b)(:[cpl]:|_|/t/)(0{32}|0{8}-0{4}-0{4}-0{4}-0{11}[1A]|0{31}[Aa])[:_/]([ab/_:]|%2[05f]|%61|\\.){1,4}"
    ) {
        match ScopedName::decode(&text) {
            Ok(parts) => {
                let tenant = tenant_with(parts.tenant().as_uuid().as_u128());
                let again =
                    ScopedName::for_tenant(&tenant, parts.prefix(), parts.kind(), parts.name())
                        .unwrap();
                prop_assert_eq!(again.as_str(), text);
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Corrupt),
        }
    }

    #[test]
    fn every_index_is_legal_for_elasticsearch(prefix in prefixes(), id in ids(), name in names()) {
        if let Ok(index) = ScopedName::for_tenant(&tenant_with(id), &prefix, ScopeKind::Index, &name) {
            let text = index.as_str();
            prop_assert!(text.len() <= 255);
            prop_assert!(!text.starts_with(['-', '_', '+', '.']));
            prop_assert!(!text.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':']));
            prop_assert_eq!(text.to_lowercase(), text);
        }
    }

    #[test]
    fn no_object_leaves_its_tenants_folder(id in ids(), name in names()) {
        let tenant = tenant_with(id);
        if let Ok(object) = ScopedName::for_tenant(&tenant, &Prefix::default(), ScopeKind::Object, &name) {
            let folder = format!("tenancy/t/{}/", tenant.id());
            let rest = object.as_str().strip_prefix(&folder).unwrap();
            for segment in rest.split('/') {
                prop_assert!(!matches!(segment, "" | "." | ".."));
                prop_assert!(!segment.contains(['\\', '\0', ':']));
            }
        }
    }
}

#[test]
fn a_name_follows_the_id_through_renames() {
    let before = tenant("acme");
    let after = tenant("renamed");
    let after = Tenant::new(
        before.id(),
        after.slug().clone(),
        after.schema_name().clone(),
    );
    let prefix = Prefix::default();
    for kind in ScopeKind::ALL {
        let name = |tenant: &Tenant| ScopedName::for_tenant(tenant, &prefix, kind, "x").unwrap();
        assert_eq!(name(&before), name(&after));
        let context = TenantContext::new(before.clone().into(), "test").unwrap();
        let by_context = ScopedName::for_context(&context, &prefix, kind, "x").unwrap();
        assert_eq!(name(&before), by_context);
    }
}

#[test]
fn what_is_too_long_or_not_legal_is_refused() {
    let acme = tenant("acme");
    let prefix = Prefix::default();
    let check = |kind: ScopeKind, name: &str, fits: bool| {
        let made = ScopedName::for_tenant(&acme, &prefix, kind, name);
        assert_eq!(made.is_ok(), fits, "{kind:?} {name:?}: {made:?}");
        if let Err(error) = made {
            assert_eq!(error.kind(), ErrorKind::InvalidName);
        }
    };
    for kind in ScopeKind::ALL {
        check(kind, "", false);
        check(kind, "posts", true);
        let frame = ScopedName::for_tenant(&acme, &prefix, kind, "a")
            .unwrap()
            .as_str()
            .len()
            - 1;
        if kind != ScopeKind::Object {
            check(kind, &"a".repeat(kind.max_len() - frame), true);
        }
        check(kind, &"a".repeat(kind.max_len() - frame + 1), false);
        check(kind, &"a".repeat(1 << 20), false);
    }
    for name in [
        "Posts", "po sts", "po*", "_posts", "-posts", "po,sts", "po:sts", "pö", "a.b",
    ] {
        check(ScopeKind::Index, name, false);
    }
    for name in ["..", "a/../b", "./a", "/a", "a/", "a//b", "a/."] {
        check(ScopeKind::Object, name, false);
    }
    check(ScopeKind::Object, "a/..b/c.txt", true);
    check(ScopeKind::Object, &"ä".repeat(43), false);
    check(ScopeKind::Cache, "page:1/ä {x}*\0", true);
}

#[test]
fn lock_keys_are_stable_and_do_not_collide_in_practice() {
    let prefix = Prefix::default();
    let fixed = tenant_with(1);
    let known = ScopedName::for_tenant(&fixed, &prefix, ScopeKind::Lock, "migrate").unwrap();
    assert_eq!(
        known.as_str(),
        "tenancy:l:00000000000000000000000000000001:migrate"
    );
    assert_eq!(
        known.lock_key(),
        KNOWN_LOCK_KEY,
        "lock keys may not change between versions"
    );

    let mut keys = HashSet::new();
    for id in 0..20_000 {
        let tenant = tenant_with(id);
        for name in ["migrate", "provision", "purge", "a", "b"] {
            let lock = ScopedName::for_tenant(&tenant, &prefix, ScopeKind::Lock, name).unwrap();
            assert!(keys.insert(lock.lock_key()), "{lock} shares its key");
        }
    }
}

/// Computed once, apart from this crate.
const KNOWN_LOCK_KEY: i64 = 2_061_137_137_897_955_946;
