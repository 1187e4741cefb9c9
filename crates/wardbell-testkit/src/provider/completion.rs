//! Bodies in the shapes that OpenAI's chat completions API answers with, and its older completions API.
//!
//! **Source.** OpenAI API reference, "The chat completion object", "The chat completion chunk object" and "The
//! completion object" (<https://platform.openai.com/docs/api-reference/chat>); ids, times and usage numbers are fixed so that two runs give
//! the same bytes.

use serde_json::{Value, json};

/// The id of every completion.
pub const ID: &str = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";
/// The id of every answer of the older completions API.
pub const TEXT_ID: &str = "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7";
/// Seconds since 1970 in `created`.
pub const CREATED: i64 = 1_741_569_952;
/// Tokens in `usage.prompt_tokens`.
pub const PROMPT_TOKENS: u64 = 19;
/// Tokens in `usage.completion_tokens`.
pub const COMPLETION_TOKENS: u64 = 10;
/// The model named in the answer where the request names none.
pub const MODEL: &str = "gpt-4o-mini";

/// `usage`, with the parts that current models send.
pub fn usage() -> Value {
    json!({
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0
        }
    })
}

/// A whole answer of one choice.
pub fn whole(model: &str, content: &str) -> Value {
    json!({
        "id": ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content, "refusal": null, "annotations": [] },
            "logprobs": null,
            "finish_reason": "stop"
        }],
        "usage": usage(),
        "service_tier": "default",
        "system_fingerprint": "fp_06737a9306"
    })
}

/// A stream of one choice: the role, one event per piece of content, the reason to stop, then usage where asked for.
/// The closing `[DONE]` is not among them.
pub fn chunks(model: &str, pieces: &[String], with_usage: bool) -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| {
        let mut chunk = json!({
            "id": ID,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "service_tier": "default",
            "system_fingerprint": "fp_06737a9306",
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]
        });
        if with_usage && let Some(chunk) = chunk.as_object_mut() {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        chunk
    };
    let mut chunks = vec![chunk(json!({ "role": "assistant", "content": "", "refusal": null }), Value::Null)];
    chunks.extend(pieces.iter().map(|piece| chunk(json!({ "content": piece }), Value::Null)));
    chunks.push(chunk(json!({}), json!("stop")));
    if with_usage {
        let mut last = chunk(json!({}), Value::Null);
        if let Some(last) = last.as_object_mut() {
            last.insert("choices".to_owned(), json!([]));
            last.insert("usage".to_owned(), usage());
        }
        chunks.push(last);
    }
    chunks
}

/// A whole answer of the older completions API, or one event of its stream.
pub fn text(model: &str, content: &str, finish: &Value) -> Value {
    json!({
        "id": TEXT_ID,
        "object": "text_completion",
        "created": CREATED,
        "model": model,
        "choices": [{ "text": content, "index": 0, "logprobs": null, "finish_reason": finish }],
        "usage": usage()
    })
}

/// A stream of the older completions API: one event per piece, the reason to stop, then usage where asked for. The
/// closing `[DONE]` is not among them.
pub fn texts(model: &str, pieces: &[String], with_usage: bool) -> Vec<Value> {
    let event = |content: &str, finish: Value, usage: bool| {
        let mut event = text(model, content, &finish);
        if !usage && let Some(event) = event.as_object_mut() {
            event.remove("usage");
        }
        event
    };
    let mut events: Vec<_> = pieces.iter().map(|piece| event(piece, Value::Null, false)).collect();
    events.push(event("", json!("stop"), false));
    if with_usage {
        let mut last = event("", Value::Null, true);
        if let Some(last) = last.as_object_mut() {
            last.insert("choices".to_owned(), json!([]));
        }
        events.push(last);
    }
    events
}

/// One server-sent event, with the empty line that ends it.
pub fn event(data: &Value) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

/// Splits text before each white space, so that the pieces put together are the text.
pub fn pieces(content: &str) -> Vec<String> {
    content.split_inclusive(' ').map(str::to_owned).collect()
}

/// A list of two models.
pub(crate) fn models() -> Vec<u8> {
    let model = |id: &str| json!({ "id": id, "object": "model", "created": 1_721_172_741, "owned_by": "system" });
    json!({ "object": "list", "data": [model("gpt-4o"), model("gpt-4o-mini")] }).to_string().into_bytes()
}
