//! Which tenant a request belongs to: one answer, and never a default.

use http::Method;
use tenancy_core::{
    Error, ErrorKind, ExactDomain, Fixed, Header, Host, Identification, Identifier, MemoryStore,
    PathPrefix, Pattern, RequestHead, Resolver, Slug, Status, Strategy, Subdomain, TenantContext,
    TrustedProxies, from_fn,
};

use crate::support::{domain, request, resolve, tenant, two_tenants};

/// What `strategy` sees: the slug, domain or id; `-` for nothing, `!` for something invalid.
fn seen(strategy: &impl Strategy, uri: &str, headers: &[(&str, &str)]) -> String {
    let request = request(uri, headers);
    let host = headers
        .iter()
        .find(|(name, _)| *name == "host")
        .map(|(_, text)| Host::parse_authority(text).unwrap().0);
    let head = RequestHead::new(
        &Method::GET,
        request.uri(),
        request.headers(),
        host.as_ref(),
    );
    match strategy.identify(&head) {
        Identification::Found(Identifier::Slug(slug)) => slug.to_string(),
        Identification::Found(Identifier::Domain(domain)) => domain.to_string(),
        Identification::Found(Identifier::Id(id)) => id.to_string(),
        Identification::Found(other) => panic!("{other:?}"),
        Identification::Absent => "-".to_owned(),
        Identification::Invalid(_) => "!".to_owned(),
    }
}

