use proptest::prelude::*;

use super::*;
use crate::address::AddressClass;

fn policy(entries: &[&str]) -> Policy {
    Policy::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
}

/// Allows `http` to public addresses, so that the tests below meet the rule they are about and not the scheme's.
fn http_outside() -> Policy {
    policy(&["0.0.0.0/0:80+http", "::/0:80+http"])
}

fn refused(text: &str, policy: &Policy) -> Refused {
    match parse(text, policy) {
        Err(refused) => refused,
        Ok(taken) => panic!("{text:?} was taken as {}", taken.as_str()),
    }
}

#[test]
fn a_port_that_is_not_listed_is_opened_by_an_exception() {
    assert_eq!(refused("https://example.com:80/", &Policy::default()), Refused::Port(80));
    assert_eq!(refused("https://8.8.8.8:8443/", &Policy::default()), Refused::Port(8443));
    assert!(parse("https://example.com:8443/", &policy(&["0.0.0.0/0:8443"])).is_ok());
}

#[test]
fn plain_urls_are_kept_in_their_serialised_form() {
    for (text, kept, host) in [
        ("https://example.com", "https://example.com/", "example.com"),
        ("HTTPS://EXAMPLE.com/Hook?X=1", "https://example.com/Hook?X=1", "example.com"),
        ("https://example.com:443/", "https://example.com/", "example.com"),
        ("https://example.com./a", "https://example.com./a", "example.com"),
        ("https://example.com?a=b", "https://example.com/?a=b", "example.com"),
        ("https://example.com/a@b", "https://example.com/a@b", "example.com"),
        ("https://example.com/%0d%0aHost:x", "https://example.com/%0d%0aHost:x", "example.com"),
        ("https://example.com/\u{e9}", "https://example.com/%C3%A9", "example.com"),
        ("https://example.com/a/../b", "https://example.com/b", "example.com"),
        ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://B\u{dc}CHER.example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://172.15.255.255/", "https://172.15.255.255/", "172.15.255.255"),
        ("https://172.32.0.0/", "https://172.32.0.0/", "172.32.0.0"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/", "2606:4700:4700::1111"),
        ("https://[::ffff:808:808]/", "https://[::ffff:808:808]/", "8.8.8.8"),
        ("https://localtest.me/", "https://localtest.me/", "localtest.me"),
    ] {
        let destination = parse(text, &Policy::default()).unwrap_or_else(|refused| panic!("{text}: {refused}"));
        assert_eq!(destination.as_str(), kept);
        let shown = match destination.host() {
            Host::Name(name) => name.to_string(),
            Host::Address(ip) => ip.to_string(),
        };
        assert_eq!(shown, host);
        assert_eq!(destination.port(), 443);
        // What is stored is read back as itself.
        assert_eq!(parse(kept, &Policy::default()).unwrap(), destination);
    }
}

#[test]
fn exceptions_let_addresses_and_inside_names_through_for_their_port_and_scheme() {
    let policy = policy(&["127.0.0.1/32:9000+http", "10.0.0.0/8:443"]);
    for text in [
        "http://127.0.0.1:9000/v1",
        "https://127.0.0.1:9000/",
        "http://[::ffff:7f00:1]:9000/",
        "http://localhost:9000/",
        "https://10.1.2.3/",
        "https://vault.internal/",
        "http://ollama:9000/",
    ] {
        assert!(parse(text, &policy).is_ok(), "{text}");
    }
    let address = |ip: &str, class| Refused::Address { ip: ip.parse().unwrap(), class };
    for (text, refusal) in [
        ("http://127.0.0.1:9001/", address("127.0.0.1", AddressClass::Loopback)),
        ("http://127.0.0.2:9000/", address("127.0.0.2", AddressClass::Loopback)),
        ("http://127.1:9000/", Refused::HostRewritten),
        ("http://10.1.2.3/", address("10.1.2.3", AddressClass::Private)),
        ("http://localhost:9001/", Refused::Name),
        ("http://vault.internal/", Refused::Name),
        ("http://example.com/", Refused::HttpNotAllowed),
    ] {
        assert_eq!(refused(text, &policy), refusal, "{text}");
    }
}

#[test]
fn a_tenant_learns_what_is_wrong_with_the_text_and_nothing_about_the_network() {
    use crate::refused::UNIFORM_REFUSAL;
    for text in ["https://10.0.0.1/", "https://169.254.169.254/", "https://localhost/", "https://example.com:22/"] {
        assert_eq!(refused(text, &Policy::default()).tenant_text(), UNIFORM_REFUSAL);
    }
    for text in ["http://example.com/", "https://user@example.com/", "https://example.com/#x", "example.com"] {
        assert!(refused(text, &Policy::default()).tenant_text().starts_with("must "));
    }
}

#[test]
fn what_follows_the_host_is_not_shown() {
    let secret = parse("https://hooks.example.com:443/services/T0/B0/canary?token=canary", &Policy::default()).unwrap();
    assert_eq!(secret.redacted(), "https://hooks.example.com/\u{2026}");
    assert!(!format!("{secret:?}").contains("canary"));
    assert_eq!(secret.path_and_query(), "/services/T0/B0/canary?token=canary");
    assert_eq!(secret.origin(), "https://hooks.example.com");
}

/// Pieces that parsers disagree about.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "example",
        "com",
        "localhost",
        "127",
        "0",
        "1",
        "0x7f",
        "0177",
        "2130706433",
        ".",
        "..",
        ":",
        "443",
        "80",
        "@",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "%",
        "%2e",
        "%00",
        "%0d%0a",
        "[",
        "]",
        "::1",
        "::ffff:127.0.0.1",
        "-",
        "_",
        "xn--",
        "\u{ad}",
        "\u{ff0e}",
        "\u{3002}",
        "\u{2460}",
        "\u{fc}",
        "\u{212a}",
        "\u{130}",
        "\u{200d}",
        " ",
        "\t",
        "\n",
        "*",
        "'",
        "\"",
        "|",
        "^",
        "`",
        "{",
        "}",
        "~",
        "&",
        ";",
        "a",
        "Z",
    ]);
    (
        prop::sample::select(vec![
            "https://",
            "https://example.com",
            "https://a.b/",
            "https://8.8.8.8",
            "http://",
            "HTTPS://",
            "https:",
            "",
        ]),
        prop::collection::vec(piece, 0..12),
    )
        .prop_map(|(scheme, pieces)| format!("{scheme}{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is taken means one thing only: it reads back as itself, the HTTP library sees the same host and path, and the
    /// host is a public address or a name with a dot.
    #[test]
    fn what_is_taken_means_one_thing_only(text in pieces()) {
        if let Ok(taken) = parse(&text, &Policy::default()) {
            prop_assert_eq!(&parse(taken.as_str(), &Policy::default()).unwrap(), &taken);
            let seen: http::Uri = taken.as_str().parse().unwrap();
            let seen_host = seen.host().unwrap().trim_end_matches('.').trim_matches(['[', ']']);
            match taken.host() {
                Host::Name(name) => {
                    prop_assert_eq!(seen_host, &**name);
                    prop_assert!(name.contains('.') && name.parse::<IpAddr>().is_err());
                }
                Host::Address(ip) => {
                    prop_assert_eq!(&seen_host.parse::<IpAddr>().unwrap().to_canonical(), ip);
                    prop_assert!(crate::address::classify(*ip).is_allowed());
                }
            }
            let sent: http::Uri = taken.path_and_query().parse().unwrap();
            prop_assert_eq!(sent.path_and_query().unwrap().as_str(), taken.path_and_query());
        }
    }

    #[test]
    fn no_text_at_all_breaks_the_check(text in ".{0,200}") {
        let _ = parse(&text, &http_outside());
    }
}
