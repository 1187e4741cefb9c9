//! Bodies in the shape that OpenAI's embeddings API answers with.
//!
//! **Source.** OpenAI API reference, "The embedding object"
//! (<https://platform.openai.com/docs/api-reference/embeddings/object>); the numbers are fixed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::completion::PROMPT_TOKENS;

/// Every embedding: binary fractions, so that both encodings carry exactly these.
pub const VECTOR: [f32; 4] = [0.25, -0.5, 0.125, 1.0];

/// One embedding for each input; as base64 of little-endian floats where the request asks for that.
pub fn whole(model: &str, asked: &Value) -> Value {
    let inputs = match asked.get("input") {
        Some(Value::Array(inputs)) if !inputs.iter().all(Value::is_number) => inputs.len(),
        _ => 1,
    };
    let vector = if asked.get("encoding_format").and_then(Value::as_str) == Some("base64") {
        let bytes: Vec<u8> = VECTOR.iter().flat_map(|number| number.to_le_bytes()).collect();
        json!(STANDARD.encode(bytes))
    } else {
        json!(VECTOR)
    };
    let data: Vec<_> =
        (0..inputs).map(|index| json!({ "object": "embedding", "index": index, "embedding": vector })).collect();
    json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS }
    })
}
