//! Streams flow as they come, end cleanly wherever they are cut, and leave one row.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::provider::behaviour::{Behaviour, Stream};
use wardbell_testkit::provider::hold::Hold;

use crate::rig::{Rig, redact, says};

const SOON: Duration = Duration::from_secs(5);

fn streamed(text: &str) -> Value {
    let mut body = says(text);
    body["stream"] = json!(true);
    body
}

#[test]
fn each_event_leaves_as_it_comes() {
    let rig = Rig::new(&redact());
    let hold = Hold::new();
    rig.provider.next(Behaviour::Stream(Stream::of(["one ", "two "]).held(&hold)));
    let mut connection = rig.gateway.chat_stream(&rig.key, &streamed("hello"));
    hold.release(2);
    let head = connection.read_head();
    assert_eq!(head.status, 200);
    assert!(head.headers.get("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(head.headers.get("x-accel-buffering"), Some("no"));
    // The provider holds the rest back until this has arrived.
    connection.read_until(b"one ", SOON);
    hold.release(1);
    connection.read_until(b"two ", SOON);
    hold.release_all();
    connection.read_until(b"data: [DONE]\n\n", SOON);
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 1);
    assert_eq!((&rows[0]["outcome"], &rows[0]["streamed"]), (&json!("served"), &json!(true)));
}

#[test]
fn a_stream_passes_byte_for_byte_however_it_is_cut() {
    let rig = Rig::new(&redact());
    let body =
        "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"}}],\"n\":1E+2}\r\n\r\n: comment\n\ndata: [DONE]\n\n";
    for size in [1, 2, 3, 7, 1000] {
        let pieces: Vec<_> = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        rig.provider.next(Behaviour::Stream(Stream::of_bytes(pieces)));
        let mut connection = rig.gateway.chat_stream(&rig.key, &streamed("hello"));
        let reply = connection.reply();
        assert_eq!(reply.text(), body, "in pieces of {size}");
    }
}

#[test]
fn a_provider_that_breaks_off_is_told_within_the_stream() {
    let rig = Rig::new(&redact());
    rig.provider.next(Behaviour::Stream(Stream::of(["one ", "two "]).cut_after(2)));
    let reply = rig.gateway.chat_stream(&rig.key, &streamed("hello")).reply();
    let text = reply.text();
    assert!(text.contains("one ") && text.ends_with("data: [DONE]\n\n"), "{text}");
    let error = text.lines().filter_map(|line| line.strip_prefix("data: ")).find(|data| data.contains("\"error\""));
    let error: Value = serde_json::from_str(error.unwrap()).unwrap();
    assert_eq!(error["error"]["type"], "server_error");
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 1);
    assert_eq!(rows[0]["outcome"], "upstream_failed");
}

#[test]
fn a_provider_that_pauses_too_long_is_cut() {
    let rig = Rig::with(&redact(), |builder| builder.env("WARDBELL_UPSTREAM_IDLE_SECONDS_MAX", "1"));
    let hold = Hold::new();
    rig.provider.next(Behaviour::Stream(Stream::of(["one "]).held(&hold)));
    let mut connection = rig.gateway.chat_stream(&rig.key, &streamed("hello"));
    hold.release(2);
    let text = connection.read_until(b"data: [DONE]\n\n", SOON);
    assert!(String::from_utf8_lossy(&text).contains("server_error"));
}

#[test]
fn a_caller_that_leaves_is_recorded_and_the_call_ends_in_time() {
    let rig = impatient();
    let hold = Hold::new();
    rig.provider.next(Behaviour::Stream(Stream::of(["one ", "two "]).held(&hold)));
    let mut connection = rig.gateway.chat_stream(&rig.key, &streamed("mail ann@example.com"));
    hold.release(2);
    connection.read_until(b"one ", SOON);
    drop(connection);
    rig.provider.wait_for_abandoned(1, SOON);
    let gone = |rows: &[Value]| rows.len() == 1 && rows[0]["outcome"] == "abandoned";
    rig.gateway.wait_for_rows(&rig.path("activity"), SOON, gone);
    rig.gateway.wait_for_rows(&rig.path("alerts"), SOON, |rows| rows.len() == 1);
}

