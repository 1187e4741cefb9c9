//! `spec/egress.md` 5.3, case 6: answers of hostile receivers, and what they cost.

use super::{BRIEF, LONG, call, ok};
use crate::phases::Phase;
use crate::send::{Answer, BEFORE_BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, SendError, SendErrorKind, SendLimits};
use crate::zoo::{Act, Authority, Receiver, Script, egress, loopback};

async fn over_http(act: Act, limits: SendLimits) -> Result<Answer, SendError> {
    let receiver = Receiver::plain(act);
    call(&loopback(), "http", &receiver, limits).await
}

/// How a call ends.
#[derive(Debug, PartialEq)]
enum End {
    /// An answer with this status and body.
    Answer(u16, Vec<u8>),
    /// An answer whose body was cut at the bound.
    Cut(u16),
    /// Not HTTP, or beyond a bound on the head.
    Protocol,
    /// Closed before it was complete; the status, if it was known by then.
    Closed(Option<u16>),
    /// The deadline passed in the head.
    SlowHead,
    /// The deadline passed in the body.
    SlowBody(u16),
}

fn end(ended: Result<Answer, SendError>, limits: SendLimits) -> End {
    match ended {
        Ok(answer) if answer.truncated => {
            assert_eq!(answer.excerpt.len(), limits.response_bytes_max);
            End::Cut(answer.status.as_u16())
        }
        Ok(answer) => End::Answer(answer.status.as_u16(), answer.excerpt.to_vec()),
        Err(SendError { kind, status, phases }) => {
            let status = status.map(|status| status.as_u16());
            assert_eq!(phases.first_byte.is_some(), status.is_some());
            match (kind, status) {
                (SendErrorKind::Protocol(_), _) => End::Protocol,
                (SendErrorKind::Closed(_), status) => End::Closed(status),
                (SendErrorKind::Timeout { phase: Phase::Head }, None) => End::SlowHead,
                (SendErrorKind::Timeout { phase: Phase::Body }, Some(status)) => End::SlowBody(status),
                (other, status) => panic!("{other:?} {status:?}"),
            }
        }
    }
}

fn headers(count: usize) -> Vec<u8> {
    (0..count).flat_map(|index| format!("h{index}: 1\r\n").into_bytes()).collect()
}

/// A head of a success with these headers.
fn success(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes()
}

fn says(head: &str, body: &[u8]) -> Act {
    Act::AnswerOnce([head.as_bytes(), body].concat())
}

