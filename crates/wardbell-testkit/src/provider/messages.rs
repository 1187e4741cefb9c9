//! Bodies in the shapes that Anthropic's messages API answers with.
//!
//! **Source.** Anthropic API reference, "Create a Message" and "Streaming messages"
//! (<https://docs.anthropic.com/en/api/messages-streaming>); the id and the usage numbers are fixed.

use serde_json::{Value, json};

use super::completion::{COMPLETION_TOKENS, PROMPT_TOKENS};
use super::dialect::named;

/// The id of every message.
pub const ID: &str = "msg_013Zva2CMHLNnXjNJJKqJ2EF";

/// A whole answer of one text block.
pub fn whole(model: &str, content: &str) -> Value {
    json!({
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{ "type": "text", "text": content }],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": { "input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS }
    })
}

/// A stream of one text block. It ends with `message_stop`.
pub fn stream(model: &str, pieces: &[String]) -> Vec<Vec<u8>> {
    let mut events = vec![
        json!({ "type": "message_start", "message": {
            "id": ID, "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": { "input_tokens": PROMPT_TOKENS, "output_tokens": 1 }
        } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "ping" }),
    ];
    events.extend(pieces.iter().map(
        |piece| json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": piece } }),
    ));
    events.extend([
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({
            "type": "message_delta",
            "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": COMPLETION_TOKENS }
        }),
        json!({ "type": "message_stop" }),
    ]);
    events.iter().map(named).collect()
}
