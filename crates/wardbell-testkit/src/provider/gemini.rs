//! Bodies in the shapes that Gemini's generateContent answers with.
//!
//! **Source.** Gemini API reference, "Generating content"
//! (<https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>); the id and the usage numbers are fixed.

use serde_json::{Value, json};

use super::completion::{self, COMPLETION_TOKENS, PROMPT_TOKENS};

/// The id of every response.
pub const ID: &str = "mAitaLmkHPPlz7IPvtfUqQ4";

/// A whole answer of one candidate.
pub fn whole(model: &str, content: &str) -> Value {
    part(model, content, true)
}

/// A stream of one candidate: server-sent events where `alt=sse` asked for them, else the parts of one JSON array.
pub fn stream(model: &str, pieces: &[String], is_sse: bool) -> Vec<Vec<u8>> {
    let last = pieces.len().saturating_sub(1);
    let parts = pieces.iter().enumerate().map(|(at, piece)| (at, part(model, piece, at == last)));
    if is_sse {
        return parts.map(|(_, part)| completion::event(&part)).collect();
    }
    let mut array: Vec<_> =
        parts.map(|(at, part)| format!("{}{part}", if at == 0 { "[" } else { "\n,\r\n" }).into_bytes()).collect();
    array.push(if array.is_empty() { b"[]".to_vec() } else { b"\n]".to_vec() });
    array
}

fn part(model: &str, content: &str, is_last: bool) -> Value {
    let mut candidate = json!({ "content": { "parts": [{ "text": content }], "role": "model" }, "index": 0 });
    if is_last && let Some(candidate) = candidate.as_object_mut() {
        candidate.insert("finishReason".to_owned(), json!("STOP"));
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": PROMPT_TOKENS,
            "candidatesTokenCount": COMPLETION_TOKENS,
            "totalTokenCount": PROMPT_TOKENS + COMPLETION_TOKENS
        },
        "modelVersion": model,
        "responseId": ID
    })
}
