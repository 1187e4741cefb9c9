use wardbell_core::finding::Finding;
use wardbell_core::usage::Usage;
use wardbell_detect::engine::{Engine, EngineSettings};
use wardbell_llm::answer as llm;
use wardbell_llm::stream::{Guarding, StreamGuard, StreamObserver};

use super::*;

/// (dialect, a request whose last user text is `hello there`).
const ASKED: &[(Dialect, &str)] = &[
    (
        Dialect::ChatCompletions,
        r#"{"messages":[{"role":"user","content":"first"},{"role":"assistant","content":"no"},
        {"role":"user","content":[{"type":"text","text":"hello"},{"type":"text","text":"there"}]}]}"#,
    ),
    (Dialect::Completions, r#"{"prompt":"hello there"}"#),
    (Dialect::Responses, r#"{"input":"hello there"}"#),
    (
        Dialect::Responses,
        r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"hello there"}]},
        {"type":"function_call_output","call_id":"c","output":"no"}]}"#,
    ),
    (Dialect::Messages, r#"{"messages":[{"role":"user","content":"hello there"},{"role":"assistant","content":"{"}]}"#),
    (Dialect::Gemini, r#"{"contents":[{"parts":[{"text":"hello there"}]},{"role":"model","parts":[{"text":"no"}]}]}"#),
    (Dialect::CohereChat, r#"{"messages":[{"role":"system","content":"no"},{"role":"user","content":"hello there"}]}"#),
    (Dialect::CohereChat, r#"{"message":"hello there","chat_history":[]}"#),
];

fn make(dialect: Dialect, body: &str, stream: bool) -> (&'static str, Bytes) {
    let at = Timestamp::from_millis(1_000);
    answer(dialect, body.as_bytes(), "m", stream, RequestId::mint(at, [0; 10]), at)
}

#[test]
fn it_answers_with_the_last_user_message_in_every_dialect() {
    for (dialect, body) in ASKED {
        let (kind, answer) = make(*dialect, body, false);
        assert_eq!(kind, JSON);
        let texts: Vec<_> = llm::texts(*dialect, &answer).unwrap().into_iter().map(|text| text.text).collect();
        assert_eq!(texts, ["hello there"], "{dialect:?} {body}");
        let expect = Usage { input_tokens: tokens(body.len()) as u64, output_tokens: 3, ..Usage::default() };
        assert_eq!(llm::usage(*dialect, &answer), Some(expect), "{dialect:?}");
        assert!(!llm::is_error(*dialect, &answer));
    }
}

#[test]
fn its_stream_says_the_same_and_ends_in_every_dialect() {
    for (dialect, body) in ASKED {
        let (kind, stream) = make(*dialect, body, true);
        assert_ne!(kind, JSON);
        let mut observer = StreamObserver::new(*dialect);
        observer.push(&stream);
        assert!(observer.is_done() && !observer.has_failed(), "{dialect:?} {stream:?}");
        assert_eq!(observer.usage().map(|usage| usage.output_tokens), Some(3), "{dialect:?}");
        let mut said = Vec::new();
        let mut scan = |text: &str| -> Vec<Finding> {
            said.push(text.to_owned());
            Vec::new()
        };
        let mut guard = StreamGuard::new(*dialect, Guarding::Detect);
        let (one, other) = (guard.push(&stream, &mut scan), guard.finish(&mut scan));
        assert_eq!([one.bytes, other.bytes].concat(), stream);
        assert!(!one.failed && said.iter().any(|text| text == "hello there"), "{dialect:?} {said:?}");
    }
}

#[test]
fn an_embedding_depends_on_the_text_alone() {
    let (kind, answer) = make(Dialect::Embeddings, r#"{"input":["a","b","a",""]}"#, true);
    assert_eq!(kind, JSON);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let vector = |index: usize| answer["data"][index]["embedding"].clone();
    assert_eq!(vector(0), vector(2));
    assert_ne!(vector(0), vector(1));
    assert_eq!(vector(3).as_array().unwrap().len(), EMBEDDING_NUMBERS);
    assert_eq!(answer["usage"]["prompt_tokens"], tokens(26));
}

#[test]
fn other_json_comes_back() {
    let (_, answer) = make(Dialect::Generic, r#"{"jsonrpc":"2.0","params":["x"]}"#, false);
    assert_eq!(answer.as_ref(), br#"{"echo":{"jsonrpc":"2.0","params":["x"]}}"#);
}

#[test]
fn what_the_engine_finds_is_cut_out_of_every_stream() {
    const KEY_LINE: &str = "MIIEpAIBAAKCAQEA7bq3vXk2mZs0Hf8yQ1nJcRtUoWgLdEaPiSxVbTzYhNrMqKwF";
    let engine = Engine::new(&EngineSettings::default()).unwrap();
    let key = format!("-----BEGIN RSA PRIVATE KEY----- {} -----END RSA PRIVATE KEY-----", [KEY_LINE; 24].join(" "));
    let secrets = ["4111 1111 1111 1111", "jane.roe@example.com", key.as_str(), "AKIAIOSFODNN7EXAMPLQ"];
    let text = secrets.join(" and then some words in between, as people write them, and ");
    let mut scan = |text: &str| engine.scan(text);
    for (dialect, body) in ASKED {
        let body = body.replace("hello there", &text).replace(r#""text":"hello""#, &format!("\"text\":\"{text}\""));
        let (_, stream) = make(*dialect, &body, true);
        let mut guard = StreamGuard::new(*dialect, Guarding::Redact);
        let mut left = Vec::new();
        for piece in stream.chunks(100) {
            left.extend(guard.push(piece, &mut scan).bytes);
        }
        left.extend(guard.finish(&mut scan).bytes);
        assert_eq!(guard.found(), secrets.len() as u64, "{dialect:?} {:?}", guard.findings());
        let left = String::from_utf8(left).unwrap();
        for secret in ["4111", "1111 ", "jane.roe", KEY_LINE, "PRIVATE KEY", "AKIA"] {
            assert!(!left.contains(secret), "{dialect:?} {secret}");
        }
    }
}
