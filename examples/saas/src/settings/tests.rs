use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_lookup(|name| {
        pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn nothing_set_gives_the_defaults() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.base_domain.as_str(), "localhost");
    assert!(settings.database.is_none());
    assert!(settings.single_tenant.is_none());
}

#[test]
fn every_fault_is_named_at_once_and_no_password_is_shown() {
    let error = read(&[
        ("LISTEN", "nowhere"),
        ("DATABASE_URL", "mysql://root:s3cret@db/x"),
        ("ALLOWED_HOSTS", "*"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
    ])
    .unwrap_err()
    .to_string();
    for name in [
        "LISTEN",
        "DATABASE_URL",
        "ALLOWED_HOSTS",
        "TRUSTED_PROXIES",
        "BASE_DOMAIN",
    ] {
        assert!(error.contains(name), "{error}");
    }
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_database_url_without_a_login_is_refused() {
    let error = read(&[("DATABASE_URL", "postgres://db.example/app")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("names no login"), "{error}");
}

#[test]
fn the_names_of_django_settings_make_a_database() {
    for prefix in ["DB", "DATABASE"] {
        let names = ["NAME", "USER", "PASSWORD", "HOST", "PORT"].map(|n| format!("{prefix}_{n}"));
        let values = ["shop", "me", "p@ss/word", "db.example", "6432"];
        let pairs: Vec<_> = names.iter().map(String::as_str).zip(values).collect();
        let database = read(&pairs).unwrap().database.unwrap();
        assert_eq!(database.get_host(), "db.example");
        assert_eq!(database.get_port(), 6432);
        assert_eq!(database.get_database(), Some("shop"));
        assert_eq!(database.get_username(), "me");
    }
}

#[test]
fn one_tenant_for_every_host_is_named_or_refused() {
    let refused = read(&[("ENABLE_MULTI_TENANCY", "False")])
        .unwrap_err()
        .to_string();
    assert!(refused.contains("DEFAULT_TENANT_SCHEMA"), "{refused}");
    let settings = read(&[
        ("ENABLE_MULTI_TENANCY", "False"),
        ("DEFAULT_TENANT_SCHEMA", "my_shop"),
    ])
    .unwrap();
    assert_eq!(
        settings.single_tenant,
        Some(SchemaName::parse("my_shop").unwrap())
    );
}

#[test]
fn a_direct_database_alone_is_refused() {
    let alone = [("DATABASE_DIRECT_URL", "postgres://owner@db.example/app")];
    let error = read(&alone).unwrap_err().to_string();
    assert!(
        error.contains("DATABASE_DIRECT_URL without DATABASE_URL"),
        "{error}"
    );
}
