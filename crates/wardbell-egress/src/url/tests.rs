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

/// `spec/egress.md` 5.1: the number of the row, and its URLs with some of their kind.
const CORPUS: &[(u8, &[&str])] = &[
    (1, &["http://127.0.0.1/"]),
    (2, &["http://127.1/", "http://127.0.1/"]),
    (3, &["http://2130706433/"]),
    (4, &["http://0x7f000001/", "http://0x7f.1/", "http://127.0.0.0x1/", "http://0X7F.1/"]),
    (5, &["http://0177.0.0.1/", "http://017700000001/", "http://00000177.0.0.1/"]),
    (6, &["http://0/", "http://0x0/", "http://0.0.0.0/"]),
    (7, &["http://0xA9FEA9FE/", "http://0251.0376.0251.0376/", "http://169.254.43518/"]),
    (8, &["http://425.510.425.510/", "http://256.0.0.1/", "http://4294967296/", "http://1.2.3.4.5/"]),
    (9, &["http://127.0.0.1./", "http://2130706433./"]),
    (10, &["http://127.0.0.1../", "http://a..b/", "http://.example.com/", "http://example.com../", "http://./"]),
    (
        11,
        &[
            "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "http://127\u{3002}0\u{3002}0\u{3002}1/",
            "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1/",
            "http://8\u{3002}8\u{3002}8\u{3002}8/",
            "http://example\u{3002}com/",
        ],
    ),
    (
        12,
        &[
            "http://\u{24db}ocalhost/",
            "http://loc\u{ad}alhost/",
            "http://local\u{200b}host/",
            "http://%6c%6f%63%61%6c%68%6f%73%74/",
            "http://ex\u{ad}ample.com/",
            "http://ex%61mple.com/",
            "http://\u{212a}elvin.example/",
        ],
    ),
    (13, &["http://127%2e0%2e0%2e1/", "http://example%2ecom/"]),
    (14, &["http://127.0.0.1%00.example.com/", "http://xn--/", "http://xn--a.example/"]),
    (
        15,
        &[
            "http://localhost./",
            "http://LOCALHOST/",
            "http://foo.localhost/",
            "http://localhost.localdomain/",
            "http://ip6-localhost/",
            "http://Metadata.Google.Internal./",
        ],
    ),
    (16, &["http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/"]),
    (17, &["http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"]),
    (18, &["http://[::127.0.0.1]/", "http://[::7f00:1]/"]),
    (19, &["http://[::ffff:0:127.0.0.1]/", "http://[::ffff:0:7f00:1]/"]),
    (20, &["http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/"]),
    (21, &["http://[2001:db8:64::7f00:1]/"]),
    (22, &["http://[2002:7f00:1::]/"]),
    (23, &["http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/"]),
    (
        24,
        &[
            "http://[fe80::1]/",
            "http://[fec0::1]/",
            "http://[fc00::1]/",
            "http://[fd00:ec2::254]/",
            "http://[ff02::1]/",
        ],
    ),
    (25, &["http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[127.0.0.1]/", "http://[v1.x]/"]),
    (26, &["http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1:22/"]),
    (27, &["http://127.0.0.1@example.com/", "http://@example.com/", "http://:@example.com/"]),
    (
        28,
        &[
            "http://example.com\\@127.0.0.1/",
            "http://example.com#@127.0.0.1/",
            "http://example.com?@127.0.0.1/",
            "http://example.com?a#@127.0.0.1",
        ],
    ),
    (
        29,
        &[
            "http:\\\\127.0.0.1/",
            "http:/127.0.0.1/",
            "http:127.0.0.1/",
            "http:///127.0.0.1/",
            "http:example.com/",
            "http:///example.com/",
            "http:////example.com/",
        ],
    ),
    (30, &["//127.0.0.1/", "127.0.0.1", "", "http:///", "http://", "http:", "//example.com/", "/", "example.com"]),
    (
        31,
        &[
            "ht\ttp://example.com/",
            "http://127\n.0.0.1/",
            " http://example.com/",
            "http://example.com/ ",
            "http://exam\tple.com/",
            "http://example.com/a\rb",
            "http://example.com/\0",
            "http://example.com/a b",
            "http://example.com/\u{7f}",
        ],
    ),
    (
        32,
        &[
            "file:///etc/passwd",
            "gopher://127.0.0.1:25/",
            "gopher://example.com/",
            "ftp://example.com/",
            "dict://example.com/",
            "ldap://example.com/",
            "data:text/plain,x",
            "javascript:alert(1)",
            "unix:/run/docker.sock",
            "ws://example.com/",
            "wss://example.com/",
            "blob:https://example.com/x",
            "view-source:https://example.com/",
            "httpss://example.com/",
        ],
    ),
    (
        33,
        &[
            "http://example.com:0/",
            "http://example.com:022/",
            "http://example.com:0443/",
            "http://example.com:65536/",
            "http://example.com:/",
            "http://example.com:-1/",
            "http://example.com:4 43/",
            "http://example.com:a/",
            "http://example.com:443:443/",
            "http://[2606:4700::1]443/",
        ],
    ),
];

/// Each is refused as it stands, and with `https` for `http`, whether or not the policy knows `http`.
#[test]
fn every_row_of_the_corpus_is_refused() {
    for policy in [&Policy::default(), &http_outside()] {
        for (row, texts) in CORPUS {
            for text in *texts {
                let refusal = refused(text, policy);
                assert!(!refusal.to_string().is_empty(), "row {row}");
                if let Some(rest) = text.strip_prefix("http:") {
                    refused(&format!("https:{rest}"), policy);
                }
            }
        }
    }
}

#[test]
fn ports_where_services_listen_are_refused_unless_named() {
    for port in crate::policy::NAMED_ONLY {
        let text = format!("https://example.com:{port}/");
        assert_eq!(refused(&text, &Policy::default()), Refused::Port(*port));
        assert_eq!(refused(&text, &policy(&["0.0.0.0/0:*"])), Refused::Port(*port));
    }
    assert_eq!(refused("https://example.com:80/", &Policy::default()), Refused::Port(80));
    assert_eq!(refused("https://example.com:8443/", &Policy::default()), Refused::Port(8443));
    assert_eq!(refused("https://8.8.8.8:8443/", &Policy::default()), Refused::Port(8443));
    assert!(parse("https://example.com:8443/", &policy(&["0.0.0.0/0:8443"])).is_ok());
}

#[test]
fn a_url_has_bounds() {
    let stem = "https://example.com/";
    let full = format!("{stem}{}", "a".repeat(URL_BYTES_MAX - stem.len()));
    assert!(parse(&full, &Policy::default()).is_ok());
    assert_eq!(refused(&format!("{full}a"), &Policy::default()), Refused::TooLong);
    // Each letter becomes six bytes when it is encoded.
    let grows = format!("{stem}{}", "\u{e9}".repeat(400));
    assert_eq!(refused(&grows, &Policy::default()), Refused::TooLong);
    let label = format!("https://{}.example/", "a".repeat(64));
    assert_eq!(refused(&label, &Policy::default()), Refused::HostForm);
    let name = format!("https://{}example/", "a.".repeat(124));
    assert_eq!(refused(&name, &Policy::default()), Refused::HostForm);
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
