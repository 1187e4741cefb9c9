//! Memory stays within its stated bound, however many large bodies come at once.
//!
//! `WARDBELL_TEST_LARGE_BODIES=1` runs the full size: bodies of 50 MiB on 64 connections against the default limits.

use std::sync::atomic::{AtomicUsize, Ordering};

use wardbell_testkit::gateway::Gateway;

use crate::rig::{Rig, redact};

const MIB: usize = 1 << 20;

/// What the process takes beside bodies: code, detectors, connections, the store.
const BASE: usize = 160 * MIB;

/// The factor of docs/guide/operate.md: a body as it came, the spare room of the buffer that it grew in, its texts as they
/// were decoded, and the view that the detectors make of a text at a time.
const FACTOR: usize = 5;

/// The most memory that the process ever had, in bytes.
fn peak(gateway: &Gateway) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<usize>().unwrap() * 1024
}

/// Sends bodies of a size from many connections at once; tells how many were served and how many refused.
fn flood(rig: &Rig, connections: usize, body_bytes: usize, text: &str) -> (usize, usize) {
    let words = text.repeat(body_bytes / text.len());
    let body = format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"{words}\"}}]}}");
    let (served, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let reply = rig.gateway.chat_bytes(&rig.key, body.as_bytes());
                match reply.status {
                    200 => served.fetch_add(1, Ordering::SeqCst),
                    503 => {
                        assert_eq!(reply.json()["error"], "overloaded");
                        assert_eq!(reply.headers.get("retry-after"), Some("2"));
                        refused.fetch_add(1, Ordering::SeqCst)
                    }
                    other => panic!("{other}: {}", reply.text()),
                };
            });
        }
    });
    (served.into_inner(), refused.into_inner())
}

#[test]
fn large_bodies_on_many_connections_stay_within_the_bound() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let full = std::env::var("WARDBELL_TEST_LARGE_BODIES").is_ok_and(|value| value == "1");
    let (body, memory, connections) = if full { (50, 256, 64) } else { (2, 12, 24) };
    let rig = Rig::with(&redact(), |builder| {
        builder
            .env("WARDBELL_LIMITS_BODY_BYTES_MAX", (body * MIB + 1024).to_string())
            .env("WARDBELL_LIMITS_BODY_MEMORY_BYTES_MAX", (memory * MIB).to_string())
            .env("WARDBELL_LIMITS_DETECT_SECONDS_MAX", "60")
    });
    // Plain words, and words of which every one is escaped, so that nothing is borrowed.
    for text in ["plain words of a long letter. ", "caf\\u00e9 \\u0441\\u043b\\u043e\\u0432\\u043e "] {
        let (served, refused) = flood(&rig, connections, body * MIB, text);
        let peak = peak(&rig.gateway);
        println!("{connections} bodies of {body} MiB: {served} served, {refused} refused, peak {} MiB", peak / MIB);
        assert!(served > 0 && served + refused == connections);
        assert!(peak <= BASE + FACTOR * memory * MIB, "{} MiB", peak / MIB);
    }
    // What waited or was refused has left nothing behind.
    let (served, refused) = flood(&rig, 2, body * MIB, "plain words of a long letter. ");
    assert_eq!((served, refused), (2, 0));
}
