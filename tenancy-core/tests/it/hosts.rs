//! A request names exactly one host, or it is refused.

use std::net::IpAddr;

use proptest::prelude::*;
use tenancy_core::{ErrorKind, Host, TrustedProxies};

use crate::support::request;

const PROXY: &str = "10.0.0.9";

/// Asks as `peer` with one trusted proxy; `""` stands for a refusal.
fn check(uri: &str, headers: &[(&str, &str)], peer: Option<&str>, expected: &str) {
    let proxies = TrustedProxies::parse(["10.0.0.0/24", "fd00::/8"]).unwrap();
    let peer = peer.map(|peer| peer.parse::<IpAddr>().unwrap());
    let request = request(uri, headers);
    let found = Host::from_head(request.uri(), request.headers(), peer, &proxies);
    let shown = match &found {
        Ok(host) => host.to_string(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidHost, "{headers:?}");
            String::new()
        }
    };
    assert_eq!(
        shown, expected,
        "{uri} {headers:?} from {peer:?}: {found:?}"
    );
}

#[test]
fn host_header_has_one_canonical_form() {
    let long_label = format!("{}.example", "a".repeat(64));
    let longest_label = format!("{}.example", "a".repeat(63));
    let too_long = format!("{}example", "abcdefghi.".repeat(25));
    let cases = [
        ("tenant1.localhost", "tenant1.localhost"),
        ("tenant1.localhost:8000", "tenant1.localhost"),
        ("TENANT1.LocalHost", "tenant1.localhost"),
        ("tenant1.localhost.", "tenant1.localhost"),
        ("tenant1.localhost.:8000", "tenant1.localhost"),
        ("tenant1.localhost..", ""),
        ("localhost", "localhost"),
        ("a.example:0", "a.example"),
        ("a.example:65535", "a.example"),
        ("a.example:65536", ""),
        ("a.example:999999", ""),
        ("a.example:", ""),
        ("a.example:+80", ""),
        ("a.example:-1", ""),
        ("a.example:80a", ""),
        ("a.example: 80", ""),
        ("a.example:80:80", ""),
        ("", ""),
        (" ", ""),
        (":", ""),
        (":80", ""),
        (".", ""),
        ("..", ""),
        (".a.example", ""),
        ("a..example", ""),
        ("-a.example", ""),
        ("a-.example", ""),
        ("a--b.example", "a--b.example"),
        ("ab--c.example", ""),
        ("a_b.example", ""),
        ("*.example", ""),
        ("a.example,b.example", ""),
        ("a.example, b.example", ""),
        ("a.example b.example", ""),
        ("a.example/", ""),
        ("a.example/b", ""),
        ("a.example?x", ""),
        ("a.example#x", ""),
        ("a.example\\b", ""),
        ("http://a.example", ""),
        ("user@a.example", ""),
        ("user:secret@a.example", ""),
        ("a%2eexample", ""),
        ("a%00.example", ""),
        ("a'b.example", ""),
        ("a\"b.example", ""),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("xn--a.example", ""),
        ("xn--.example", ""),
        ("xn--example.example", ""),
        ("bücher.example", ""),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("127.0.0.1.", ""),
        ("127.0.0.01", ""),
        ("127.1", ""),
        ("2130706433", ""),
        ("0x7f000001", ""),
        ("0x7f.1", ""),
        ("256.0.0.1", ""),
        ("a.1", ""),
        ("1.a", "1.a"),
        ("[::1]", "[::1]"),
        ("[::1]:8000", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("[::1", ""),
        ("::1", ""),
        ("[::1]8000", ""),
        ("[::1]:", ""),
        ("[fe80::1%25eth0]", ""),
        ("[127.0.0.1]", ""),
        ("[a.example]", ""),
        (&*long_label, ""),
        (&*longest_label, &*longest_label),
        (&*too_long, ""),
    ];
    assert!(cases.len() >= 60);
    for (header, expected) in cases {
        check("/", &[("host", header)], None, expected);
    }
}

#[test]
fn authority_and_host_header_must_agree() {
    let with_host = |uri: &str, host: &str, expected: &str| {
        check(uri, &[("host", host)], None, expected);
    };
    check("/", &[], None, "");
    check("http://a.example/", &[], None, "a.example");
    check("http://user@a.example/", &[], None, "");
    with_host("http://a.example/", "a.example", "a.example");
    with_host("http://A.example./", "a.EXAMPLE", "a.example");
    with_host("http://a.example:80/", "a.example", "a.example");
    with_host("http://a.example:80/", "a.example:80", "a.example");
    with_host("http://a.example:80/", "a.example:81", "");
    with_host("http://a.example/", "b.example", "");
    with_host("http://a.example/", "", "");
    with_host("http://a.example/", "a.example@b.example", "");
    with_host("http://[::1]/", "[::1]", "[::1]");
    check(
        "/",
        &[("host", "a.example"), ("host", "a.example")],
        None,
        "",
    );
    check(
        "/",
        &[("host", "a.example"), ("host", "b.example")],
        None,
        "",
    );
    check(
        "http://a.example/",
        &[("host", "a.example"), ("host", "b.example")],
        None,
        "",
    );
}

#[test]
fn forwarded_hosts_count_from_trusted_peers_only() {
    let spoofs: [&[(&str, &str)]; 4] = [
        &[("host", "a.example"), ("x-forwarded-host", "b.example")],
        &[("host", "a.example"), ("forwarded", "host=b.example")],
        &[("host", "a.example"), ("forwarded", "nonsense")],
        &[
            ("host", "a.example"),
            ("x-forwarded-host", "b"),
            ("x-forwarded-host", "c"),
        ],
    ];
    for headers in spoofs {
        for peer in [None, Some("10.0.1.9"), Some("fc00::1"), Some("::1")] {
            check("/", headers, peer, "a.example");
        }
    }
    for peer in [PROXY, "::ffff:10.0.0.9", "fd12::1"] {
        check("/", spoofs[0], Some(peer), "b.example");
        check("/", spoofs[1], Some(peer), "b.example");
    }
}

#[test]
fn a_trusted_proxy_forwards_exactly_one_host() {
    let both = |forwarded: &str, customary: &str, expected: &str| {
        let mut headers = vec![("host", "a.example")];
        headers.extend((!forwarded.is_empty()).then_some(("forwarded", forwarded)));
        headers.extend((!customary.is_empty()).then_some(("x-forwarded-host", customary)));
        check("/", &headers, Some(PROXY), expected);
    };
    both("", "", "a.example");
    both("for=1.2.3.4;proto=https", "", "a.example");
    both("for=1.2.3.4, for=10.0.0.1", "", "a.example");
    both("for=1.2.3.4;Host=B.example;proto=https", "", "b.example");
    both("host=\"b.example:8000\"", "", "b.example");
    both("host=b.example:8000", "", "b.example");
    both("host=\"b\\.example\" ; for=\"[::1]\"", "", "b.example");
    both("host=b.example", "B.example:80", "b.example");
    both("host=b.example", "c.example", "");
    both("host=b.example;host=b.example", "", "");
    both("host=b.example, host=b.example", "", "");
    both("host=b.example, for=1.2.3.4", "", "");
    both("host=", "", "");
    both("host=\"b.example", "", "");
    both("host=b.example c", "", "");
    both("host = b.example", "", "");
    both("for=1.2.3.4,", "", "");
    both("host=user@b.example", "", "");
    both("", "b.example, c.example", "");
    both("", "b.example,b.example", "");
    both("", " ", "");
    both("", "127.0.0.1", "127.0.0.1");
    check("/", &[("x-forwarded-host", "b.example")], Some(PROXY), "");
    let twice = [
        ("host", "a.example"),
        ("forwarded", "host=b.example"),
        ("forwarded", "for=x"),
    ];
    check("/", &twice, Some(PROXY), "");
}

#[test]
fn trusted_networks_are_exact() {
    for text in [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/-1",
        "",
        "a",
        "10.0.0",
        "::/129",
        "::1/64",
        "::ffff:10.0.0.0/104",
        "10.0.0.0/8/8",
        "localhost",
    ] {
        let error = TrustedProxies::parse([text]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
    }
    let contains = |network: &str, peer: &str| {
        TrustedProxies::parse([network])
            .unwrap()
            .contains(peer.parse().unwrap())
    };
    assert!(contains("0.0.0.0/0", "1.2.3.4"));
    assert!(!contains("0.0.0.0/0", "::1"));
    assert!(contains("::/0", "fe80::1"));
    assert!(!contains("::/0", "1.2.3.4"));
    assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
    assert!(contains("10.0.0.128/25", "10.0.0.200") && !contains("10.0.0.128/25", "10.0.0.127"));
    assert!(contains("::ffff:10.0.0.1", "10.0.0.1"));
    assert!(!TrustedProxies::none().contains("127.0.0.1".parse().unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_authority_is_refused_or_has_one_form(
        text in prop_oneof![
            ".{0,30}",
            "[a-zA-Z0-9.:@\\[\\]-]{0,30}",
            "[A-Za-z0-9-]{1,8}(\\.[A-Za-z0-9-]{1,8}){0,2}\\.?(:[0-9]{1,6})?",
            "\\[[0-9a-f:.]{2,20}\\](:[0-9]{1,5})?",
        ]
    ) {
        match Host::parse_authority(&text) {
            Ok((host, port)) => {
                let shown = match port {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_string(),
                };
                prop_assert_eq!(Host::parse_authority(&shown).unwrap(), (host, port));
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidHost),
        }
    }

    #[test]
    fn no_forwarded_header_panics_or_names_two_hosts(
        text in prop_oneof!["[ -~]{0,60}", "((host|for)=(a\\.example|\"b\\.example\"|[a-z\"\\\\]{0,3})[;, ]{0,2}){0,4}"]
    ) {
        let request = request("/", &[("host", "a.example"), ("forwarded", &text)]);
        let proxies = TrustedProxies::parse([PROXY]).unwrap();
        let found = Host::from_head(request.uri(), request.headers(), PROXY.parse().ok(), &proxies);
        if text.matches("host=").count() > 1 && !text.contains('"') {
            prop_assert!(found.is_err());
        }
    }
}
