//! Providers that break, lie or never end: each has its own answer and its own outcome, in bounded memory, and its
//! connection serves nobody else.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::provider::behaviour::{Behaviour, Stream};

use crate::rig::{Rig, redact, resident_bytes, says};

const SOON: Duration = Duration::from_secs(10);
/// What a gateway may grow by while a provider never ends. Source: twice the largest answer that these tests allow, the
/// buffers of a connection, and what an allocator keeps.
const GROWTH_BYTES_MAX: u64 = 32 * 1024 * 1024;

const UNREACHABLE: &str = "The provider could not be reached";
const BROKEN_OFF: &str = "The provider broke off its answer";
const TOO_LONG: &str = "The provider's answer is larger than 1000000 bytes";
const TOO_SLOW: &str = "The provider paused for more than 1 s within its answer";
const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";

/// A gateway that takes answers of 1 MB.
fn rig() -> Rig {
    Rig::with(&redact(), |builder| {
        builder
            .env("WARDBELL_LIMITS_ANSWER_BYTES_MAX", "1000000")
            .env("WARDBELL_UPSTREAM_ABANDONED_SECONDS_MAX", "1")
            .env("WARDBELL_UPSTREAM_FIRST_BYTE_SECONDS_MAX", "5")
            .env("WARDBELL_UPSTREAM_IDLE_SECONDS_MAX", "1")
    })
}

fn answer(content: &str) -> String {
    json!({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}).to_string()
}

fn with_length(length: usize, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    format!("{head}{body}").into_bytes()
}

#[test]
fn each_way_to_fail_has_its_answer_and_its_outcome_and_its_connection_is_not_used_again() {
    let rig = rig();
    let whole = answer("fine");
    let (half, _) = whole.split_at(whole.len() / 2);
    let field = format!("x-long: {}\r\n", "y".repeat(1_000)).into_bytes();
    let block = vec![b'x'; 64 * 1024];
    let head = "HTTP/1.1 200 OK\r\n";
    let endless = |first: &[u8], again: &[u8]| Behaviour::Endless(first.to_vec(), again.to_vec());
    let raw = |lines: &str| Behaviour::Raw(format!("{head}{lines}").into_bytes());
    // (what it is, what the provider does, what the caller is told; nothing where the answer is the provider's own)
    let cases: Vec<(&str, Behaviour, &str)> = vec![
        ("headers without end", endless(head.as_bytes(), &field), UNREACHABLE),
        ("one header without end", endless(format!("{head}x: ").as_bytes(), &block), UNREACHABLE),
        ("a status line without end", endless(b"HTTP/1.1 200 ", &block), UNREACHABLE),
        ("a body without end", endless(&with_length(usize::MAX / 4, "{"), &block), TOO_LONG),
        ("chunks without end", endless(&chunked(""), &[b"10000\r\n", block.as_slice(), b"\r\n"].concat()), TOO_LONG),
        ("a chunk size without end", endless(&chunked(""), &[b'0'; 1_000]), TOO_SLOW),
        ("chunk extensions without end", endless(&chunked("5;"), &[b'e'; 1_000]), BROKEN_OFF),
        ("trailers without end", endless(&chunked("2\r\n{}\r\n0\r\n"), &field), BROKEN_OFF),
        ("a reset before the head", Behaviour::reset(), UNREACHABLE),
        ("a reset within the head", Behaviour::Reset(b"HTTP/1.1 200 OK\r\ncontent-".to_vec()), UNREACHABLE),
        ("a reset after the head", Behaviour::Reset(with_length(whole.len(), "")), BROKEN_OFF),
        ("a reset within the body", Behaviour::Reset(with_length(whole.len(), half)), BROKEN_OFF),
        ("a length that is too long", Behaviour::Raw(with_length(whole.len() + 1, &whole)), BROKEN_OFF),
        ("a length that is too short", Behaviour::Raw(with_length(whole.len() - 1, &whole)), ""),
        ("no length and no body", raw("content-type: application/json\r\n\r\n"), ""),
        ("a length of nothing", raw("content-length: 0\r\nconnection: close\r\n\r\n"), ""),
        ("two lengths", raw("content-length: 2\r\ncontent-length: 3\r\n\r\n{} "), UNREACHABLE),
        ("a negative length", raw("content-length: -2\r\n\r\n{}"), UNREACHABLE),
        ("a line without a colon", raw("no colon\r\n\r\n"), UNREACHABLE),
        ("an interim answer only", Behaviour::Raw(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), UNREACHABLE),
        ("another protocol", Behaviour::Raw(SWITCHED.to_vec()), "The provider answered 101"),
        ("chunks that are none", Behaviour::Raw(chunked("zz\r\nhello\r\n0\r\n\r\n")), BROKEN_OFF),
    ];
    let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
    let before = resident_bytes(&rig.gateway);
    let count = cases.len();
    let passed = cases.iter().filter(|(_, _, expect)| expect.is_empty()).count();
    for (name, behaviour, expect) in cases {
        let calls = rig.provider.calls();
        rig.provider.next(behaviour);
        let reply = rig.gateway.chat(&rig.key, &says("hello"));
        let told =
            if expect.is_empty() { reply.text().to_owned() } else { reply.json()["detail"]["message"].to_string() };
        assert_eq!(reply.status, if expect.is_empty() { 200 } else { 502 }, "{name}: {told}");
        if !expect.is_empty() {
            assert_eq!(told, format!("{expect:?}"), "{name}");
        }
        assert_eq!(rig.provider.calls(), calls + 1, "{name}: asked again for what may have cost money");
        let connections = rig.provider.connections();
        rig.provider.next(Behaviour::body(answer("the next")));
        let next = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
        assert_eq!(next.json()["choices"][0]["message"]["content"], "the next", "{name}");
        assert_eq!(rig.provider.connections(), connections + 1, "{name}: its connection was used again");
        let grown = resident_bytes(&rig.gateway).saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{name}: grew by {grown}");
    }
    let all = |rows: &[Value]| rows.len() == 2 * count + 1;
    let rows = rig.gateway.wait_for_rows(&rig.path("activity?limit=100"), SOON, all);
    let failed = rows.iter().filter(|row| row["outcome"] == "upstream_failed").count();
    let served = rows.iter().filter(|row| row["outcome"] == "served").count();
    assert_eq!((failed, served), (count - passed, count + passed + 1));
}

