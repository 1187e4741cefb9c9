//! Callers that take their time, on purpose: each is bounded, and nobody else waits for them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wardbell_testkit::gateway::connection::Connection;
use wardbell_testkit::provider::behaviour::Behaviour;

use crate::rig::{Rig, redact, resident_bytes, says};

const SOON: Duration = Duration::from_secs(10);
/// What a gateway may grow by for all that these tests hold open. Source: each of their connections has some 400 KiB of
/// buffers at most; the rest is what an allocator keeps.
const GROWTH_BYTES_MAX: u64 = 48 * 1024 * 1024;

/// A gateway that gives a head and a body a second each.
fn rig() -> Rig {
    Rig::with(&redact(), |builder| {
        builder.env("WARDBELL_LIMITS_HEADER_SECONDS_MAX", "1").env("WARDBELL_LIMITS_BODY_SECONDS_MAX", "1")
    })
}

fn head(rig: &Rig, lines: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{lines}\r\n", rig.key)
}

/// Sends a byte at a time, each well within any pause that a server would wait for, until the peer hangs up or answers.
/// Answers with how long that took, and what came.
fn drip(mut connection: Connection, bytes: &[u8]) -> (Duration, String) {
    let started = Instant::now();
    let mut came = Vec::new();
    for byte in bytes {
        let is_gone = connection.try_send(&[*byte]).is_err();
        came.extend(connection.read_for(Duration::from_millis(50)));
        if is_gone || !came.is_empty() || started.elapsed() > SOON {
            break;
        }
    }
    came.extend(connection.rest(SOON).unwrap_or_default());
    (started.elapsed(), String::from_utf8_lossy(&came).into_owned())
}

#[test]
fn a_head_or_a_body_that_drips_is_cut_at_its_time_whoever_else_calls() {
    let rig = rig();
    let long = head(&rig, &"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(40));
    let chunks = "1\r\nx\r\n".repeat(200);
    std::thread::scope(|scope| {
        let drips: Vec<_> = (0..12)
            .map(|number| {
                let mut connection = rig.gateway.connect();
                let bytes = match number % 3 {
                    0 => long.as_bytes(),
                    1 => {
                        connection.send(head(&rig, "Content-Length: 500\r\n").as_bytes());
                        &[b' '; 400]
                    }
                    _ => {
                        connection.send(head(&rig, "Transfer-Encoding: chunked\r\n").as_bytes());
                        chunks.as_bytes()
                    }
                };
                (number, scope.spawn(move || drip(connection, bytes)))
            })
            .collect();
        // Meanwhile anybody is served.
        for _ in 0..5 {
            let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
        }
        for (number, drip) in drips {
            let (took, came) = drip.join().unwrap();
            assert!(took < Duration::from_secs(8), "{number} took {took:?}");
            let told = if number % 3 == 0 { came.is_empty() } else { false };
            assert!(told || came.starts_with("HTTP/1.1 408 "), "{number} {came:?}");
        }
    });
    assert_eq!(rig.provider.calls(), 5);
    // A head that never ended is no request; a body that never ended is a refused one.
    let refused = |rows: &[Value]| rows.iter().filter(|row| row["outcome"] == "refused").count() == 8;
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, refused);
    assert_eq!(rows.len(), 13);
}

#[test]
fn callers_that_fill_every_place_lose_theirs_in_time() {
    let rig = Rig::with(&redact(), |builder| {
        builder.env("WARDBELL_LIMITS_HEADER_SECONDS_MAX", "1").env("WARDBELL_CONNECTIONS_MAX", "4")
    });
    let held: Vec<_> = (0..12)
        .map(|_| {
            let mut connection = rig.gateway.connect();
            let _ = connection.try_send(b"POST /v1/chat/completions HTTP/1.1\r\n");
            connection
        })
        .collect();
    let started = Instant::now();
    let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    drop(held);
}

/// Answers with an event stream that never ends.
fn endless_stream() -> Behaviour {
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "word ".repeat(200));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    Behaviour::Endless(head.as_bytes().to_vec(), chunk.into_bytes())
}

#[test]
fn a_caller_that_never_reads_costs_a_bounded_amount_of_memory_and_nobody_elses_time() {
    for scan in ["off", "redact"] {
        let rig = Rig::with(&json!({"response": {"scan": scan}}), |builder| {
            builder.env("WARDBELL_UPSTREAM_ABANDONED_SECONDS_MAX", "1")
        });
        let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
        let before = resident_bytes(&rig.gateway);
        let mut asks = says("hello");
        asks["stream"] = json!(true);
        let mut deaf = Vec::new();
        for number in 0..16 {
            rig.provider.next(endless_stream());
            deaf.push(rig.gateway.chat_stream(&rig.key, &asks));
            rig.provider.wait_for(number + 2, SOON);
        }
        let mut most = 0;
        for _ in 0..10 {
            let started = Instant::now();
            let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
            assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
            std::thread::sleep(Duration::from_millis(100));
            most = most.max(resident_bytes(&rig.gateway));
        }
        assert!(most < before + GROWTH_BYTES_MAX, "{scan}: grew from {before} to {most}");
        drop(deaf);
        rig.provider.wait_for_abandoned(16, SOON);
        let gone = |rows: &[Value]| rows.iter().filter(|row| row["outcome"] == "abandoned").count() == 16;
        rig.gateway.wait_for_rows(&rig.path("activity?limit=100"), SOON, gone);
    }
}

#[test]
fn a_caller_that_closes_its_sending_side_has_left_and_is_recorded_once() {
    let rig = rig();
    let body = says("hello").to_string();
    let whole = format!("{}{body}", head(&rig, &format!("Content-Length: {}\r\n", body.len())));
    // In the middle of the head, of the body, and after all of it while the provider thinks.
    let half_body = whole.len() - 5;
    for (at, outcome) in [(20, None), (half_body, Some("refused")), (whole.len(), Some("abandoned"))] {
        rig.provider.otherwise(Behaviour::answer("late").after(Duration::from_millis(500)));
        let before = rig.gateway.get(&rig.path("activity"))["data"].as_array().unwrap().len();
        let mut connection = rig.gateway.connect();
        connection.send(&whole.as_bytes()[..at]);
        std::thread::sleep(Duration::from_millis(100));
        connection.finish_sending();
        let came = connection.rest(SOON).unwrap();
        let came = String::from_utf8_lossy(&came);
        assert!(came.is_empty() || came.starts_with("HTTP/1.1 4"), "{at}: {came:?}");
        let rows = rig
            .gateway
            .wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == before + usize::from(outcome.is_some()));
        if let Some(outcome) = outcome {
            assert!(rows.iter().any(|row| row["outcome"] == outcome), "{at}: {rows:?}");
        }
    }
    assert_eq!(rig.provider.calls(), 1);
}
