//! `response.scan`: off, detect, redact, block, in whole answers and in streams.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::provider::behaviour::{Behaviour, Stream};
use wardbell_testkit::provider::hold::Hold;

use crate::rig::{Rig, says};

const SOON: Duration = Duration::from_secs(5);
const SECRET: &str = "Write to ann@example.com today.";

fn rig(scan: &str) -> Rig {
    let rig = Rig::new(&json!({"response": {"scan": scan}}));
    rig.provider_of("anthropic", "anthropic", &json!({}));
    rig.provider_of("gemini", "gemini", &json!({}));
    rig.provider_of("cohere", "cohere", &json!({}));
    rig
}

/// Calls of every dialect that has text in its answer: path and body.
fn calls(stream: bool) -> Vec<(&'static str, Value)> {
    let turn = json!([{"role": "user", "content": "hello"}]);
    let gemini = if stream {
        "/v1/proxy/gemini/v1beta/models/g:streamGenerateContent?alt=sse"
    } else {
        "/v1/proxy/gemini/v1beta/models/g:generateContent"
    };
    vec![
        ("/v1/chat/completions", json!({"model": "m", "messages": turn, "stream": stream})),
        ("/v1/responses", json!({"model": "m", "input": "hello", "stream": stream})),
        ("/v1/completions", json!({"model": "m", "prompt": "hello", "stream": stream})),
        ("/v1/messages", json!({"model": "m", "max_tokens": 9, "messages": turn, "stream": stream})),
        (gemini, json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})),
        ("/v1/proxy/cohere/v2/chat", json!({"model": "m", "messages": turn, "stream": stream})),
    ]
}

#[test]
fn a_whole_answer_is_left_cut_or_stopped_in_every_dialect() {
    for scan in ["off", "detect", "redact", "block"] {
        let rig = rig(scan);
        for (path, body) in calls(false) {
            rig.provider.next(Behaviour::answer(SECRET));
            let reply = rig.post(path, &[], &body);
            let text = reply.text().to_owned();
            match scan {
                "redact" => {
                    assert_eq!(reply.status, 200, "{path}: {text}");
                    assert!(text.contains("Write to [REDACTED] today.") && !text.contains("ann@"), "{path}: {text}");
                }
                "block" => {
                    assert!(matches!(reply.status, 400 | 403), "{path}: {}", reply.status);
                    assert!(!text.contains("ann@"), "{path}: {text}");
                }
                _ => assert!(reply.status == 200 && text.contains(SECRET), "{path}: {text}"),
            }
        }
        let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == calls(false).len());
        let verdict = match scan {
            "off" => "allow",
            "detect" => "observe",
            "redact" => "redact_answer",
            _ => "block_answer",
        };
        assert!(rows.iter().all(|row| row["verdict"] == verdict), "{scan}: {rows:#?}");
        let alerts = rig.gateway.get(&rig.path("alerts"))["data"].as_array().unwrap().len();
        assert_eq!(alerts, if matches!(scan, "redact" | "block") { calls(false).len() } else { 0 }, "{scan}");
    }
}

#[test]
fn a_stream_is_left_cut_or_stopped_in_every_dialect() {
    for scan in ["detect", "redact", "block"] {
        let rig = rig(scan);
        for (path, body) in calls(true) {
            rig.provider.next(Behaviour::stream(["Write to a", "nn@exam", "ple.com to", "day, and again tomorrow."]));
            let reply = rig.post(path, &[], &body).expect(200);
            let text = reply.text();
            let leaks = text.contains("nn@exam") || text.contains("ple.com to");
            assert_eq!(leaks, scan == "detect", "{scan} {path}: {text}");
            if scan == "redact" {
                assert!(text.contains("[REDACTED]") && text.contains("tomorrow"), "{path}: {text}");
            }
            if scan == "block" {
                assert!(!text.contains("tomorrow"), "{path}: {text}");
                let word = match path {
                    "/v1/messages" => "refusal",
                    path if path.contains("gemini") => "PROHIBITED_CONTENT",
                    path if path.contains("cohere") => "error",
                    _ => "content_filter",
                };
                assert!(text.to_lowercase().contains(&word.to_lowercase()), "{path}: {text}");
            }
        }
        let done = calls(true).len();
        rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == done);
        let alerts = rig.gateway.get(&rig.path("alerts"))["data"].as_array().unwrap().len();
        assert_eq!(alerts, if scan == "detect" { 0 } else { done }, "{scan}");
    }
}

#[test]
fn a_stream_without_a_finding_passes_byte_for_byte_and_as_it_comes() {
    let rig = rig("redact");
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"a long walk in the hills. \"}}],\"n\":1E+2}\r\n\r\n: note\n\n\
                data: {\"choices\":[{\"delta\":{\"content\":\"And home.\"}}]}\n\ndata: [DONE]\n\n";
    for size in [1, 5, 1000] {
        let pieces: Vec<_> = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        rig.provider.next(Behaviour::Stream(Stream::of_bytes(pieces)));
        let mut asked = says("hello");
        asked["stream"] = json!(true);
        assert_eq!(rig.gateway.chat_stream(&rig.key, &asked).reply().text(), body, "in pieces of {size}");
    }
    // What is certain leaves while the provider still holds the rest back.
    let hold = Hold::new();
    rig.provider.next(Behaviour::Stream(Stream::of(["word after word "; 100]).held(&hold)));
    let mut asked = says("hello");
    asked["stream"] = json!(true);
    let mut connection = rig.gateway.chat_stream(&rig.key, &asked);
    hold.release(60);
    connection.read_until(b"word after", SOON);
    hold.release_all();
    connection.read_until(b"[DONE]", SOON);
}