#[test]
fn an_answer_without_a_body_was_served_or_refused_and_nobody_left() {
    let rig = rig();
    let whole = |code| Behaviour::Status { code, headers: Vec::new(), body: Vec::new() };
    for code in [200, 204, 304] {
        rig.provider.next(whole(code));
        let path = "/v1/proxy/openai/files";
        assert_eq!(rig.send("GET", path, &[], b"").status, code);
    }
    rig.provider.next(whole(200));
    let mut connection = rig.gateway.connect();
    for (path, status) in [("/v1/proxy/openai/files", 200), ("/v1/proxy/openai/%2e%2e/files", 400), ("/v1/models", 200)]
    {
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", rig.key);
        connection.send(head.as_bytes());
        assert_eq!(connection.read_head().status, status, "{path}");
    }
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 6);
    let count = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count();
    assert_eq!((count("served"), count("refused")), (5, 1), "{rows:?}");
}

#[test]
fn a_stream_that_breaks_or_never_ends_is_told_and_bounded() {
    let rig = rig();
    let mut asks = says("hello");
    asks["stream"] = json!(true);
    let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
    let before = resident_bytes(&rig.gateway);
    // Reset before its first event and in its middle.
    for events in [1, 2] {
        rig.provider.next(Behaviour::Stream(
            Stream::of(["one", "two", "three"]).every(Duration::from_millis(50)).reset_after(events),
        ));
        let reply = rig.gateway.chat_stream(&rig.key, &asks).reply();
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("\"error\"") && !reply.text().contains("three"), "{}", reply.text());
    }
    // One event that never ends, to a caller that reads for a while.
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ";
    rig.provider.next(Behaviour::Endless(head.as_bytes().to_vec(), vec![b'x'; 16 * 1024]));
    let mut connection = rig.gateway.chat_stream(&rig.key, &asks);
    assert_eq!(connection.read_head().status, 200);
    for _ in 0..10 {
        let _ = connection.read_for(Duration::from_millis(50));
        let grown = resident_bytes(&rig.gateway).saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "grew by {grown}");
    }
    drop(connection);
    rig.provider.wait_for_abandoned(1, SOON);
    let ended = |rows: &[Value]| {
        let count = |outcome| rows.iter().filter(|row| row["outcome"] == outcome).count();
        (count("upstream_failed"), count("abandoned"), count("served")) == (2, 1, 1)
    };
    rig.gateway.wait_for_rows(&rig.path("activity"), SOON, ended);
}

#[test]
fn a_second_answer_behind_the_first_reaches_no_caller() {
    let rig = rig();
    let evil = answer("another caller's secret");
    let evil = String::from_utf8(with_length(evil.len(), &evil)).unwrap();
    let fine = answer("fine");
    for first in [
        String::from_utf8(with_length(fine.len(), &fine)).unwrap(),
        String::from_utf8(chunked(&format!("{:x}\r\n{fine}\r\n0\r\n\r\n", fine.len()))).unwrap(),
    ] {
        // The first answer, a second one in the same write, and more of them as long as anybody listens.
        rig.provider.otherwise(Behaviour::Endless(format!("{first}{evil}").into_bytes(), evil.clone().into_bytes()));
        for path in ["/v1/chat/completions", "/v1/proxy/openai/chat/completions"].repeat(10) {
            let calls = rig.provider.calls();
            let reply = rig.post(path, &[], &says("hello")).expect(200);
            assert!(reply.text().contains("fine") && !reply.text().contains("secret"), "{}", reply.text());
            assert_eq!(rig.provider.calls(), calls + 1, "answered without being asked");
        }
    }
    assert_eq!(rig.provider.connections(), 40);
}
