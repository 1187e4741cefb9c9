//! How a stream ends that Wardbell ends: in the words of its dialect.
//!
//! **Source.** Each dialect's reference, see its `answer.rs`: a finish that says `content_filter` (Anthropic: `refusal`,
//! Gemini: `PROHIBITED_CONTENT`), and an error event where the dialect has one.

use serde_json::{Value, json};

use super::framing::Framing;
use crate::dialect::Dialect;

/// The longest id or model name that is repeated in an end, in bytes. Source: our choice; theirs are shorter.
const WORD_BYTES_MAX: usize = 256;

/// What a stream has said about itself, so that its end can be of a piece with it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    id: Option<String>,
    model: Option<String>,
    created: Option<u64>,
    /// How many events were heard.
    heard: u64,
    /// How many of them have left.
    left: u64,
    /// Anthropic: the block that is open for the caller.
    block: Option<u64>,
    /// The last byte that left and is no white space.
    last: u8,
    pub(super) framing: Framing,
}

/// What an event says about the stream once it leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Said {
    #[default]
    Nothing,
    Opened(u64),
    Closed,
}

impl Told {
    /// Takes note of an event that came.
    pub(super) fn hear(&mut self, dialect: Dialect, data: &[u8]) -> Said {
        self.heard += 1;
        match dialect {
            Dialect::Messages => Said::of(data),
            Dialect::ChatCompletions
            | Dialect::Completions
            | Dialect::Responses
            | Dialect::Gemini
            | Dialect::CohereChat => {
                if self.heard == 1 {
                    self.take_names(data);
                }
                Said::Nothing
            }
            Dialect::Embeddings | Dialect::Generic => Said::Nothing,
        }
    }

    /// Takes note of an event that leaves.
    pub(super) fn leave(&mut self, said: Said) {
        self.left += 1;
        match said {
            Said::Nothing => {}
            Said::Opened(index) => self.block = Some(index),
            Said::Closed => self.block = None,
        }
    }

    /// Takes note of bytes that leave.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.trim_ascii_end().last() {
            self.last = *last;
        }
    }

    fn take_names(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
        let event = event.get("response").filter(|response| response.is_object()).unwrap_or(&event);
        let word = |names: &[&str]| {
            let found = names.iter().find_map(|name| event.get(*name)?.as_str());
            found.filter(|word| word.len() <= WORD_BYTES_MAX).map(str::to_owned)
        };
        self.id = word(&["id", "responseId", "generation_id"]);
        self.model = word(&["model", "modelVersion"]);
        self.created = ["created", "created_at"].iter().find_map(|name| event.get(*name)?.as_u64());
    }
}

impl Said {
    fn of(data: &[u8]) -> Self {
        let has = |word: &[u8]| memchr::memmem::find(data, word).is_some();
        if !has(b"content_block_start") && !has(b"content_block_stop") {
            return Self::Nothing;
        }
        let Ok(event) = serde_json::from_slice::<Value>(data) else { return Self::Nothing };
        match (event.get("type").and_then(Value::as_str), event.get("index").and_then(Value::as_u64)) {
            (Some("content_block_start"), Some(index)) => Self::Opened(index),
            (Some("content_block_stop"), _) => Self::Closed,
            _ => Self::Nothing,
        }
    }
}

/// The end of a stream that is stopped: nothing may follow it. `told` is what the stream said about itself
/// ([`Told::default`] where nothing is known), `message` is for people.
///
/// | dialect | events |
/// |---|---|
/// | chat, completions | a chunk with `finish_reason` `content_filter`, an `error`, `[DONE]` |
/// | responses | `error`, then `response.incomplete` with the reason `content_filter` |
/// | messages | the open block stops, `message_delta` with `stop_reason` `refusal`, `error`, `message_stop` |
/// | Gemini | a candidate with `finishReason` `PROHIBITED_CONTENT` |
/// | Cohere | `message-end` (version 1: `stream-end`) with `finish_reason` `ERROR` (`ERROR_TOXIC`) |
/// | other JSON | an `error` |
pub fn blocked_end(dialect: Dialect, told: &Told, message: &str) -> Vec<u8> {
    end(dialect, told, message, Why::Blocked)
}

/// What a caller is told when the provider breaks off in the middle of a stream (`spec/wire-aisg.md` 1.10, streaming). The
/// empty lines first end whatever event was cut.
pub fn broken_off(dialect: Dialect, message: &str) -> Vec<u8> {
    end(dialect, &Told::default(), message, Why::BrokenOff)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Blocked,
    /// The answer could not be scanned.
    Failed,
    BrokenOff,
}

impl Why {
    const fn kind(self) -> &'static str {
        match self {
            Self::Blocked => "content_filter",
            Self::Failed | Self::BrokenOff => "server_error",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Blocked => "content_filter",
            Self::Failed => "security_processing_error",
            Self::BrokenOff => "upstream_error",
        }
    }
}

pub(super) fn end(dialect: Dialect, told: &Told, message: &str, why: Why) -> Vec<u8> {
    let mut events = Events { bytes: Vec::new(), framing: told.framing, first: told.last != b'}' };
    if why == Why::BrokenOff {
        events.bytes.extend_from_slice(b"\n\n");
    }
    match dialect {
        Dialect::ChatCompletions | Dialect::Completions => chat(&mut events, dialect, told, message, why),
        Dialect::Responses => responses(&mut events, told, message, why),
        Dialect::Messages => messages(&mut events, told, message, why),
        Dialect::Gemini => gemini(&mut events, told, message, why),
        Dialect::CohereChat => cohere(&mut events, told, message, why),
        Dialect::Embeddings | Dialect::Generic => events.put(None, &error(message, why)),
    }
    if told.framing == Framing::List {
        events.bytes.push(b']');
    }
    events.bytes
}

