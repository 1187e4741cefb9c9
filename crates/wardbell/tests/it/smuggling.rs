//! Requests that two readers could understand in two ways: each is refused, or the provider sees exactly one request that
//! is well formed.

use std::time::Duration;

use crate::rig::{Rig, redact, says};

const SOON: Duration = Duration::from_secs(5);

/// A gateway that waits a second for the rest of a head or a body, so that what never ends is over soon.
fn rig() -> Rig {
    Rig::with(&redact(), |builder| {
        builder.env("WARDBELL_LIMITS_HEADER_SECONDS_MAX", "1").env("WARDBELL_LIMITS_BODY_SECONDS_MAX", "1")
    })
}

/// Sends bytes over one connection, and answers with the statuses that came until the gateway closed it. The sending side
/// stays open: a caller that closes it has left, and its request would end for that reason alone.
fn statuses(rig: &Rig, request: &[u8]) -> Vec<u16> {
    let mut connection = rig.gateway.connect();
    let _ = connection.try_send(request);
    let came = connection.rest(SOON).unwrap_or_default();
    let text = String::from_utf8_lossy(&came);
    text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect()
}

/// A head for a chat request with these further lines, each with its end, and the body.
fn chat(rig: &Rig, lines: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{lines}\r\n{body}", rig.key)
        .into_bytes()
}

