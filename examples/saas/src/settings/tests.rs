use super::*;

fn read(process: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_sources(&Sources::of(process, &[]))
}

/// What is said of settings that cannot be used.
fn faults(process: &[(&str, &str)]) -> String {
    read(process).unwrap_err().to_string()
}

fn faults_of_file(file: &[(&str, &str)]) -> String {
    let read = Settings::from_sources(&Sources::of(&[], file));
    read.map_or_else(|faults| faults.to_string(), |_| String::new())
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
fn every_fault_is_named_at_once_and_no_secret_is_shown() {
    let error = faults(&[
        ("LISTEN", "nowhere"),
        ("DATABASE_URL", "mysql://root:s3cret@db/x"),
        ("DATABASE_POOL_SIZE", "0"),
        ("REDIS_URL", "http://:s3cret@redis/"),
        ("ELASTICSEARCH_URL", "es:s3cret@search"),
        ("SECRET_KEY", "s3cret"),
        ("TENANCY_PREFIX", "My_Shop"),
        ("TENANCY_PREFIXX", "x"),
        ("BASE_DOMAIN", "shop.example:8000"),
        ("ALLOWED_HOSTS", "*"),
        ("DEBUG", "perhaps"),
        ("RUST_LOG", "saas=loud"),
        ("LOG_FORMAT", "xml"),
        ("ENABLE_MULTI_TENANCY", "off"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
    ]);
    for name in [
        "LISTEN=nowhere",
        "DATABASE_URL is no PostgreSQL address",
        "DATABASE_POOL_SIZE=0",
        "REDIS_URL is no address",
        "ELASTICSEARCH_URL is no address",
        "SECRET_KEY has 6 characters",
        "TENANCY_PREFIX=My_Shop",
        "TENANCY_PREFIXX is not a setting: write TENANCY_PREFIX",
        "BASE_DOMAIN=shop.example:8000",
        "ALLOWED_HOSTS",
        "DEBUG=perhaps",
        "RUST_LOG=saas=loud",
        "LOG_FORMAT=xml",
        "needs DEFAULT_TENANT_SCHEMA",
        "TRUSTED_PROXIES",
    ] {
        assert!(error.contains(name), "{name}: {error}");
    }
    assert_eq!(error.lines().count(), 15, "{error}");
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn a_database_url_without_a_login_is_refused() {
    let error = faults(&[("DATABASE_URL", "postgres://db.example/app")]);
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
    let refused = faults(&[("ENABLE_MULTI_TENANCY", "False")]);
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
    let error = faults(&alone);
    assert!(
        error.contains("DATABASE_DIRECT_URL without DATABASE_URL"),
        "{error}"
    );
}

#[test]
fn a_pooler_is_known_by_its_name_and_has_a_direct_way_beside_it() {
    let pooled = ("DATABASE_URL", "postgres://app@pooler.example:6432/app");
    let direct = ("DATABASE_DIRECT_URL", "postgres://owner@db.example/app");
    assert_eq!(read(&[pooled]).unwrap().pooler, Pooler::None);
    let settings = read(&[pooled, direct, ("DATABASE_POOLER", "transaction")]).unwrap();
    assert_eq!(settings.pooler, Pooler::Transaction);
    let error = faults(&[pooled, ("DATABASE_POOLER", "transaction-with-statements")]);
    assert!(error.contains("needs DATABASE_DIRECT_URL"), "{error}");
    let error = faults(&[pooled, direct, ("DATABASE_POOLER", "statement")]);
    assert!(
        error.contains("use none, transaction or transaction-with-statements"),
        "{error}"
    );
}

#[test]
fn the_oldest_migration_that_is_served_is_a_number() {
    assert_eq!(read(&[]).unwrap().min_migration, None);
    let settings = read(&[("TENANT_MIN_MIGRATION", "3")]).unwrap();
    assert_eq!(settings.min_migration, Some(3));
    for text in ["-1", "head", "1.5"] {
        let error = faults(&[("TENANT_MIN_MIGRATION", text)]);
        assert!(error.contains("write the number"), "{error}");
    }
}

#[test]
fn a_database_that_is_only_half_named_is_refused() {
    for (part, value) in [("DB_HOST", "db.example"), ("DATABASE_USER", "me")] {
        let error = faults(&[(part, value)]);
        assert!(error.contains("set DB_NAME"), "{error}");
    }
    // An orchestrator says where a service called "db" listens.
    assert!(read(&[("DB_PORT", "tcp://10.0.0.7:5432")]).is_ok());
    let error = faults(&[("DB_NAME", "shop")]);
    assert!(error.contains("set DB_USER"), "{error}");
    let error = faults(&[
        ("DB_NAME", "shop"),
        ("DB_USER", "me"),
        ("DATABASE_PORT", "x"),
    ]);
    assert!(error.contains("DATABASE_PORT=x"), "{error}");
}

#[test]
fn what_the_process_was_given_wins_in_any_spelling() {
    let file = [
        ("DATABASE_URL", "postgres://file@file.example/app"),
        ("DB_PASSWORD", "from the file"),
    ];
    let host_with = |process: &[(&str, &str)]| {
        let settings = Settings::from_sources(&Sources::of(process, &file)).unwrap();
        settings.database.map(|d| d.get_host().to_owned())
    };
    assert_eq!(host_with(&[]).as_deref(), Some("file.example"));
    let parts = [
        ("DB_NAME", "app"),
        ("DB_USER", "me"),
        ("DB_HOST", "given.example"),
    ];
    assert_eq!(host_with(&parts).as_deref(), Some("given.example"));
    // A blank value takes the file's away.
    let nothing = [("DATABASE_URL", ""), ("DB_PASSWORD", " ")];
    assert_eq!(host_with(&nothing), None);
}

#[test]
fn the_other_servers_are_found_under_both_kinds_of_names() {
    let redis = |pairs: &[(&str, &str)]| read(pairs).unwrap().redis.map(|url| url.to_string());
    let shown = |text: &str| Some(text.to_owned());
    assert_eq!(
        redis(&[("REDIS_URL", "redis://:p%40ss@cache.example:6380/2")]),
        shown("cache.example:6380")
    );
    assert_eq!(redis(&[("REDIS_HOST", "redis")]), shown("redis:6379"));
    assert_eq!(
        redis(&[("REDIS_HOST", "redis"), ("REDIS_PORT", "6380")]),
        shown("redis:6380")
    );
    assert_eq!(redis(&[("REDIS_PORT", "6380")]), None);
    let search = |pairs: &[(&str, &str)]| {
        read(pairs)
            .unwrap()
            .elasticsearch
            .map(|url| url.to_string())
    };
    for (name, value) in [
        ("ELASTICSEARCH_URL", "http://es:9200"),
        ("ELASTIC_SEARCH_HOST", "es"),
        ("ELASTIC_SEARCH_HOST", "es:9200"),
        ("ELASTIC_SEARCH_HOST", "http://elastic:secret@es:9200"),
    ] {
        assert_eq!(search(&[(name, value)]), shown("es:9200"), "{value}");
    }
    for (name, value) in [
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "rediss://cache.example"),
        ("REDIS_URL", "redis://:6379"),
        ("REDIS_URL", "redis://host:port"),
        ("REDIS_HOST", "redis://redis"),
        ("ELASTICSEARCH_URL", "https://es:9200"),
        ("ELASTIC_SEARCH_HOST", "https://es:9200"),
        ("ELASTIC_SEARCH_HOST", "es:"),
        ("ELASTIC_SEARCH_HOST", "not a host"),
    ] {
        assert!(faults(&[(name, value)]).contains(name), "{value}");
    }
    let whole = read(&[
        ("REDIS_URL", "redis://:s3cret@cache/"),
        ("SECRET_KEY", &"s3cret".repeat(6)),
    ]);
    let printed = format!("{:?}", whole.unwrap());
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn an_installation_has_its_prefix_under_either_name() {
    let prefix = |pairs: &[(&str, &str)]| read(pairs).unwrap().prefix.to_string();
    assert_eq!(prefix(&[]), "tenancy");
    assert_eq!(prefix(&[("TENANCY_PREFIX", "shop-eu")]), "shop-eu");
    assert_eq!(prefix(&[("ELASTICSEARCH_INDEX_PREFIX", "shop")]), "shop");
}

#[test]
fn with_many_tenants_the_default_one_counts_for_nothing() {
    let settings = read(&[
        ("ENABLE_MULTI_TENANCY", "true"),
        ("DEFAULT_TENANT_SCHEMA", "public"),
    ]);
    assert!(settings.unwrap().single_tenant.is_none());
    let error = faults(&[
        ("ENABLE_MULTI_TENANCY", "false"),
        ("DEFAULT_TENANT_SCHEMA", "public"),
    ]);
    assert!(error.contains("create_tenant"), "{error}");
}

#[test]
fn a_name_that_is_nearly_a_setting_is_refused_with_the_right_one() {
    for (name, setting) in [
        ("TENANCY_PREFX", "TENANCY_PREFIX"),
        ("tenancy_prefix", "TENANCY_PREFIX"),
        ("TENANCY_LISTEN", "LISTEN"),
        ("TENANCY_DATABASE_URL", "DATABASE_URL"),
        ("TENANCY_BASEDOMAIN", "BASE_DOMAIN"),
        ("TENANCY_DEFAULT_TENANT_SCHEMA", "DEFAULT_TENANT_SCHEMA"),
        ("TENANCY_COLOUR", "TENANCY_PREFIX"),
    ] {
        let error = faults(&[(name, "x")]);
        assert!(
            error.contains(&format!("{name} is not a setting")) && error.contains(setting),
            "{error}"
        );
    }
    for (name, setting) in [
        ("TENANT_PREFIX", "write TENANCY_PREFIX"),
        ("DATABASE_ULR", "write DATABASE_URL"),
        ("database_url", "write DATABASE_URL"),
        ("DATABSE_URL", "write DATABASE_URL"),
        ("DB_PASSWROD", "write DB_PASSWORD"),
        ("DB_PASS", "write DB_PASSWORD"),
        ("DB_SSL", "DATABASE_URL is the nearest"),
        ("REDIS_PASSWORD", "REDIS_URL is the nearest"),
        ("ELASTIC_SEARCH_HOSTS", "write ELASTIC_SEARCH_HOST"),
        ("LISTN", "write LISTEN"),
        ("BASEDOMAIN", "write BASE_DOMAIN"),
        ("SECRETKEY", "write SECRET_KEY"),
        ("DEFAULT_TENANT", "write DEFAULT_TENANT_SCHEMA"),
        ("ENABLE_MULTITENANCY", "write ENABLE_MULTI_TENANCY"),
        ("LOG_DIRECTORY", "LOG_DIR"),
        ("TRUSTED_PROXY", "write TRUSTED_PROXIES"),
    ] {
        let error = faults_of_file(&[(name, "x")]);
        assert!(
            error.contains(&format!("{name} is not a setting (in .env)"))
                && error.contains(setting),
            "{name}: {error}"
        );
    }
}

#[test]
fn codes_of_the_doctor_are_accepted_by_name_and_misspelt_ones_refused_with_the_right_one() {
    let accepted = |text: &str| read(&[("DOCTOR_ACCEPT", text)]).unwrap().doctor_accept;
    assert!(read(&[]).unwrap().doctor_accept.is_empty());
    assert_eq!(
        accepted("login_superuser, clock_wrong,"),
        [Code::LoginSuperuser, Code::ClockWrong]
    );
    let error = faults(&[("DOCTOR_ACCEPT", "login_superusr,clock_wrong,all")]);
    assert!(
        error.contains("DOCTOR_ACCEPT cannot be used")
            && error.contains("did you mean login_superuser?"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 2, "{error}");
    let error = faults_of_file(&[("DOCTOR_ACEPT", "x")]);
    assert!(error.contains("write DOCTOR_ACCEPT"), "{error}");
}

#[test]
fn names_of_others_are_left_alone() {
    let file = [
        ("EMAIL_HOST", "mail"),
        ("MQ_PORT", "1"),
        ("HTTP_PORT", "1"),
        ("CI_USER", "x"),
        ("VITE_API_URL", "/"),
        ("SENTRY_DSN", "x"),
        ("RUST_BACKTRACE", "1"),
        ("POSTGRES_PASSWORD", "x"),
        ("POSTGRES_USER", "x"),
        ("REDIS_PORT", "6380"),
        ("TENANCY_CACHE", "/tmp"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("PGHOST", "x"),
    ];
    assert_eq!(faults_of_file(&file), "");
    // A service called "tenancy" beside this one gives the process these.
    let links = [
        ("TENANCY_SERVICE_HOST", "10.0.0.7"),
        ("TENANCY_SERVICE_PORT_HTTP", "80"),
        ("TENANCY_PORT", "tcp://10.0.0.7:80"),
        ("TENANCY_PORT_80_TCP_ADDR", "10.0.0.7"),
        ("TENANCY_TEST_FULL", "1"),
        ("DB_SSL", "of another program"),
    ];
    assert!(read(&links).is_ok());
}

#[test]
fn names_that_mean_something_else_are_refused_with_what_replaces_them() {
    for (name, instead) in [
        ("ALLOWED_HOSTS", "BASE_DOMAIN"),
        ("JWT_SECRET_KEY", "SECRET_KEY"),
        ("JWT_ACCESS_TOKEN_LIFETIME", "SECRET_KEY"),
        ("ELASTICSEARCH_HOST", "ELASTICSEARCH_URL"),
        ("DB_ENGINE", "DATABASE_URL"),
        ("LOG_LEVEL", "RUST_LOG"),
    ] {
        let both = Sources::of(&[(name, "x")], &[(name, "y")]);
        let error = Settings::from_sources(&both).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(instead), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(read(&[(name, "")]).is_ok());
    }
}

/// The names of a Django project that has no others than these.
#[test]
fn whole_files_of_django_projects_are_taken_but_for_what_they_must_change() {
    let secret = "django-insecure-0123456789abcdefghijklmnop";
    let first = [
        ("SECRET_KEY", secret),
        ("DEBUG", "True"),
        ("DB_NAME", "shop"),
        ("DB_USER", "me"),
        ("DB_PASSWORD", "pw"),
        ("DB_HOST", "localhost"),
        ("DB_PORT", "5432"),
    ];
    assert_eq!(faults_of_file(&first), "");
    let second = [
        ("SECRET_KEY", secret),
        ("DATABASE_NAME", "shop"),
        ("DATABASE_USER", "me"),
        ("DATABASE_PASSWORD", "pw"),
        ("DATABASE_HOST", "db"),
        ("DATABASE_PORT", "5432"),
        ("REDIS_HOST", "redis"),
        ("ELASTIC_SEARCH_HOST", "elasticsearch"),
        ("ENABLE_MULTI_TENANCY", "true"),
        ("DEFAULT_TENANT_SCHEMA", "public"),
    ];
    assert_eq!(faults_of_file(&second), "");
}

mod documents {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../.env.example");
    const REFERENCE: &str = include_str!("../../../../docs/book/reference/settings.md");

    /// The lines of `.env.example` that set something, without their `#`.
    fn example() -> Vec<(&'static str, &'static str)> {
        let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix('#'));
        lines
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| !name.contains(' '))
            .collect()
    }

    #[test]
    fn both_list_every_setting_and_no_other() {
        let listed: Vec<&str> = example().into_iter().map(|(name, _)| name).collect();
        for name in names::SETTINGS {
            assert!(listed.contains(&name), ".env.example: {name} is missing");
            assert!(
                REFERENCE.contains(&format!("| `{name}` |")),
                "docs/book/reference/settings.md: {name} is missing"
            );
        }
        for name in names::ALIASES {
            assert!(EXAMPLE.contains(name), ".env.example: {name} is missing");
            assert!(
                REFERENCE.contains(&format!("`{name}`")),
                "docs/book/reference/settings.md: {name} is missing"
            );
        }
        for name in listed {
            assert!(names::is_known(name), ".env.example: {name} is no setting");
        }
        let rows = REFERENCE.lines().filter_map(|l| l.strip_prefix("| `"));
        for name in rows.filter_map(|row| row.split('`').next()) {
            assert!(
                names::is_known(name),
                "docs/book/reference/settings.md: {name} is no setting"
            );
        }
    }

    #[test]
    fn every_line_of_the_example_can_be_used_as_it_stands() {
        assert_eq!(faults_of_file(&example()), "");
    }

    #[test]
    fn the_defaults_are_those_of_the_example() {
        let defaults = read(&[]).unwrap();
        let example = example();
        for (name, default) in [
            ("LISTEN", defaults.listen.to_string()),
            ("BASE_DOMAIN", defaults.base_domain.to_string()),
            ("DATABASE_POOL_SIZE", defaults.pool_size.to_string()),
            ("TENANCY_PREFIX", defaults.prefix.to_string()),
            ("TENANT_ISOLATION", defaults.isolation.to_string()),
            ("RUST_LOG", defaults.log_filter),
            ("LOG_DIR", defaults.log_dir.display().to_string()),
        ] {
            assert!(
                example.contains(&(name, default.as_str())),
                ".env.example: {name} is {default} by default"
            );
        }
    }
}
