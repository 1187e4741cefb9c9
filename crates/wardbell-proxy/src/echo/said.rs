//! What the user said last, in each dialect.

use serde_json::Value;
use wardbell_llm::dialect::Dialect;

/// The text of the last message of the user; its text parts joined, where it has parts.
pub(super) fn last_user_text(dialect: Dialect, asked: &Value) -> String {
    match dialect {
        Dialect::ChatCompletions | Dialect::Messages => of_last(asked.get("messages"), "content"),
        Dialect::CohereChat => match asked.get("message") {
            Some(Value::String(text)) => text.clone(),
            Some(_) | None => of_last(asked.get("messages"), "content"),
        },
        Dialect::Responses => match asked.get("input") {
            Some(Value::String(text)) => text.clone(),
            items => of_last(items, "content"),
        },
        Dialect::Gemini => match asked.get("contents") {
            Some(one @ Value::Object(_)) => text_of(one.get("parts")),
            contents => of_last(contents, "parts"),
        },
        Dialect::Completions => text_of(asked.get("prompt")),
        Dialect::Embeddings | Dialect::Generic => String::new(),
    }
}

/// The texts that are to be embedded; numbers stand for tokens, and are told from each other only by how many there are.
pub(super) fn embedded(asked: &Value) -> Vec<String> {
    match asked.get("input") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(texts)) if texts.iter().all(Value::is_number) => vec![Value::from(texts.clone()).to_string()],
        Some(Value::Array(texts)) => {
            texts.iter().map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned)).collect()
        }
        Some(_) | None => vec![String::new()],
    }
}

/// The last entry of the user's in a list; one without a role is the user's too, as in Gemini.
fn of_last(entries: Option<&Value>, field: &str) -> String {
    let entries = entries.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_user = |entry: &&Value| entry.get("role").is_none_or(|role| role == "user") && entry.get(field).is_some();
    let last = entries.iter().rev().find(of_user);
    last.map(|entry| text_of(entry.get(field))).unwrap_or_default()
}

fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let text = |part: &'_ Value| part.as_str().or_else(|| part.get("text")?.as_str()).map(str::to_owned);
            parts.iter().filter_map(text).collect::<Vec<_>>().join(" ")
        }
        Some(_) | None => String::new(),
    }
}