#[test]
fn framing_that_can_be_read_in_two_ways_reaches_no_provider() {
    let rig = rig();
    let body = says("hello").to_string();
    let (length, hex) = (body.len(), format!("{:x}", body.len()));
    let chunked = format!("{hex}\r\n{body}\r\n0\r\n\r\n");
    // (header lines, body)
    let cases: &[(String, String)] = &[
        (format!("Content-Length: {length}\r\nContent-Length: 0\r\n"), body.clone()),
        (format!("Content-Length: {length}, 0\r\n"), body.clone()),
        (format!("Content-Length: -{length}\r\n"), body.clone()),
        (format!("Content-Length: 0x{hex}\r\n"), body.clone()),
        (format!("Content-Length : {length}\r\n"), body.clone()),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), chunked.clone()),
        ("Transfer-Encoding: identity, chunkedx\r\n".to_owned(), chunked.clone()),
        ("Transfer-Encoding : chunked\r\n".to_owned(), chunked.clone()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("-{hex}\r\n{body}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("fffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("ffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("0x{hex}\r\n{body}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{hex}\r\n{body}xx\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{hex};{}\r\n{body}\r\n0\r\n\r\n", "e".repeat(100_000))),
        (format!("X: a\r\n folded\r\nContent-Length: {length}\r\n"), body.clone()),
        (format!("X: a\0b\r\nContent-Length: {length}\r\n"), body.clone()),
        (format!("X: a\rb\r\nContent-Length: {length}\r\n"), body.clone()),
        (format!("X y: a\r\nContent-Length: {length}\r\n"), body.clone()),
    ];
    for (lines, body) in cases {
        let told = statuses(&rig, &chat(&rig, lines, body));
        let is_refused = told.iter().all(|status| (400..600).contains(status));
        assert!(is_refused && !told.is_empty(), "{lines:?} {told:?}");
        assert_eq!(rig.provider.calls(), 0, "{lines:?}");
    }
    let _ = rig.gateway.chat(&rig.key, &says("still here")).expect(200);
}

#[test]
fn what_follows_a_body_is_a_request_of_its_own_and_never_rides_along() {
    let rig = rig();
    let body = says("hello").to_string();
    let smuggled = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let framed = [
        (format!("Content-Length: {}\r\n", body.len()), body.clone()),
        ("Transfer-Encoding: ChUnKeD\r\n".to_owned(), format!("{:x};a=b\r\n{body}\r\n0\r\n\r\n", body.len())),
    ];
    for (calls, (lines, body)) in (1..).zip(framed) {
        let request = [chat(&rig, &lines, &body), smuggled.as_bytes().to_vec()].concat();
        assert_eq!(statuses(&rig, &request), [200, 200], "{lines}");
        assert_eq!(rig.provider.calls(), calls);
        let seen = rig.provider.last();
        assert_eq!(seen.body, says("hello").to_string().as_bytes());
        assert_eq!(seen.headers.all("content-length").count(), 1);
        assert_eq!(seen.headers.all("transfer-encoding").count(), 0);
    }
}

#[test]
fn a_length_and_chunks_together_are_never_passed_on_together() {
    let rig = rig();
    let body = says("hello").to_string();
    let lines = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n";
    let told = statuses(&rig, &chat(&rig, lines, &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())));
    assert_eq!(told.len(), 1, "{told:?}");
    for seen in rig.provider.requests() {
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(seen.headers.get("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(seen.headers.all("transfer-encoding").count(), 0);
    }
}

#[test]
fn a_body_that_is_longer_than_it_says_is_cut_where_it_says() {
    let rig = rig();
    let told = statuses(&rig, &chat(&rig, "Content-Length: 5\r\n", &says("hello").to_string()));
    assert!(!told.is_empty() && told.iter().all(|status| *status >= 400), "{told:?}");
    assert_eq!(rig.provider.calls(), 0);
}

#[test]
fn odd_targets_reach_no_other_surface() {
    let rig = rig();
    for target in [
        "//api/v1/projects",
        "/v1/../api/v1/projects",
        "/v1/chat/completions/../../../api/v1/projects",
        "/v1/proxy/openai/../../api/v1/projects",
        "/v1/%2e%2e/api/v1/projects",
        "/api%2fv1%2fprojects",
        "/v1/chat%2fcompletions",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "api/v1/projects",
        "x:443",
        "*",
        "/v1/\0chat/completions",
    ] {
        for bearer in [rig.gateway.admin_token(), &rig.key] {
            let request = format!(
                "POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\nContent-Length: 2\r\n\
                 Connection: close\r\n\r\n{{}}"
            );
            let told = statuses(&rig, request.as_bytes());
            let is_refused = told.iter().all(|status| (400..500).contains(status));
            assert!(is_refused && !told.is_empty(), "{target:?} {told:?}");
        }
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1_000_000));
    assert!(statuses(&rig, long.as_bytes()).iter().all(|status| matches!(status, 400 | 414 | 431)));
    assert_eq!(rig.provider.calls(), 0);
    assert_eq!(rig.gateway.get("/projects")["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_caller_that_asks_before_it_sends_is_told_to_go_on() {
    let rig = rig();
    let body = says("hello").to_string();
    let mut connection = rig.gateway.connect();
    connection.send(&chat(&rig, &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()), ""));
    connection.read_until(b"HTTP/1.1 100 Continue\r\n\r\n", SOON);
    connection.send(body.as_bytes());
    assert_eq!(connection.reply().status, 200);
    assert_eq!(rig.provider.last().headers.get("expect"), None);
}

/// A head for a call of the proxy surface, with this request line's end and these further lines.
fn proxied(rig: &Rig, target: &str, version: &str, lines: &str) -> Vec<u8> {
    let body = says("hello").to_string();
    format!(
        "POST {target} {version}\r\nHost: x\r\nAuthorization: Bearer {}\r\n{lines}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        rig.key,
        body.len()
    )
    .into_bytes()
}

#[test]
fn a_proxied_path_reaches_the_provider_as_it_reads_or_not_at_all() {
    let rig = rig();
    let long = "a".repeat(7_000);
    let too_long = "a".repeat(8_200);
    // (target, what the provider sees, if anything)
    let cases: &[(&str, Option<&str>)] = &[
        ("/v1/proxy/openai/chat/completions", Some("/v1/chat/completions")),
        ("/v1/proxy/OpenAI/chat/completions", Some("/v1/chat/completions")),
        ("/v1/proxy/openai/chat/completions?a=b&a=%2e%2e%2f", Some("/v1/chat/completions?a=b&a=%2e%2e%2f")),
        ("/v1/proxy/openai/a%20b", Some("/v1/a%20b")),
        (&format!("/v1/proxy/openai/{long}"), Some(&format!("/v1/{long}"))),
        // A fragment has no place in a target; both readers end before it.
        ("/v1/proxy/openai/chat#completions/../x", Some("/v1/chat")),
        // Whoever it names as the host, it is for us, and the provider is the project's.
        ("http://evil.example/v1/proxy/openai/chat/completions", Some("/v1/chat/completions")),
        ("http://u:p@evil.example:1/v1/proxy/openai/chat/completions", Some("/v1/chat/completions")),
        (&format!("/v1/proxy/openai/{too_long}"), None),
        (&format!("/v1/proxy/openai/chat/completions?{too_long}"), None),
        ("/v1/proxy/openai/../chat/completions", None),
        ("/v1/proxy/openai/./chat/completions", None),
        ("/v1/proxy/openai/chat/..", None),
        ("/v1/proxy/openai/%2e%2e/chat/completions", None),
        ("/v1/proxy/openai/.%2E/chat/completions", None),
        ("/v1/proxy/openai/chat%2fcompletions", None),
        ("/v1/proxy/openai/chat%2Fcompletions", None),
        ("/v1/proxy/openai/chat%5ccompletions", None),
        ("/v1/proxy/openai/chat\\completions", None),
        ("/v1/proxy/openai/chat%00", None),
        ("/v1/proxy/openai/chat%0d%0aX:%20y", None),
        ("/v1/proxy/openai//chat/completions", None),
        ("/v1/proxy//openai/chat/completions", None),
        ("/v1/proxy/openai/chat/completions//", None),
        ("/v1/proxy/openai/", None),
        ("/v1/proxy/openai", None),
        ("/v1/proxy/", None),
        ("/v1/proxy", None),
        ("/v1/proxy/../proxy/openai/chat/completions", None),
        ("/v1/proxy/openai%2fchat/completions", None),
        ("/v1/%70roxy/openai/chat/completions", None),
        ("/V1/proxy/openai/chat/completions", None),
        ("//v1/proxy/openai/chat/completions", None),
        ("http://evil.example//v1/proxy/openai/chat/completions", None),
        ("http:///v1/proxy/openai/chat/completions", None),
        ("/v1/proxy/openai/chat completions", None),
        ("/v1/proxy/openai/chat\tcompletions", None),
    ];
    for (target, expect) in cases {
        let before = rig.provider.calls();
        let told = statuses(&rig, &proxied(&rig, target, "HTTP/1.1", ""));
        let shown: String = target.chars().take(80).collect();
        let Some(path) = expect else {
            let is_refused = told.iter().all(|status| (400..500).contains(status));
            assert!(is_refused && !told.is_empty(), "{shown:?} {told:?}");
            assert_eq!(rig.provider.calls(), before, "{shown:?}");
            continue;
        };
        assert_eq!((told.as_slice(), rig.provider.calls()), (&[200][..], before + 1), "{shown:?}");
        let seen = rig.provider.last();
        let line = String::from_utf8_lossy(&seen.head);
        let line = line.lines().next().unwrap();
        assert_eq!(line, format!("POST {path} HTTP/1.1"));
        assert_eq!(seen.headers.all("host").collect::<Vec<_>>(), [format!("127.0.0.1:{}", rig.provider.port())]);
        assert_eq!(seen.body, says("hello").to_string().as_bytes());
    }
}

#[test]
fn old_and_bare_heads_reach_the_provider_as_one_well_formed_request_or_not_at_all() {
    let rig = rig();
    let target = "/v1/proxy/openai/chat/completions";
    let body = says("hello").to_string();
    let good = proxied(&rig, target, "HTTP/1.1", "");
    let good = String::from_utf8(good).unwrap();
    let cases: &[(&str, String)] = &[
        ("1.0", good.replacen("HTTP/1.1", "HTTP/1.0", 1)),
        ("1.0 with chunks", {
            let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            let length = format!("Content-Length: {}", body.len());
            good.replacen("HTTP/1.1", "HTTP/1.0", 1)
                .replace(&length, "Transfer-Encoding: chunked")
                .replace(&body, &chunks)
        }),
        ("1.0 without a host", good.replacen("HTTP/1.1", "HTTP/1.0", 1).replace("Host: x\r\n", "")),
        ("0.9", format!("POST {target}\r\n\r\n")),
        ("2.0", good.replacen("HTTP/1.1", "HTTP/2.0", 1)),
        ("1.2", good.replacen("HTTP/1.1", "HTTP/1.2", 1)),
        ("bare line feeds", good.replace("\r\n", "\n")),
        ("bare returns", good.replace("\r\n", "\r")),
        ("one bare line feed", good.replacen("Host: x\r\n", "Host: x\n", 1)),
        ("a return too many", good.replacen("Host: x\r\n", "Host: x\r\r\n", 1)),
        ("a line feed in a value", good.replacen("Host: x\r\n", "Host: x\r\nX: a\nX-LockLLM-Key: b\r\n", 1)),
        ("blank lines before it", format!("\r\n\r\n{good}")),
        ("two hosts", good.replacen("Host: x\r\n", "Host: x\r\nHost: y\r\n", 1)),
        ("a lower-case method", good.replacen("POST", "post", 1)),
        ("an odd method", good.replacen("POST", "PO\u{e9}ST", 1)),
        ("connect", good.replacen(&format!("POST {target}"), "CONNECT api.openai.com:443", 1)),
    ];
    for (name, request) in cases {
        let before = rig.provider.calls();
        let told = statuses(&rig, request.as_bytes());
        let new = rig.provider.requests().split_off(before);
        assert!(new.len() <= 1, "{name}: {} requests", new.len());
        let Some(seen) = new.first() else {
            assert!(told.iter().all(|status| (400..600).contains(status)), "{name} {told:?}");
            continue;
        };
        let head = String::from_utf8_lossy(&seen.head);
        assert!(head.ends_with("\r\n\r\n") && !head.replace("\r\n", "").contains(['\r', '\n']), "{name} {head:?}");
        // Methods are told apart by their case: this is another one, which a provider does not have.
        let method = if *name == "a lower-case method" { "post" } else { "POST" };
        assert!(head.starts_with(&format!("{method} /v1/chat/completions HTTP/1.1\r\n")), "{name} {head:?}");
        assert_eq!(seen.headers.all("host").count(), 1, "{name}");
        assert_eq!(seen.headers.get("content-length"), Some(body.len().to_string().as_str()), "{name}");
        assert_eq!(seen.headers.all("transfer-encoding").count(), 0, "{name}");
        assert_eq!(seen.body, body.as_bytes(), "{name}");
    }
    assert_eq!(rig.gateway.send("GET", "/health", &[], b"").status, 200);
}

#[test]
fn a_flood_of_large_headers_reaches_no_provider_and_a_full_head_does() {
    let rig = rig();
    let lines = |count: usize, bytes: usize| -> String {
        let value = "v".repeat(bytes);
        (0..count).map(|number| format!("X-Own-{number}: {value}\r\n")).collect()
    };
    let target = "/v1/proxy/openai/chat/completions";
    for (count, bytes) in [(129, 1), (124, 8_000), (8, 60_000), (1, 1_000_000)] {
        let told = statuses(&rig, &proxied(&rig, target, "HTTP/1.1", &lines(count, bytes)));
        assert!(told.iter().all(|status| *status == 431), "{count} of {bytes}: {told:?}");
        assert_eq!(rig.provider.calls(), 0);
    }
    // Host, key, length and connection stand beside them.
    assert_eq!(statuses(&rig, &proxied(&rig, target, "HTTP/1.1", &lines(124, 200))), [200]);
    let seen = rig.provider.last();
    assert_eq!(seen.headers.get("x-own-123").map(str::len), Some(200));
}