#[test]
fn a_caller_that_leaves_before_the_first_byte_is_recorded() {
    let rig = impatient();
    rig.provider.next(Behaviour::Hang);
    let connection = rig.gateway.chat_stream(&rig.key, &streamed("hello"));
    rig.provider.wait_for(1, SOON);
    drop(connection);
    rig.provider.wait_for_abandoned(1, SOON);
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 1);
    assert_eq!(rows[0]["outcome"], "abandoned");
}

/// A gateway that reads on for a second only after a caller left.
fn impatient() -> Rig {
    Rig::with(&redact(), |builder| builder.env("WARDBELL_UPSTREAM_ABANDONED_SECONDS_MAX", "1"))
}

#[test]
fn what_an_answer_cost_is_recorded_although_its_caller_left() {
    let rig = Rig::new(&redact());
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5}}\n\n";
    let hold = Hold::new();
    let pieces = ["data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n", usage, "data: [DONE]\n\n"];
    rig.provider.next(Behaviour::Stream(Stream::of_bytes(pieces).held(&hold)));
    let mut connection = rig.gateway.chat_stream(&rig.key, &streamed("hello"));
    hold.release(1);
    connection.read_until(b"one", SOON);
    drop(connection);
    std::thread::sleep(Duration::from_millis(100));
    hold.release_all();
    // The same of an answer that is no stream, whose caller leaves before its first byte.
    rig.provider.next(Behaviour::answer("late").after(Duration::from_millis(300)));
    let waiting = rig.gateway.chat_stream(&rig.key, &says("hello"));
    rig.provider.wait_for(2, SOON);
    drop(waiting);
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 2);
    assert!(rows.iter().all(|row| row["outcome"] == "abandoned"), "{rows:?}");
    assert!(rows.iter().all(|row| row["output_tokens"].is_u64()), "{rows:?}");
    assert!(rows.iter().any(|row| row["input_tokens"] == 11), "{rows:?}");
}

#[test]
fn a_stop_does_not_wait_for_answers_whose_callers_left() {
    let mut rig = Rig::new(&redact());
    rig.provider.next(Behaviour::Hang);
    let waiting = rig.gateway.chat_stream(&rig.key, &streamed("hello"));
    rig.provider.wait_for(1, SOON);
    drop(waiting);
    std::thread::sleep(Duration::from_millis(100));
    let started = std::time::Instant::now();
    assert!(rig.gateway.terminate().success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_block_comes_as_json_before_any_stream() {
    let rig = Rig::new(&json!({"dlp": {"action": "block"}}));
    let reply = rig.gateway.chat_stream(&rig.key, &streamed("card 4111 1111 1111 1111")).reply();
    assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("pii_policy_violation")));
    assert_eq!(rig.provider.calls(), 0);
}

#[test]
fn the_usage_of_a_stream_is_recorded() {
    let rig = Rig::new(&redact());
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n";
    rig.provider.next(Behaviour::Stream(Stream::of_bytes([usage])));
    let _ = rig.gateway.chat_stream(&rig.key, &streamed("hello")).reply();
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 1);
    assert_eq!((&rows[0]["input_tokens"], &rows[0]["output_tokens"]), (&json!(11), &json!(5)));
}

#[test]
fn a_failure_that_the_provider_tells_within_the_stream_is_recorded() {
    let rig = Rig::new(&redact());
    let stream = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\ndata: [DONE]\n\n";
    rig.provider.next(Behaviour::Stream(Stream::of_bytes([stream])));
    assert_eq!(rig.gateway.chat_stream(&rig.key, &streamed("hello")).reply().text(), stream);
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 1);
    assert_eq!(rows[0]["outcome"], "upstream_failed");
}
