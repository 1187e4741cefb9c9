//! Bodies in the shapes that Cohere's chat API, version 2, answers with.
//!
//! **Source.** Cohere API reference, "Chat" and "Chat with streaming" (<https://docs.cohere.com/reference/chat-stream>);
//! the id and the usage numbers are fixed.

use serde_json::{Value, json};

use super::completion::{COMPLETION_TOKENS, PROMPT_TOKENS};
use super::dialect::named;

/// The id of every answer.
pub const ID: &str = "c14c80c3-18eb-4519-9460-6c92edd8cfb4";

/// A whole answer of one text.
pub fn whole(content: &str) -> Value {
    json!({
        "id": ID,
        "finish_reason": "COMPLETE",
        "message": { "role": "assistant", "content": [{ "type": "text", "text": content }] },
        "usage": usage()
    })
}

/// A stream of one text. It ends with `message-end` and `[DONE]`.
pub fn stream(pieces: &[String]) -> Vec<Vec<u8>> {
    let mut events = vec![
        json!({ "id": ID, "type": "message-start", "delta": { "message": {
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []
        } } }),
        json!({
            "type": "content-start", "index": 0,
            "delta": { "message": { "content": { "type": "text", "text": "" } } }
        }),
    ];
    events.extend(pieces.iter().map(|piece| {
        json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": piece } } } })
    }));
    events.extend([
        json!({ "type": "content-end", "index": 0 }),
        json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": usage() } }),
    ]);
    let mut events: Vec<_> = events.iter().map(named).collect();
    events.push(b"data: [DONE]\n\n".to_vec());
    events
}

fn usage() -> Value {
    json!({
        "billed_units": { "input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS },
        "tokens": { "input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS }
    })
}
