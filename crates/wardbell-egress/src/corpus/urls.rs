//! `spec/egress.md` 5.1: forms of URLs.

use crate::policy::{NAMED_ONLY, Policy};
use crate::refused::{Refused, UNIFORM_REFUSAL};
use crate::url::{Destination, Host, URL_BYTES_MAX, parse};
use crate::zoo::Script;
use crate::{Egress, EgressConfig};

/// The row, why its forms are refused, and the forms: those of the page and some of their kind.
type Row = (u8, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &[
    (1, "address", &["http://127.0.0.1/", "http://127.255.255.254/"]),
    (2, "host_rewritten", &["http://127.1/", "http://127.0.1/"]),
    (3, "host_rewritten", &["http://2130706433/"]),
    (4, "host_rewritten", &["http://0x7f000001/", "http://0x7f.1/", "http://127.0.0.0x1/", "http://0X7F.1/"]),
    (5, "host_rewritten", &["http://0177.0.0.1/", "http://017700000001/", "http://00000177.0.0.1/"]),
    (6, "host_rewritten", &["http://0/", "http://0x0/"]),
    (6, "address", &["http://0.0.0.0/"]),
    (7, "host_rewritten", &["http://0xA9FEA9FE/", "http://0251.0376.0251.0376/", "http://169.254.43518/"]),
    (8, "unparsable", &["http://425.510.425.510/", "http://256.0.0.1/", "http://4294967296/", "http://1.2.3.4.5/"]),
    (9, "host_rewritten", &["http://127.0.0.1./", "http://2130706433./"]),
    (
        10,
        "host_form",
        &["http://127.0.0.1../", "http://a..b/", "http://.example.com/", "http://example.com../", "http://./"],
    ),
    (
        11,
        "host_rewritten",
        &[
            "http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "http://127\u{3002}0\u{3002}0\u{3002}1/",
            "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1/",
            "http://127\u{ff61}0\u{ff61}0\u{ff61}1/",
            "http://8\u{3002}8\u{3002}8\u{3002}8/",
            "http://example\u{3002}com/",
        ],
    ),
    (
        12,
        "host_rewritten",
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
    (13, "host_rewritten", &["http://127%2e0%2e0%2e1/", "http://example%2ecom/", "http://127.0.0.%31/"]),
    (14, "unparsable", &["http://127.0.0.1%00.example.com/", "http://xn--/", "http://xn--a.example/"]),
    (
        15,
        "name",
        &[
            "http://localhost./",
            "http://LOCALHOST/",
            "http://foo.localhost/",
            "http://localhost.localdomain/",
            "http://ip6-localhost/",
            "http://ip6-loopback/",
            "http://FOO.LocalHost./",
        ],
    ),
    (16, "address", &["http://[::1]/", "http://[::]/"]),
    (16, "host_rewritten", &["http://[0:0:0:0:0:0:0:1]/", "http://[0::1]/", "http://[::0]/", "http://[::0001]/"]),
    (17, "address", &["http://[::ffff:7f00:1]/", "http://[::ffff:a9fe:a9fe]/"]),
    (17, "host_rewritten", &["http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:ffff:7f00:1]/"]),
    (18, "address", &["http://[::7f00:1]/", "http://[::808:808]/"]),
    (18, "host_rewritten", &["http://[::127.0.0.1]/"]),
    (19, "address", &["http://[::ffff:0:7f00:1]/"]),
    (19, "host_rewritten", &["http://[::ffff:0:127.0.0.1]/"]),
    (20, "address", &["http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a00:1]/", "http://[64:ff9b::808:808]/"]),
    (21, "address", &["http://[2001:db8:64::7f00:1]/"]),
    (22, "address", &["http://[2002:7f00:1::]/", "http://[2002:808:808::]/"]),
    (23, "address", &["http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/"]),
    (
        24,
        "address",
        &[
            "http://[fe80::1]/",
            "http://[fec0::1]/",
            "http://[fc00::1]/",
            "http://[fd00:ec2::254]/",
            "http://[ff02::1]/",
        ],
    ),
    (
        25,
        "unparsable",
        &["http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[127.0.0.1]/", "http://[v1.x]/"],
    ),
    (26, "userinfo", &["http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1:22/"]),
    (27, "userinfo", &["http://127.0.0.1@example.com/", "http://@example.com/", "http://:@example.com/"]),
    (28, "forbidden_byte", &["http://example.com\\@127.0.0.1/", "http://example.com\\.127.0.0.1/"]),
    (
        28,
        "userinfo",
        &["http://example.com#@127.0.0.1/", "http://example.com?@127.0.0.1/", "http://example.com?a#@127.0.0.1"],
    ),
    (29, "forbidden_byte", &["http:\\\\127.0.0.1/", "http:/\\127.0.0.1/"]),
    (
        29,
        "not_absolute",
        &[
            "http:/127.0.0.1/",
            "http:127.0.0.1/",
            "http:///127.0.0.1/",
            "https:///127.0.0.1/",
            "http:example.com/",
            "http:///example.com/",
            "http:////example.com/",
        ],
    ),
    (
        30,
        "not_absolute",
        &["//127.0.0.1/", "127.0.0.1", "", "http:///", "http://", "http:", "//example.com/", "/", "example.com"],
    ),
    (30, "scheme", &["127.0.0.1:443", "://127.0.0.1/"]),
    (
        31,
        "forbidden_byte",
        &[
            "ht\ttp://example.com/",
            "ht\ttps://example.com/",
            "https://127\n.0.0.1/",
            " http://example.com/",
            "http://example.com/ ",
            "http://exam\tple.com/",
            "http://example.com/a\rb",
            "http://example.com/\0",
            "http://example.com/a b",
            "http://example.com/\u{7f}",
            "\u{1}http://example.com/",
        ],
    ),
    (
        32,
        "scheme",
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
            "http+unix://%2frun%2fdocker.sock/",
            "ws://example.com/",
            "wss://example.com/",
            "blob:https://example.com/x",
            "view-source:https://example.com/",
            "httpss://example.com/",
        ],
    ),
    (33, "port", &["http://example.com:0/"]),
    (
        33,
        "port_form",
        &[
            "http://example.com:022/",
            "http://example.com:0443/",
            "http://example.com:00/",
            "http://example.com:/",
            "http://example.com:-1/",
            "http://example.com:+443/",
            "http://example.com:a/",
            "http://example.com:443:443/",
            "http://example.com:\u{ff14}43/",
        ],
    ),
    (33, "unparsable", &["http://example.com:65536/", "http://example.com:4294967739/", "http://[2606:4700::1]443/"]),
    (33, "forbidden_byte", &["http://example.com:4 43/"]),
];

fn policy(entries: &[&str]) -> Policy {
    Policy::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
}

/// Allows `http` to public addresses, so that a form meets the rule it is about and not the scheme's.
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
fn rows_1_to_33_are_refused_for_the_reason_they_are_there_for() {
    let mut wrong = Vec::new();
    for (row, reason, forms) in ROWS {
        for form in *forms {
            let refusal = refused(form, &http_outside());
            wrong.extend((refusal.as_str() != *reason).then(|| format!("row {row}: {form:?} {refusal:?}")));
            // The same with the scheme that the default knows.
            if let Some(rest) = form.strip_prefix("http:") {
                let refusal = refused(&format!("https:{rest}"), &Policy::default());
                wrong.extend((refusal.as_str() != *reason).then(|| format!("row {row}: https:{rest} {refusal:?}")));
            }
            refused(form, &Policy::default());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_every_row_and_says_nothing_of_where_a_form_leads() {
    let mut rows: Vec<u8> = ROWS.iter().map(|(row, ..)| *row).collect();
    rows.dedup();
    assert_eq!(rows, (1..=33).collect::<Vec<_>>());
    for (row, _, forms) in ROWS {
        for form in *forms {
            let text = refused(form, &http_outside()).tenant_text();
            // What is told of the text of a URL has no address, class or port in it, so it is the same wherever it leads.
            let is_about_text = text.starts_with("must ") || text == "is not a valid URL";
            assert!(text == UNIFORM_REFUSAL || is_about_text, "row {row}: {text}");
            for word in ["127", "169", "loopback", "private", "metadata", "link"] {
                assert!(!text.contains(word), "row {row}: {text}");
            }
        }
    }
}

/// What is refused by its form is refused before any name server hears of it.
#[tokio::test]
async fn no_row_reaches_a_name_server() {
    let script = Script::new(&[&["8.8.8.8"]]);
    for policy in [Policy::default(), http_outside()] {
        let config = EgressConfig { policy, ..EgressConfig::default() };
        let egress = Egress::with_resolver(config, script.clone()).unwrap();
        for form in ROWS.iter().flat_map(|(_, _, forms)| *forms) {
            assert!(egress.judge(form).await.is_err(), "{form}");
        }
    }
    assert!(script.asked().is_empty(), "{:?}", script.asked());
}

/// A form that is refused for how it is written stays refused when what it means is allowed.
#[test]
fn an_exception_for_an_address_lets_no_disguise_of_it_through() {
    let open = policy(&["127.0.0.0/8:*+http", "0.0.0.0/8:*+http", "169.254.169.254/32:*+http", "::1/128:*+http"]);
    for (row, reason, forms) in ROWS {
        for form in forms.iter().filter(|_| !matches!(*reason, "address" | "name")) {
            assert_eq!(refused(form, &open).as_str(), *reason, "row {row}: {form}");
        }
    }
    assert!(parse("http://127.0.0.1/", &open).is_ok());
}

#[test]
fn row_21_a_named_nat64_prefix_is_judged_by_what_is_inside() {
    let policy = Policy::default().with_nat64(vec!["2001:db8:64::/96".parse().unwrap()]);
    for (inside, reason) in
        [("7f00:1", "address"), ("a9fe:a9fe", "address"), ("a00:1", "address"), ("a83f:8110", "address")]
    {
        assert_eq!(refused(&format!("https://[2001:db8:64::{inside}]/"), &policy).as_str(), reason, "{inside}");
    }
    assert!(parse("https://[2001:db8:64::808:808]/", &policy).is_ok());
    assert_eq!(refused("https://[2001:db8:65::808:808]/", &policy).as_str(), "address");
}

#[test]
fn row_33_port_443_is_open_and_every_other_needs_an_exception() {
    let public = "8.8.8.8".parse().unwrap();
    for port in 0..=u16::MAX {
        let outcome = Policy::default().permits(public, port, true);
        assert_eq!(outcome, if port == 443 { Ok(()) } else { Err(Refused::Port(port)) });
        assert_eq!(Policy::default().permits(public, port, false), Err(Refused::HttpNotAllowed));
    }
    let listed = [22, 25, 53, 110, 135, 139, 445, 2375, 2379, 3306, 5432, 6379, 6443, 8500, 9200, 10250, 11211, 27017];
    assert_eq!(NAMED_ONLY, listed);
    for port in listed {
        for host in ["example.com", "8.8.8.8", "[2606:4700::1]"] {
            let text = format!("https://{host}:{port}/");
            for policy in [Policy::default(), policy(&["0.0.0.0/0:*+http", "::/0:*+http"])] {
                assert_eq!(refused(&text, &policy), Refused::Port(port), "{text}");
            }
            assert!(parse(&text, &policy(&[&format!("0.0.0.0/0:{port}"), &format!("::/0:{port}")])).is_ok(), "{text}");
        }
    }
}

#[test]
fn row_34_url_host_and_label_have_a_longest() {
    let stem = "https://example.com/";
    let full = format!("{stem}{}", "a".repeat(URL_BYTES_MAX - stem.len()));
    assert!(parse(&full, &Policy::default()).is_ok());
    assert_eq!(refused(&format!("{full}a"), &Policy::default()), Refused::TooLong);
    // A quotation mark is three bytes when it is encoded.
    let grows = |plain: usize| format!("{stem}{}{}", "\"".repeat(676), "a".repeat(plain));
    assert_eq!(parse(&grows(0), &Policy::default()).unwrap().as_str().len(), URL_BYTES_MAX);
    assert_eq!(refused(&grows(1), &Policy::default()), Refused::TooLong);
    assert_eq!(refused(&"a".repeat(1024 * 1024), &Policy::default()), Refused::TooLong);

    let host = |labels: &[usize]| labels.iter().map(|&length| "a".repeat(length)).collect::<Vec<_>>().join(".");
    for (labels, is_taken) in [
        (&[63, 7][..], true),
        (&[64, 7], false),
        (&[7, 64], false),
        (&[63, 63, 63, 61], true),
        (&[63, 63, 63, 62], false),
        (&[63, 63, 63, 63], false),
    ] {
        for end in ["", "."] {
            let text = format!("https://{}{end}/", host(labels));
            match parse(&text, &Policy::default()) {
                Ok(_) => assert!(is_taken, "{text}"),
                Err(refusal) => assert!(!is_taken && refusal == Refused::HostForm, "{text} {refusal}"),
            }
        }
    }
    // In the form that DNS knows, which is longer than what is written.
    let long = format!("https://{}.example/", "\u{fc}".repeat(63));
    assert!(matches!(refused(&long, &Policy::default()), Refused::HostForm | Refused::Unparsable));
}

#[test]
fn row_35_what_is_encoded_stays_encoded_on_the_wire() {
    for (text, path_and_query) in [
        ("https://example.com/%0d%0aHost:x", "/%0d%0aHost:x"),
        ("https://example.com/%0D%0A%0D%0AGET%20/", "/%0D%0A%0D%0AGET%20/"),
        ("https://example.com/?a=%0d%0ab", "/?a=%0d%0ab"),
        ("https://example.com/%00", "/%00"),
        ("https://example.com/%2e%2e%2f%2e%2e", "/%2e%2e%2f%2e%2e"),
        ("https://example.com/\u{85}\u{2028}\u{e9}", "/%C2%85%E2%80%A8%C3%A9"),
        ("https://example.com/?\u{85}\"<>", "/?%C2%85%22%3C%3E"),
    ] {
        let taken: Destination = parse(text, &Policy::default()).unwrap();
        assert_eq!(taken.path_and_query(), path_and_query);
        assert!(taken.path_and_query().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(*taken.host(), Host::Name("example.com".into()));
        // The library that writes the request line changes nothing of it.
        let written: http::Uri = taken.path_and_query().parse().unwrap();
        assert_eq!(written.to_string(), path_and_query);
    }
}
