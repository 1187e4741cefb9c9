//! Bodies in the shapes that OpenAI's responses API answers with.
//!
//! **Source.** OpenAI API reference, "The response object" and "Streaming events"
//! (<https://platform.openai.com/docs/api-reference/responses-streaming>); ids, times and usage numbers are fixed.

use serde_json::{Value, json};

use super::completion::{COMPLETION_TOKENS, CREATED, PROMPT_TOKENS};
use super::dialect::named;

/// The id of every response.
pub const ID: &str = "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b";
/// The id of the message in every response.
pub const ITEM_ID: &str = "msg_67ccd2bf17f0819081ff3bb2cf6508e60bb6a6b452d3795b";

/// A whole answer of one message.
pub fn whole(model: &str, content: &str) -> Value {
    response(model, "completed", &json!([item("completed", &json!([part(content)]))]))
}

/// A stream of one message. It ends with `response.completed`.
pub fn stream(model: &str, pieces: &[String]) -> Vec<Vec<u8>> {
    let content = pieces.concat();
    let started = response(model, "in_progress", &json!([]));
    let mut events = vec![
        json!({ "type": "response.created", "response": started }),
        json!({ "type": "response.in_progress", "response": started }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": item("in_progress", &json!([])) }),
        of_part("response.content_part.added", "part", part("")),
    ];
    events.extend(pieces.iter().map(|piece| of_part("response.output_text.delta", "delta", json!(piece))));
    events.extend([
        of_part("response.output_text.done", "text", json!(content)),
        of_part("response.content_part.done", "part", part(&content)),
        json!({
            "type": "response.output_item.done", "output_index": 0,
            "item": item("completed", &json!([part(&content)]))
        }),
        json!({ "type": "response.completed", "response": whole(model, &content) }),
    ]);
    let numbered = events.into_iter().enumerate().map(|(number, mut event)| {
        if let Some(event) = event.as_object_mut() {
            event.insert("sequence_number".to_owned(), json!(number));
        }
        named(&event)
    });
    numbered.collect()
}

fn response(model: &str, status: &str, output: &Value) -> Value {
    let usage = json!({
        "input_tokens": PROMPT_TOKENS,
        "input_tokens_details": { "cached_tokens": 0 },
        "output_tokens": COMPLETION_TOKENS,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS
    });
    json!({
        "id": ID, "object": "response", "created_at": CREATED, "status": status, "error": null,
        "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": model,
        "output": output, "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null }, "store": true, "temperature": 1.0,
        "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "usage": if status == "completed" { usage } else { Value::Null },
        "user": null, "metadata": {}
    })
}

fn item(status: &str, content: &Value) -> Value {
    json!({ "id": ITEM_ID, "type": "message", "status": status, "role": "assistant", "content": content })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// An event about the one content part, with one more field.
fn of_part(kind: &str, field: &str, value: Value) -> Value {
    let mut event = json!({ "type": kind, "item_id": ITEM_ID, "output_index": 0, "content_index": 0 });
    if let Some(event) = event.as_object_mut() {
        event.insert(field.to_owned(), value);
        if field != "part" {
            event.insert("logprobs".to_owned(), json!([]));
        }
    }
    event
}
