//! The built-in provider: it answers with the last user message, so that a first try needs no account, and so that a
//! person sees what a provider would have seen after redaction.

use bytes::Bytes;
use serde_json::{Value, json};
use wardbell_core::id::RequestId;
use wardbell_core::time::Timestamp;

/// Makes an answer to a chat request in the form that it asks for: one JSON object, or a stream of events.
pub(crate) fn answer(body: &[u8], model: &str, stream: bool, request: RequestId, at: Timestamp) -> Bytes {
    let text = last_user_text(body);
    let (prompt, completion) = (tokens(body.len()), tokens(text.len()));
    let usage = json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    });
    let id = format!("chatcmpl-{request}");
    if !stream {
        let answer = json!({
            "id": id,
            "object": "chat.completion",
            "created": at.as_seconds(),
            "model": model,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }],
            "usage": usage,
        });
        return Bytes::from(answer.to_string());
    }
    let chunk = |delta: Value, finish: Value, usage: Value| {
        let chunk = json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": at.as_seconds(),
            "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let mut events = chunk(json!({"role": "assistant", "content": ""}), Value::Null, Value::Null);
    for word in text.split_inclusive(' ') {
        events += &chunk(json!({"content": word}), Value::Null, Value::Null);
    }
    events += &chunk(json!({}), json!("stop"), usage);
    events += "data: [DONE]\n\n";
    Bytes::from(events)
}

/// The text of the last message of the user; its text parts joined, where it has parts.
fn last_user_text(body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let messages = request.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let user = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("user");
    match messages.iter().rev().find(user).and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// About four bytes a token: the rule of thumb for English (OpenAI's help pages, read 2026-11-23). Nothing is billed by it.
fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"first"},
        {"role":"assistant","content":"no"},
        {"role":"user","content":[{"type":"text","text":"hello"},{"type":"text","text":"there"}]}]}"#;

    fn make(stream: bool) -> String {
        let at = Timestamp::from_millis(1_000);
        String::from_utf8(answer(BODY.as_bytes(), "m", stream, RequestId::mint(at, [0; 10]), at).to_vec()).unwrap()
    }

    #[test]
    fn it_answers_with_the_last_user_message() {
        let answer: Value = serde_json::from_str(&make(false)).unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "hello there");
    }

    #[test]
    fn its_stream_says_the_same_and_ends() {
        let stream = make(true);
        let said: String = stream
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter_map(|data| serde_json::from_str::<Value>(data).ok())
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(said, "hello there");
        assert!(stream.ends_with("data: [DONE]\n\n"));
    }
}
