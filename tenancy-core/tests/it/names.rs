//! Every name has one spelling, and its parser either refuses or keeps it.

use proptest::prelude::*;
use tenancy_core::{Domain, ErrorKind, Prefix, SchemaName, Slug, TenantId};

/// Texts near the border of what names allow, which random text hardly ever meets.
fn near_name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z][a-z0-9_-]{0,66}",
        2 => "[a-zA-Z0-9._:/%-]{0,70}",
        1 => ".{0,40}",
        1 => "(pg_|xn--|PG_|public|www|shared|a--b|ab--c)[a-z0-9]{0,4}",
        1 => "[a-z]{1,5}[\u{200b}\u{0131}\u{212a}\u{ff41}\u{00df}'\"\\\\; \n\0][a-z]{0,5}",
    ]
}

fn near_domain() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "([a-z0-9-]{1,8}\\.){0,3}[a-z0-9-]{1,8}\\.?",
        1 => "([a-z0-9]{1,63}\\.){3,5}[a-z]{1,8}",
        1 => "([A-Za-z0-9äßµ。-]{1,8}\\.){0,3}[A-Za-zéK-]{1,8}",
        1 => "(xn--[a-z0-9-]{1,12}\\.){0,2}(xn--[a-z0-9]{1,6}|test)",
        1 => near_name(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn schema_name_is_kept_or_refused(text in near_name()) {
        let legal = text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        match SchemaName::parse(&text) {
            Ok(name) => {
                prop_assert!(legal && !text.starts_with("pg_"));
                prop_assert_eq!(name.as_str(), &text);
                prop_assert_eq!(name.quoted(), format!("\"{text}\""));
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidName),
        }
    }

    #[test]
    fn slug_is_kept_or_refused_and_is_a_domain_label(text in near_name()) {
        match Slug::parse(&text) {
            Ok(slug) => {
                prop_assert_eq!(slug.as_str(), &text);
                let domain = Domain::parse(&format!("{text}.example.com")).unwrap();
                let base = Domain::parse("example.com").unwrap();
                prop_assert_eq!(domain.label_below(&base), Some(&*text));
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidName),
        }
    }

    #[test]
    fn slugs_and_their_schema_names_lead_to_each_other(text in "[a-z][a-z0-9-]{0,40}") {
        if let Ok(slug) = Slug::parse(&text)
            && let Ok(schema) = SchemaName::from_slug(&slug)
        {
            prop_assert_eq!(Slug::from_schema(&schema).unwrap(), slug);
        }
    }

    #[test]
    fn domain_has_one_canonical_form(text in near_domain()) {
        match Domain::parse(&text) {
            Ok(domain) => {
                let canonical = domain.as_str();
                prop_assert_eq!(&Domain::parse(canonical).unwrap(), &domain);
                prop_assert_eq!(&Domain::parse(&canonical.to_ascii_uppercase()).unwrap(), &domain);
                prop_assert_eq!(&Domain::parse(&format!("{canonical}.")).unwrap(), &domain);
                prop_assert!(canonical.len() <= 253 && canonical.is_ascii());
                prop_assert!(canonical.split('.').all(|label| (1..=63).contains(&label.len())));
                prop_assert!(canonical.parse::<std::net::IpAddr>().is_err());
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidHost),
        }
    }

    #[test]
    fn plain_domains_are_judged_as_idna_judges_them(text in "([a-z0-9-]{0,9}\\.){0,4}[a-z0-9-]{1,9}") {
        let plain = Domain::parse(&text);
        let long = idna::domain_to_ascii_strict(&text);
        if let Ok(domain) = plain {
            prop_assert_eq!(domain.as_str(), long.unwrap());
        } else {
            let last = text.rsplit('.').next().unwrap();
            let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
            prop_assert!(long.is_err() || number, "{text} is refused without a reason");
        }
    }

    #[test]
    fn prefix_is_kept_or_refused(text in near_name()) {
        match Prefix::parse(&text) {
            Ok(prefix) => {
                prop_assert_eq!(prefix.as_str(), &text);
                prop_assert!(text.len() <= 31 && !text.contains(['_', ':', '/']));
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidName),
        }
    }

    #[test]
    fn tenant_id_round_trips(bytes in any::<u128>()) {
        let id = TenantId::from_uuid(uuid::Uuid::from_u128(bytes));
        prop_assert_eq!(id.to_string().parse::<TenantId>().unwrap(), id);
    }

    #[test]
    fn names_round_trip_through_json(text in near_name()) {
        if let Ok(schema) = SchemaName::parse(&text) {
            let json = serde_json::to_string(&schema).unwrap();
            prop_assert_eq!(serde_json::from_str::<SchemaName>(&json).unwrap(), schema);
        } else {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert!(serde_json::from_str::<SchemaName>(&json).is_err());
        }
    }
}

#[test]
fn reserved_and_lookalike_schema_names_are_refused() {
    crate::support::sabotage();
    let names = [
        "public",
        "pg_catalog",
        "pg_",
        "information_schema",
        "tenancy",
        "shared",
        "extensions",
        "Acme",
        "acme-1",
        "1acme",
        "_acme",
        "",
        "a b",
        "a\"b",
        "a'b",
        "a;b",
        "a.b",
        "$user",
        "pub\u{200b}lic",
        "publıc",
        "ａcme",
        "a\0",
        "acme\n",
    ];
    for name in names {
        assert!(SchemaName::parse(name).is_err(), "{name:?} was accepted");
    }
    assert!(SchemaName::parse(&"a".repeat(63)).is_ok());
    assert!(SchemaName::parse(&"a".repeat(64)).is_err());
}

#[test]
fn hosts_that_installations_use_are_no_slugs() {
    for slug in [
        "www",
        "admin",
        "api",
        "app",
        "static",
        "assets",
        "ws",
        "mail",
        "localhost",
        "default",
        "all",
        "null",
        "xn--abc",
        "1a",
        "a-",
        "-a",
        "a_b",
        "A",
        "",
    ] {
        assert!(Slug::parse(slug).is_err(), "{slug:?} was accepted");
    }
}

#[test]
fn label_below_is_one_whole_label() {
    crate::support::sabotage();
    let below = |name: &str, base: &str| {
        let (name, base) = (Domain::parse(name).unwrap(), Domain::parse(base).unwrap());
        name.label_below(&base).map(str::to_owned)
    };
    assert_eq!(below("a.example.com", "example.com").as_deref(), Some("a"));
    assert_eq!(
        below("a.b.example.com", "b.example.com").as_deref(),
        Some("a")
    );
    for name in [
        "example.com",
        "a.b.example.com",
        "aexample.com",
        "com",
        "a.example.com.evil",
    ] {
        assert_eq!(below(name, "example.com"), None, "{name}");
    }
}