/// Meets each receiver and compares how the call ends.
async fn check(cases: Vec<(&str, Act, End)>) {
    let mut wrong = Vec::new();
    for (what, act, expected) in cases {
        let ended = end(over_http(act, LONG).await, LONG);
        wrong.extend((ended != expected).then(|| format!("{what}: {ended:?}, not {expected:?}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn case_6_heads() {
    let wide = |bytes| [b"HTTP/1.1 200 OK\r\nwide: ".to_vec(), vec![b'a'; bytes], b"\r\n\r\n".to_vec()].concat();
    let many = |count| [b"HTTP/1.1 200 OK\r\n".to_vec(), headers(count), b"\r\n".to_vec()].concat();
    let cases = [
        // Heads that are too much.
        ("1 MB header", Act::AnswerOnce(wide(1024 * 1024)), End::Protocol),
        ("header at twice the bound", Act::AnswerOnce(wide(2 * HEAD_BYTES_MAX)), End::Protocol),
        ("10,000 headers", Act::AnswerOnce(many(10_000)), End::Protocol),
        ("one header too many", Act::AnswerOnce(many(HEADERS_MAX + 1)), End::Protocol),
        ("as many headers as may be", Act::AnswerOnce(many(HEADERS_MAX)), End::Answer(200, Vec::new())),
        ("endless headers", Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(100)), End::Protocol),
        ("endless 100", Act::Flood(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(50)), End::Protocol),
        ("endless 103", Act::Flood(Vec::new(), b"HTTP/1.1 103 E\r\nlink: </a>\r\n\r\n".repeat(50)), End::Protocol),
        ("one 103", says("HTTP/1.1 103 E\r\nlink: </a>\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", b""), {
            End::Answer(500, Vec::new())
        }),
        ("some 100s", Act::AnswerOnce([b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100), ok()].concat()), {
            End::Answer(200, b"ok".to_vec())
        }),
        (
            "101 that nobody asked for",
            says("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", b""),
            { End::Answer(101, Vec::new()) },
        ),
        // What is not HTTP.
        ("HTTP/0.9", says("<html>hello from 1991</html>\r\n\r\n", b""), End::Protocol),
        ("endless noise", Act::Flood(Vec::new(), vec![b'x'; 4096]), End::Protocol),
        ("SSH", says("SSH-2.0-OpenSSH_9.6\r\n\r\n\r\n", b""), End::Protocol),
        ("SMTP", says("220 mail.example ESMTP\r\n\r\n", b""), End::Protocol),
        ("HTTP/2", says("HTTP/2 200\r\n\r\n", b""), End::Protocol),
        ("NULs", Act::AnswerOnce(b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec()), End::Protocol),
        ("status 099", says("HTTP/1.1 099 Low\r\n\r\n", b""), End::Protocol),
        ("status of two digits", says("HTTP/1.1 20 Short\r\n\r\n", b""), End::Protocol),
        ("status of four digits", says("HTTP/1.1 2000 Long\r\n\r\n", b""), End::Protocol),
        ("status 600", says("HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n", b""), End::Answer(600, Vec::new())),
        ("status 999", says("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n", b""), End::Answer(999, Vec::new())),
        (
            "two lengths",
            says("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", b""),
            End::Protocol,
        ),
        ("length below zero", says("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", b""), End::Protocol),
        ("space in a header's name", says("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", b""), End::Protocol),
        ("NUL in a header", says("HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n", b""), End::Protocol),
    ];
    check(cases.into()).await;
}

#[tokio::test]
async fn case_6_bodies() {
    let bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03".repeat(100);
    let packed =
        |coding: &str| format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 1000\r\n\r\n");
    let odd = b"\0\xff\xfe\xc3\x28\x1b[31m\x1b]0;title\x07\r\n\x1b[2J\x9b\0";
    let odd_head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", odd.len());
    let cases = [
        // Bodies that are too much.
        (
            "endless chunks",
            Act::Flood(
                success("transfer-encoding: chunked\r\n"),
                b"1000\r\n".to_vec().into_iter().chain([b'c'; 0x1000]).chain(*b"\r\n").collect(),
            ),
            End::Cut(200),
        ),
        ("10 GB", Act::Flood(success("content-length: 10000000000\r\n"), vec![b'c'; 4096]), End::Cut(200)),
        ("until the close", Act::Flood(b"HTTP/1.0 200 OK\r\n\r\n".to_vec(), vec![b'c'; 4096]), End::Cut(200)),
        (
            "a chunk of 2^64 - 1",
            Act::Flood(success("transfer-encoding: chunked\r\n\r\nffffffffffffffff"), vec![b'c'; 4096]),
            End::Cut(200),
        ),
        (
            "a chunk of 2^64",
            says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10000000000000000\r\n", b"c"),
            End::Protocol,
        ),
        (
            "endless chunk extension",
            Act::Flood(success("transfer-encoding: chunked\r\n\r\n1;e="), vec![b'e'; 4096]),
            End::Protocol,
        ),
        (
            "endless trailers",
            Act::Flood(success("transfer-encoding: chunked\r\n\r\n0"), b"a: b\r\n".repeat(100)),
            End::Protocol,
        ),
        (
            "until the close, and it closes",
            says("HTTP/1.0 200 OK\r\n\r\n", b"the end"),
            End::Answer(200, b"the end".to_vec()),
        ),
        // Bodies that would grow if someone unpacked them.
        ("gzip bomb", says(&packed("gzip"), &bomb), End::Answer(200, bomb.clone())),
        ("br bomb", says(&packed("br"), &bomb), End::Answer(200, bomb.clone())),
        ("deflate, twice", says(&packed("deflate, gzip"), &bomb), End::Answer(200, bomb.clone())),
        // Bodies that are not what they should be.
        ("204 with a body", says("HTTP/1.1 204 No Content\r\n\r\n", b"body"), End::Answer(204, Vec::new())),
        (
            "204 with a length and a body",
            says("HTTP/1.1 204 N\r\ncontent-length: 4\r\n\r\n", b"body"),
            End::Answer(204, Vec::new()),
        ),
        ("304 with a body", says("HTTP/1.1 304 N\r\ncontent-length: 4\r\n\r\n", b"body"), End::Answer(304, Vec::new())),
        ("not UTF-8, NUL, escape codes", says(&odd_head, odd), End::Answer(200, odd.to_vec())),
    ];
    check(cases.into()).await;
}

#[tokio::test]
async fn case_6_connections_that_close_early() {
    let cases = [
        ("no byte", says("", b""), End::Closed(None)),
        ("closed in the head", says("HTTP/1.1 200 OK\r\nx: ", b""), End::Closed(None)),
        ("closed after a 100", says("HTTP/1.1 100 Continue\r\n\r\n", b""), End::Closed(None)),
        ("closed in the body", says("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", b"short"), End::Closed(Some(200))),
        (
            "closed in a chunk",
            says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n", b"short"),
            End::Closed(Some(200)),
        ),
        (
            "closed between chunks",
            says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n", b"s\r\n"),
            End::Closed(Some(200)),
        ),
    ];
    check(cases.into()).await;
}

#[tokio::test]
async fn case_6_what_is_slow_ends_at_the_deadline() {
    for (what, act, expected) in [
        ("no answer", Act::Hold, End::SlowHead),
        ("slow head", Act::Drip(Vec::new(), b"HTTP/1.1 200 OK\r\nx: ".to_vec()), End::SlowHead),
        ("slow 100s", Act::Drip(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), End::SlowHead),
        ("slow body", Act::Drip(success("content-length: 10000000000\r\n"), b"d".to_vec()), End::SlowBody(200)),
        (
            "slow chunks",
            Act::Drip(success("transfer-encoding: chunked\r\n"), b"1\r\nd\r\n".to_vec()),
            End::SlowBody(200),
        ),
        ("a body that stops", Act::Answer([&success("content-length: 10\r\n")[..], b"short"].concat()), {
            End::SlowBody(200)
        }),
    ] {
        let started = tokio::time::Instant::now();
        assert_eq!(end(over_http(act, BRIEF).await, BRIEF), expected, "{what}");
        assert!(started.elapsed() < BRIEF.deadline * 8, "{what}");
    }
}

#[tokio::test]
async fn case_6_a_reset_is_an_end_and_not_a_hang() {
    for (answer, is_whole) in [
        (Vec::new(), false),
        (b"HTTP/1.1 200 OK\r\nx: ".to_vec(), false),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_vec(), false),
        (ok(), true),
    ] {
        match over_http(Act::Reset(answer), LONG).await {
            // What came whole before the reset may be read before it or lost to it.
            Ok(answer) => assert!(is_whole && answer.excerpt == "ok"),
            Err(error) => assert!(matches!(error.kind, SendErrorKind::Closed(_)), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn case_6_a_connection_with_more_on_it_than_was_asked_for_is_not_used_again() {
    let poison = b"HTTP/1.1 500 Poison\r\ncontent-length: 6\r\n\r\npoison".to_vec();
    for (what, first, status) in [
        ("after a length", ok(), 200),
        ("after no body", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), 200),
        (
            "after the last chunk",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec(),
            200,
        ),
        ("as the body of a 204", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), 204),
        ("after a 101", b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(), 101),
        ("as the body of a 304", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 49\r\n\r\n".to_vec(), 304),
    ] {
        let receiver = Receiver::plain(Act::Answer([first, poison.clone()].concat()));
        let egress = loopback();
        for _ in 0..3 {
            let answer = call(&egress, "http", &receiver, LONG).await.unwrap();
            assert_eq!(answer.status.as_u16(), status, "{what}");
            assert!(answer.excerpt.is_empty() || answer.excerpt == "ok", "{what}");
            tokio::task::yield_now().await;
        }
        assert_eq!(receiver.accepted(), 3, "{what}");
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_its_bound_whatever_bounds_the_head() {
    let body = vec![b'c'; 4 * BEFORE_BODY_BYTES_MAX];
    let answer = [success(&format!("content-length: {}\r\n", body.len())), body.clone()].concat();
    let receiver = Receiver::plain(Act::Answer(answer));
    let egress = loopback();
    let limits = SendLimits { response_bytes_max: body.len(), ..LONG };
    // Twice, since a connection that is used again has the bound of the head again.
    for _ in 0..2 {
        assert_eq!(end(call(&egress, "http", &receiver, limits).await, limits), End::Answer(200, body.clone()));
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.accepted(), 1);
}

#[tokio::test]
async fn nothing_that_invites_compression_goes_out() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    call(&loopback(), "http", &receiver, LONG).await.unwrap();
    assert!(!receiver.requests().concat().to_ascii_lowercase().contains("accept-encoding"));
}

/// How much the sockets between receiver and client may hold beside what the client read: the receiver's send buffer is
/// small (`zoo.rs`), the client's receive buffer starts at 128 KiB and may have grown twice.
const IN_FLIGHT_BYTES_MAX: usize = 1024 * 1024;

#[tokio::test]
async fn an_endless_answer_costs_a_bounded_number_of_bytes() {
    let chunk: Vec<u8> = [b"1000\r\n".to_vec(), vec![b'c'; 0x1000], b"\r\n".to_vec()].concat();
    let bytes_max = BEFORE_BODY_BYTES_MAX + LONG.response_bytes_max + IN_FLIGHT_BYTES_MAX;
    for (what, first, again) in [
        ("chunks", success("transfer-encoding: chunked\r\n"), chunk),
        ("chunks of a byte", success("transfer-encoding: chunked\r\n"), b"1\r\nc\r\n".repeat(500)),
        ("10 GB", success("content-length: 10000000000\r\n"), vec![b'c'; 4096]),
        ("until the close", success(""), vec![b'c'; 4096]),
        ("headers", b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(500)),
        ("one header", b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'a'; 4096]),
        ("100s", Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
        ("103s", Vec::new(), b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100)),
        ("noise", Vec::new(), vec![b'x'; 4096]),
        ("line ends", Vec::new(), b"\r\n".repeat(2048)),
        ("chunk extension", success("transfer-encoding: chunked\r\n\r\n1;e="), vec![b'e'; 4096]),
        ("trailers", success("transfer-encoding: chunked\r\n\r\n0"), b"a: b\r\n".repeat(500)),
    ] {
        let authority = Authority::new();
        let act = Act::Flood(first, again);
        let plain = Receiver::plain(act.clone());
        let tls = Receiver::tls(act, authority.server("receiver.example"));
        let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem));
        for (scheme, receiver) in [("http", &plain), ("https", &tls)] {
            let started = tokio::time::Instant::now();
            // Whether as an answer that was cut or as an error: it ends, and long before the deadline.
            let _ = call(&egress, scheme, receiver, LONG).await;
            tokio::time::timeout(LONG.deadline, receiver.closed()).await.unwrap_or_else(|_| panic!("{what} goes on"));
            assert!(started.elapsed() < LONG.deadline / 2, "{what}, {scheme}");
            assert!(receiver.sent() <= bytes_max, "{what}, {scheme}: {} bytes", receiver.sent());
            assert!(receiver.sent() > 0, "{what}, {scheme}");
            assert_eq!(egress.idle.count(), 0, "{what}, {scheme}");
        }
    }
}
