use std::time::Duration;

use super::behaviour::Stream;
use super::hold::Hold;
use super::*;
use crate::gateway::connection::Connection;
use crate::reply::Reply;

const SOON: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_millis(60);

fn connect(provider: &FakeProvider) -> Connection {
    Connection::open(([127, 0, 0, 1], provider.port()).into())
}

fn post(connection: &mut Connection, body: &str) {
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nHoSt: x\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.send(format!("{head}{body}").as_bytes());
}

fn ask(provider: &FakeProvider, body: &str) -> Reply {
    let mut connection = connect(provider);
    post(&mut connection, body);
    connection.reply()
}

#[test]
fn a_request_is_kept_exactly_as_it_came() {
    let provider = FakeProvider::start();
    let mut connection = connect(&provider);
    let request = b"POST /v1/x?y=%20 HTTP/1.1\r\nHOST: a\r\nX-Two: 1\r\nx-two:  2 \r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\x00\xff{\r\n2;e=1\r\n\r\n\r\n0\r\nTrailer: t\r\n\r\n";
    connection.send(request);
    assert_eq!(connection.reply().status, 200);
    let seen = provider.last();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/x?y=%20"));
    assert_eq!(seen.body, b"\x00\xff{\r\n");
    assert_eq!(seen.headers.all("X-TWO").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(seen.headers.iter().next(), Some(("HOST", "a")));
    assert!(request.starts_with(&seen.head) && seen.head.ends_with(b"chunked\r\n\r\n"));
}

#[test]
fn a_connection_is_kept_and_models_are_listed_without_touching_the_queue() {
    let provider = FakeProvider::start();
    provider.next(Behaviour::answer("first"));
    let mut connection = connect(&provider);
    connection.send(b"GET /v1/models HTTP/1.1\r\n\r\n");
    assert_eq!(connection.reply().json()["data"][0]["id"], "gpt-4o");
    post(&mut connection, r#"{"model":"m"}"#);
    let answer = connection.reply().json();
    assert_eq!(answer["choices"][0]["message"]["content"], "first");
    assert_eq!((answer["model"].as_str(), answer["usage"]["total_tokens"].as_u64()), (Some("m"), Some(29)));
    assert_eq!((provider.calls(), provider.connections()), (2, 1));
}

#[test]
fn a_stream_has_the_chunks_of_the_real_thing() {
    let provider = FakeProvider::start();
    provider.otherwise(Behaviour::answer("It is sunny."));
    let reply = ask(&provider, r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#);
    assert_eq!(reply.headers.get("Content-Type"), Some("text/event-stream; charset=utf-8"));
    let events: Vec<&str> = reply.text().split_terminator("\n\n").collect();
    assert_eq!(events.len(), 7, "role, three pieces, stop, usage, done");
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let chunk =
        |at: usize| -> serde_json::Value { serde_json::from_str(events[at].strip_prefix("data: ").unwrap()).unwrap() };
    assert_eq!(chunk(0)["choices"][0]["delta"]["role"], "assistant");
    let content: String =
        (1..4).map(|at| chunk(at)["choices"][0]["delta"]["content"].as_str().unwrap().to_owned()).collect();
    assert_eq!(content, "It is sunny.");
    assert_eq!(chunk(4)["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        (chunk(5)["choices"].as_array().unwrap().len(), chunk(5)["usage"]["total_tokens"].as_u64()),
        (0, Some(29))
    );
}

#[test]
fn held_events_come_one_by_one() {
    let provider = FakeProvider::start();
    let hold = Hold::new();
    provider.next(Behaviour::Stream(Stream::of_bytes(["one", "two", "three"]).held(&hold)));
    let mut connection = connect(&provider);
    post(&mut connection, "{}");
    connection.read_head();
    assert_eq!(connection.read_for(QUIET), b"");
    hold.release(1);
    connection.read_until(b"one\r\n", SOON);
    assert_eq!(connection.read_for(QUIET), b"");
    hold.release_all();
    connection.read_until(b"0\r\n\r\n", SOON);
}

#[test]
fn a_caller_who_leaves_is_noticed() {
    for behaviour in [Behaviour::Hang, Behaviour::Stream(Stream::of(["a"]).held(&Hold::new()))] {
        let provider = FakeProvider::start();
        provider.next(behaviour);
        let mut connection = connect(&provider);
        post(&mut connection, "{}");
        provider.wait_for(1, SOON);
        assert_eq!(provider.abandoned(), 0);
        drop(connection);
        provider.wait_for_abandoned(1, SOON);
    }
}

#[test]
fn broken_answers_break_where_they_should() {
    // (behaviour, how the bytes on the wire end)
    let cases: [(Behaviour, &[u8]); 3] = [
        (Behaviour::CloseMidBody, b""),
        (Behaviour::Stream(Stream::of(["a", "b"]).cut_after(1)), b"\n\n\r\n"),
        (Behaviour::Raw(b"HTTP/1.1 2".to_vec()), b"HTTP/1.1 2"),
    ];
    for (behaviour, end) in cases {
        let provider = FakeProvider::start();
        provider.next(behaviour.clone());
        let mut connection = connect(&provider);
        post(&mut connection, "{}");
        let wire = connection.rest(SOON).unwrap();
        assert!(wire.ends_with(end) && !wire.is_empty(), "{behaviour:?}: {wire:?}");
        assert!(!String::from_utf8_lossy(&wire).contains("[DONE]"));
    }
}

#[test]
fn statuses_and_fixed_bodies_come_byte_for_byte_and_slow_ones_late() {
    let provider = FakeProvider::start();
    provider.next(Behaviour::status(529, r#"{"e":1}"#)).next(Behaviour::body("{ \"n\": 1.0e+2 }").after(QUIET));
    let reply = ask(&provider, "{}").expect(529);
    assert_eq!((reply.text(), reply.headers.get("content-type")), (r#"{"e":1}"#, Some("application/json")));
    let asked = std::time::Instant::now();
    assert_eq!(ask(&provider, "{}").expect(200).text(), "{ \"n\": 1.0e+2 }");
    assert!(asked.elapsed() >= QUIET);
}

#[test]
fn dropping_a_provider_ends_what_hangs() {
    let provider = FakeProvider::start();
    provider.otherwise(Behaviour::Hang);
    let mut connection = connect(&provider);
    post(&mut connection, "{}");
    provider.wait_for(1, SOON);
    drop(provider);
    assert_eq!(connection.rest(SOON).unwrap_or_default(), b"");
}

fn ask_at(provider: &FakeProvider, path: &str, body: &str) -> Reply {
    let mut connection = connect(provider);
    let length = body.len();
    connection.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes());
    connection.reply()
}

#[test]
fn every_dialect_answers_on_its_own_paths() {
    let provider = FakeProvider::start();
    provider.otherwise(Behaviour::answer("It is sunny."));
    // (path, where the text is, where the tokens of the answer are)
    let cases = [
        ("/v1/chat/completions", "/choices/0/message/content", "/usage/completion_tokens"),
        ("/v1/completions", "/choices/0/text", "/usage/completion_tokens"),
        ("/v1/responses", "/output/0/content/0/text", "/usage/output_tokens"),
        ("/v1/messages?beta=true", "/content/0/text", "/usage/output_tokens"),
        (
            "/v1beta/models/gemini-2.0-flash:generateContent",
            "/candidates/0/content/parts/0/text",
            "/usageMetadata/candidatesTokenCount",
        ),
        ("/v2/chat", "/message/content/0/text", "/usage/tokens/output_tokens"),
    ];
    for (path, text, tokens) in cases {
        let answer = ask_at(&provider, path, r#"{"model":"m"}"#).json();
        assert_eq!(answer.pointer(text).and_then(|text| text.as_str()), Some("It is sunny."), "{path}: {answer}");
        assert_eq!(answer.pointer(tokens).and_then(serde_json::Value::as_u64), Some(10), "{path}: {answer}");
    }
    let two = ask_at(&provider, "/v1/embeddings", r#"{"input":["a","b"],"encoding_format":"base64"}"#).json();
    assert_eq!(two["data"][1]["embedding"], "AACAPgAAAL8AAAA+AACAPw==");
    let one = ask_at(&provider, "/v1/embeddings", r#"{"input":"a"}"#).json();
    assert_eq!((one["data"].as_array().unwrap().len(), one["data"][0]["embedding"][1].as_f64()), (1, Some(-0.5)));
}

#[test]
fn every_dialect_streams_the_pieces_in_order_and_ends_in_its_own_way() {
    let provider = FakeProvider::start();
    provider.otherwise(Behaviour::answer("It is sunny."));
    // (path, where an event's piece of text is, how the stream ends)
    let cases = [
        ("/v1/completions", "/choices/0/text", "data: [DONE]\n\n"),
        ("/v1/responses", "/delta", "}\n\n"),
        ("/v1/messages", "/delta/text", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        (
            "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
            "/candidates/0/content/parts/0/text",
            "}\n\n",
        ),
        ("/v2/chat", "/delta/message/content/text", "data: [DONE]\n\n"),
    ];
    for (path, text, end) in cases {
        let reply = ask_at(&provider, path, r#"{"model":"m","stream":true}"#);
        assert_eq!(reply.headers.get("content-type"), Some("text/event-stream; charset=utf-8"));
        assert!(reply.text().ends_with(end), "{path}: {}", reply.text());
        let data = reply.text().lines().filter_map(|line| line.strip_prefix("data: "));
        let events = data.filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok());
        let pieces: String = events.filter_map(|event| Some(event.pointer(text)?.as_str()?.to_owned())).collect();
        assert_eq!(pieces, "It is sunny.", "{path}: {}", reply.text());
    }
    let array = ask_at(&provider, "/v1beta/models/gemini-2.0-flash:streamGenerateContent", "{}").json();
    assert_eq!(array[2]["candidates"][0]["finishReason"], "STOP");
    assert_eq!(array[0]["modelVersion"], "gemini-2.0-flash");
}

#[test]
fn resets_and_hang_ups_leave_no_answer() {
    for (behaviour, is_reset) in [
        (Behaviour::reset(), true),
        (Behaviour::hang_up(), false),
        (Behaviour::Stream(Stream::of(["a"]).reset_after(1)), true),
    ] {
        let provider = FakeProvider::start();
        provider.next(behaviour.clone());
        let mut connection = connect(&provider);
        post(&mut connection, "{}");
        assert_eq!(connection.rest(SOON).is_err(), is_reset, "{behaviour:?}");
    }
}

#[test]
fn an_endless_answer_ends_with_its_caller() {
    let provider = FakeProvider::start();
    provider.next(Behaviour::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".to_vec()));
    let mut connection = connect(&provider);
    post(&mut connection, "{}");
    connection.read_until(b"x: y\r\nx: y\r\n", SOON);
    drop(connection);
    provider.wait_for_abandoned(1, SOON);
}

#[test]
fn a_caller_is_told_when_to_try_again() {
    let provider = FakeProvider::start();
    provider.next(Behaviour::retry_after(429, 7));
    assert_eq!(ask(&provider, "{}").expect(429).headers.get("retry-after"), Some("7"));
}