fn kind(outcome: Result<Option<String>, Error>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

#[test]
fn subdomain_is_exactly_one_label_below_its_base() {
    let strategy = Subdomain::of(domain("example.com"));
    for (host, expected) in [
        ("acme.example.com", "acme"),
        ("ACME.example.com.:8000", "acme"),
        ("example.com", "-"),
        ("a.b.example.com", "-"),
        ("acmeexample.com", "-"),
        ("acme.example.com.evil.test", "-"),
        ("acme.example.org", "-"),
        ("www.example.com", "-"),
        ("1a.example.com", "-"),
        ("xn--bcher-kva.example.com", "-"),
        ("127.0.0.1", "-"),
        ("com", "-"),
    ] {
        assert_eq!(seen(&strategy, "/", &[("host", host)]), expected, "{host}");
    }
    assert_eq!(seen(&strategy, "/", &[]), "-");
}

#[test]
fn pattern_fits_the_whole_host() {
    let strategy = Pattern::parse("App-{slug}.Example.com.").unwrap();
    for (host, expected) in [
        ("app-acme.example.com", "acme"),
        ("app-a-b.example.com", "a-b"),
        ("acme.example.com", "-"),
        ("app-acme.evil.example.com", "-"),
        ("x.app-acme.example.com", "-"),
        ("app-acme.example.com.evil.test", "-"),
        ("app-www.example.com", "-"),
        ("127.0.0.1", "-"),
    ] {
        assert_eq!(seen(&strategy, "/", &[("host", host)]), expected, "{host}");
    }
    let inner = Pattern::parse("shop.{slug}-x.example.com").unwrap();
    assert_eq!(
        seen(&inner, "/", &[("host", "shop.acme-x.example.com")]),
        "acme"
    );
    for text in [
        "example.com",
        "{slug}",
        "{slug}.",
        "a.{slug}",
        "{slug}.{slug}.com",
        "{slug}..com",
        "bü-{slug}.example.com",
        "{slug}.bücher.example",
        "*.{slug}.com",
        "{slug}.example.com:80",
        "{slug}.127.0.0.1",
        "",
        "{other}.example.com",
    ] {
        let error = Pattern::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
    }
}

#[test]
fn path_prefix_takes_the_slug_as_it_stands() {
    let strategy = PathPrefix::new("/t/").unwrap();
    for (path, expected, rest) in [
        ("/t/acme", "acme", Some("/")),
        ("/t/acme/", "acme", Some("/")),
        (
            "/t/acme/posts/1?q=1&r=/t/x",
            "acme",
            Some("/posts/1?q=1&r=/t/x"),
        ),
        ("/t/acme?q", "acme", Some("/?q")),
        ("/t/acme/%2e%2e/x", "acme", Some("/%2e%2e/x")),
        ("http://h.test/t/acme/p", "acme", Some("http://h.test/p")),
        ("/t", "-", None),
        ("/t/", "-", None),
        ("/", "-", None),
        ("/T/acme", "-", None),
        ("/tacme", "-", None),
        ("/x/t/acme", "-", None),
        ("//t/acme", "-", None),
        ("*", "-", None),
        ("/t//acme", "!", None),
        ("/t/./acme", "!", None),
        ("/t/../acme", "!", None),
        ("/t/%61cme/x", "!", None),
        ("/t/acme%2Fx", "!", None),
        ("/t/Acme/x", "!", None),
        ("/t/acme.x/y", "!", None),
        ("/t/www/y", "!", None),
        ("/t/acme//evil.test/", "!", None),
    ] {
        assert_eq!(seen(&strategy, path, &[]), expected, "{path}");
        if let Some(rest) = rest {
            let rewritten = strategy.rewrite(&path.parse().unwrap()).unwrap();
            assert_eq!(rewritten.to_string(), rest, "{path}");
        } else if expected == "-" {
            assert_eq!(strategy.rewrite(&path.parse().unwrap()), None, "{path}");
        }
    }
    assert_eq!(seen(&PathPrefix::new("/").unwrap(), "/acme/x", &[]), "acme");
    for prefix in [
        "", "t", "/t", "t/", "//", "/t//", "/t/%61/", "/t/../", "/{t}/", "/t /",
    ] {
        let error = PathPrefix::new(prefix).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{prefix}");
    }
}

#[test]
fn header_is_one_slug_or_one_id() {
    let strategy = Header::opt_in("X-Tenant").unwrap();
    let id = "0190a0b0-c0d0-7000-8000-000000000001";
    let upper = id.to_uppercase();
    for (value, expected) in [
        ("acme", "acme"),
        (id, id),
        (&*upper, id),
        ("", "!"),
        ("Acme", "!"),
        ("acme,globex", "!"),
        (" acme", "!"),
        ("0190a0b0c0d070008000000000000001", "!"),
        ("{0190a0b0-c0d0-7000-8000-000000000001}", "!"),
        ("acmé", "!"),
    ] {
        assert_eq!(
            seen(&strategy, "/", &[("x-tenant", value)]),
            expected,
            "{value}"
        );
    }
    assert_eq!(seen(&strategy, "/", &[]), "-");
    let twice = [("x-tenant", "acme"), ("x-tenant", "acme")];
    assert_eq!(seen(&strategy, "/", &twice), "!");
}

#[test]
fn exact_domain_is_the_whole_name() {
    assert_eq!(
        seen(&ExactDomain, "/", &[("host", "ACME.test.:80")]),
        "acme.test"
    );
    assert_eq!(seen(&ExactDomain, "/", &[("host", "[::1]:80")]), "-");
    assert_eq!(seen(&ExactDomain, "/", &[]), "-");
}

#[tokio::test]
async fn the_first_strategy_that_finds_something_decides() {
    let (store, _, _) = two_tenants();
    let resolver = Resolver::new(store)
        .strategy(Subdomain::of(domain("example.com")))
        .strategy(PathPrefix::new("/t/").unwrap())
        .strategy(Header::opt_in("x-tenant").unwrap());
    let acme = || Some("acme".to_owned());
    let globex = || Some("globex".to_owned());

    let host = ("host", "acme.example.com");
    let apex = ("host", "example.com");
    assert_eq!(resolve(&resolver, "/", &[host]).await.unwrap(), acme());
    assert_eq!(
        resolve(&resolver, "/t/globex/", &[host, ("x-tenant", "globex")])
            .await
            .unwrap(),
        acme()
    );
    assert_eq!(
        resolve(&resolver, "/t/globex/", &[apex, ("x-tenant", "acme")])
            .await
            .unwrap(),
        globex()
    );
    assert_eq!(
        resolve(&resolver, "/", &[apex, ("x-tenant", "globex")])
            .await
            .unwrap(),
        globex()
    );

    // Nobody answers to what the first one found, and no later one is asked.
    let unknown = ("host", "nobody.example.com");
    assert_eq!(
        kind(resolve(&resolver, "/t/acme/", &[unknown, ("x-tenant", "acme")]).await),
        ErrorKind::NotFound
    );
    // Something invalid ends the search too.
    let invalid = resolve(&resolver, "/t/a%63me/", &[apex, ("x-tenant", "acme")]).await;
    assert_eq!(kind(invalid), ErrorKind::InvalidName);
    // Nothing at all is nobody, not somebody.
    assert_eq!(
        kind(resolve(&resolver, "/", &[apex]).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(resolve(&resolver, "/", &[("host", "127.0.0.1")]).await),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(resolve(&resolver, "/t/acme/", &[]).await),
        ErrorKind::InvalidHost
    );
}

#[tokio::test]
async fn a_resolver_without_strategies_finds_nobody() {
    let (store, _, _) = two_tenants();
    let resolver = Resolver::new(store);
    let found = resolve(&resolver, "/", &[("host", "acme.test")]).await;
    assert_eq!(kind(found), ErrorKind::NotFound);
}

#[tokio::test]
async fn domains_fixed_tenants_and_closures_resolve() {
    let (store, _, _) = two_tenants();
    let resolver = Resolver::new(store).strategy(ExactDomain);
    let found = resolve(&resolver, "/", &[("host", "GLOBEX.test:8000")])
        .await
        .unwrap();
    assert_eq!(found.as_deref(), Some("globex"));
    // A slug is not a domain.
    let found = resolve(&resolver, "/", &[("host", "globex")]).await;
    assert_eq!(kind(found), ErrorKind::NotFound);

    let (store, acme, _) = two_tenants();
    let resolver = Resolver::new(store).strategy(Fixed::new(Identifier::Id(acme.id())));
    let found = resolve(&resolver, "/", &[("host", "127.0.0.1:8000")])
        .await
        .unwrap();
    assert_eq!(found.as_deref(), Some("acme"));

    let (store, _, _) = two_tenants();
    let by_query = from_fn("query", |head| match head.uri.query() {
        None => Identification::Absent,
        Some(text) => match Slug::parse(text) {
            Ok(slug) => Identification::Found(Identifier::Slug(slug)),
            Err(error) => Identification::Invalid(error),
        },
    });
    let resolver = Resolver::new(store)
        .strategy(by_query)
        .strategy(ExactDomain);
    let found = resolve(&resolver, "/?globex", &[("host", "acme.test")])
        .await
        .unwrap();
    assert_eq!(found.as_deref(), Some("globex"));
    let found = resolve(&resolver, "/", &[("host", "acme.test")])
        .await
        .unwrap();
    assert_eq!(found.as_deref(), Some("acme"));
}

#[tokio::test]
async fn only_active_tenants_serve() {
    for status in Status::ALL {
        let store = MemoryStore::new();
        store.insert(tenant("acme").with_status(status)).unwrap();
        let resolver = Resolver::new(store).strategy(Subdomain::of(domain("example.com")));
        let found = resolve(&resolver, "/", &[("host", "acme.example.com")]).await;
        match status {
            Status::Active => assert!(found.is_ok()),
            Status::Purged => assert_eq!(kind(found), ErrorKind::NotFound),
            other => assert_eq!(kind(found), ErrorKind::NotActive(other)),
        }
    }
}

/// Every pair of what the strategy and the confirmer say.
#[tokio::test]
async fn confirmers_agree_or_the_request_is_refused() {
    let (store, acme, globex) = two_tenants();
    let resolver = Resolver::new(store)
        .strategy(Subdomain::of(domain("example.com")))
        .confirm(Header::opt_in("x-tenant").unwrap())
        .confirm(PathPrefix::new("/t/").unwrap())
        .public_host(domain("example.com"));
    let (acme_id, globex_id) = (acme.id().to_string(), globex.id().to_string());
    let says = |host: &'static str, uri: &'static str, value: Option<&str>| {
        let mut headers = vec![("host", host)];
        headers.extend(value.map(|value| ("x-tenant", value)));
        let owned: Vec<_> = headers
            .into_iter()
            .map(|(n, v)| (n, v.to_owned()))
            .collect();
        let resolver = &resolver;
        async move {
            let headers: Vec<_> = owned.iter().map(|(n, v)| (*n, &**v)).collect();
            resolve(resolver, uri, &headers).await
        }
    };
    let tenant_host = "acme.example.com";
    for value in [None, Some("acme"), Some(&*acme_id)] {
        for uri in ["/", "/t/acme/"] {
            let found = says(tenant_host, uri, value).await.unwrap();
            assert_eq!(found.as_deref(), Some("acme"), "{value:?} {uri}");
        }
        assert_eq!(
            kind(says(tenant_host, "/t/globex/", value).await),
            ErrorKind::Mismatch
        );
        assert_eq!(
            kind(says(tenant_host, "/t/A/", value).await),
            ErrorKind::Mismatch
        );
    }
    for value in ["globex", &*globex_id, "nobody", "not a slug", ""] {
        let refused = says(tenant_host, "/", Some(value)).await;
        assert_eq!(kind(refused), ErrorKind::Mismatch, "{value:?}");
    }
    // On a public host a confirmer may say nothing at all.
    assert_eq!(says("example.com", "/", None).await.unwrap(), None);
    for value in ["acme", "nobody", "not a slug"] {
        let refused = says("example.com", "/", Some(value)).await;
        assert_eq!(kind(refused), ErrorKind::Mismatch, "{value:?}");
    }
    assert_eq!(
        kind(says("example.com", "/t/acme/", None).await),
        ErrorKind::Mismatch
    );
    // A confirmer alone chooses nobody.
    assert_eq!(
        kind(says("other.test", "/", Some("acme")).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn public_hosts_are_decided_before_any_strategy() {
    let (store, _, _) = two_tenants();
    let resolver = Resolver::new(store)
        .strategy(ExactDomain)
        .strategy(Fixed::new(Identifier::Slug(Slug::parse("acme").unwrap())))
        .public_host(domain("localhost"))
        .public_host(domain("acme.test"));
    for host in ["localhost", "LOCALHOST.:8000", "acme.test"] {
        assert_eq!(
            resolve(&resolver, "/", &[("host", host)]).await.unwrap(),
            None,
            "{host}"
        );
    }
    let found = resolve(&resolver, "/", &[("host", "a.localhost")]).await;
    assert_eq!(kind(found), ErrorKind::NotFound);
}

/// All pairs of five sources that name different tenants: whatever is served is what the host
/// says, and otherwise nothing is.
#[tokio::test]
async fn no_second_source_ever_changes_whose_request_it_is() {
    let (store, _, _) = two_tenants();
    let resolver = Resolver::new(store)
        .strategy(ExactDomain)
        .confirm(Header::opt_in("x-tenant").unwrap())
        .confirm(PathPrefix::new("/t/").unwrap());
    let sources: [(&str, &[(&str, &str)]); 6] = [
        ("/", &[("x-tenant", "globex")]),
        ("/t/globex/", &[]),
        ("/", &[("x-forwarded-host", "globex.test")]),
        ("/", &[("forwarded", "host=globex.test")]),
        ("/", &[("host", "globex.test")]),
        ("http://globex.test/", &[]),
    ];
    for (uri, more) in sources {
        for (other_uri, other) in sources {
            let mut headers = vec![("host", "acme.test")];
            headers.extend(more.iter().chain(other).copied());
            let uri = if uri == "/" { other_uri } else { uri };
            match resolve(&resolver, uri, &headers).await {
                Ok(served) => assert_eq!(served.as_deref(), Some("acme"), "{uri} {headers:?}"),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::InvalidHost),
                    "{error:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn forwarded_hosts_decide_only_behind_a_trusted_proxy() {
    let (store, _, _) = two_tenants();
    let resolver = Resolver::new(store)
        .strategy(ExactDomain)
        .trust(TrustedProxies::parse(["10.0.0.1"]).unwrap());
    let request = request(
        "/",
        &[("host", "acme.test"), ("x-forwarded-host", "globex.test")],
    );
    for (peer, expected) in [
        (None, "acme"),
        (Some("10.0.0.2"), "acme"),
        (Some("10.0.0.1"), "globex"),
    ] {
        let peer = peer.map(|peer: &str| peer.parse().unwrap());
        let found = resolver
            .resolve(&Method::GET, request.uri(), request.headers(), peer)
            .await
            .unwrap();
        let tenancy_core::Resolution::Tenant(context) = found else {
            panic!("{found:?}")
        };
        assert_eq!(context.slug().as_str(), expected);
        assert_eq!(context.origin(), "domain");
    }
}

#[test]
fn only_the_strategy_that_found_the_tenant_rewrites() {
    let (store, acme, _) = two_tenants();
    let resolver = Resolver::new(store)
        .strategy(ExactDomain)
        .strategy(PathPrefix::new("/t/").unwrap())
        .strategy(PathPrefix::new("/team/").unwrap());
    let rewrite = |origin, uri: &str| {
        let context = TenantContext::new(acme.clone().into(), origin).unwrap();
        let uri = resolver.rewrite(&context, &uri.parse().unwrap());
        uri.map(|uri| uri.to_string())
    };
    assert_eq!(rewrite("path", "/t/acme/x").as_deref(), Some("/x"));
    assert_eq!(rewrite("path", "/team/acme/x").as_deref(), Some("/x"));
    assert_eq!(rewrite("domain", "/t/acme/x"), None);
}