/// Writes events in the form of the stream.
struct Events {
    bytes: Vec<u8>,
    framing: Framing,
    first: bool,
}

impl Events {
    fn put(&mut self, name: Option<&str>, event: &str) {
        match self.framing {
            Framing::Events => {
                if let Some(name) = name {
                    self.bytes.extend_from_slice(format!("event: {name}\n").as_bytes());
                }
                self.bytes.extend_from_slice(format!("data: {event}\n\n").as_bytes());
            }
            Framing::Values => self.bytes.extend_from_slice(format!("\n{event}\n").as_bytes()),
            Framing::List => {
                self.bytes.extend_from_slice(if self.first { b"" } else { b"," });
                self.bytes.extend_from_slice(event.as_bytes());
            }
        }
        self.first = false;
    }
}

fn error(message: &str, why: Why) -> String {
    let message = crate::json::escape(message);
    format!(r#"{{"error":{{"message":"{message}","type":"{}","code":"{}"}}}}"#, why.kind(), why.code())
}

fn chat(events: &mut Events, dialect: Dialect, told: &Told, message: &str, why: Why) {
    if why == Why::Blocked {
        let (object, id, choice) = if dialect == Dialect::Completions {
            let choice = json!({"index": 0, "text": "", "logprobs": null, "finish_reason": "content_filter"});
            ("text_completion", "cmpl-stopped", choice)
        } else {
            let choice = json!({"index": 0, "delta": {}, "finish_reason": "content_filter"});
            ("chat.completion.chunk", "chatcmpl-stopped", choice)
        };
        let chunk = json!({
            "id": told.id.as_deref().unwrap_or(id),
            "object": object,
            "created": told.created.unwrap_or(0),
            "model": told.model.as_deref().unwrap_or(""),
            "choices": [choice],
        });
        events.put(None, &chunk.to_string());
    }
    events.put(None, &error(message, why));
    events.put(None, "[DONE]");
}

fn responses(events: &mut Events, told: &Told, message: &str, why: Why) {
    let error =
        json!({"type": "error", "code": why.code(), "message": message, "param": null, "sequence_number": told.left});
    let mut last = |kind: &str, status: &str, error: Value, details: Value| {
        let response = json!({
            "id": told.id.as_deref().unwrap_or("resp_stopped"),
            "object": "response",
            "created_at": told.created.unwrap_or(0),
            "status": status,
            "error": error,
            "incomplete_details": details,
            "model": told.model.as_deref().unwrap_or(""),
            "output": [],
        });
        let event = json!({"type": kind, "response": response, "sequence_number": told.left + 1});
        events.put(Some(kind), &event.to_string());
    };
    match why {
        Why::Blocked => {
            last("response.incomplete", "incomplete", Value::Null, json!({"reason": "content_filter"}));
            events.put(Some("error"), &error.to_string());
        }
        Why::Failed | Why::BrokenOff => {
            events.put(Some("error"), &error.to_string());
        }
    }
}

fn messages(events: &mut Events, told: &Told, message: &str, why: Why) {
    if let Some(index) = told.block {
        let stop = json!({"type": "content_block_stop", "index": index});
        events.put(Some("content_block_stop"), &stop.to_string());
    }
    let kind = match why {
        Why::Blocked => "invalid_request_error",
        Why::Failed | Why::BrokenOff => "api_error",
    };
    let error = json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
    if why != Why::Blocked {
        events.put(Some("error"), &error);
        return;
    }
    let delta = json!({
        "type": "message_delta",
        "delta": {"stop_reason": "refusal", "stop_sequence": null},
        "usage": {"output_tokens": 0},
    });
    events.put(Some("message_delta"), &delta.to_string());
    events.put(Some("error"), &error);
    events.put(Some("message_stop"), r#"{"type":"message_stop"}"#);
}

fn gemini(events: &mut Events, told: &Told, message: &str, why: Why) {
    if why != Why::Blocked {
        let error = json!({"error": {"code": 502, "message": message, "status": "UNAVAILABLE"}});
        events.put(None, &error.to_string());
        return;
    }
    let mut event = json!({
        "candidates": [{
            "content": {"parts": [], "role": "model"},
            "finishReason": "PROHIBITED_CONTENT",
            "finishMessage": message,
            "index": 0,
        }],
    });
    for (name, word) in [("modelVersion", &told.model), ("responseId", &told.id)] {
        if let (Some(word), Some(fields)) = (word, event.as_object_mut()) {
            fields.insert(name.to_owned(), json!(word));
        }
    }
    events.put(None, &event.to_string());
}

fn cohere(events: &mut Events, told: &Told, message: &str, why: Why) {
    // Version 1 comes as values, version 2 as events.
    if events.framing == Framing::Events {
        let end = json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message}});
        events.put(Some("message-end"), &end.to_string());
        return;
    }
    let reason = if why == Why::Blocked { "ERROR_TOXIC" } else { "ERROR" };
    let response = json!({"generation_id": told.id, "text": "", "finish_reason": reason});
    let end = json!({
        "is_finished": true,
        "event_type": "stream-end",
        "finish_reason": reason,
        "response": response,
        "error": message,
    });
    events.put(None, &end.to_string());
}
