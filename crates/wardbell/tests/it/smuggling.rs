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
