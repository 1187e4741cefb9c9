//! The built-in provider: it answers with the last user message, so that a first try needs no account, and so that a
//! person sees what a provider would have seen after redaction. It speaks every dialect, whole and streamed.

use bytes::Bytes;
use serde_json::{Value, json};
use wardbell_core::id::RequestId;
use wardbell_core::time::Timestamp;
use wardbell_llm::dialect::Dialect;

mod said;

use said::{embedded, last_user_text};

/// What a stream of events is called.
const EVENTS: &str = "text/event-stream";
/// What one JSON text is called.
const JSON: &str = "application/json";
/// What Cohere's version 1 calls its stream of JSON lines.
const JSON_LINES: &str = "application/stream+json";
/// How many numbers an embedding has. Source: our choice; enough to see that two texts differ.
const EMBEDDING_NUMBERS: usize = 8;

/// Makes an answer in the form that a request asks for: one JSON object, or a stream of events. Tells its content type
/// too.
pub(crate) fn answer(
    dialect: Dialect,
    body: &[u8],
    model: &str,
    stream: bool,
    request: RequestId,
    at: Timestamp,
) -> (&'static str, Bytes) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = last_user_text(dialect, &asked);
    let echo = Echo { model, request, at, input: tokens(body.len()), output: tokens(text.len()), text };
    let made = match (dialect, stream) {
        (Dialect::ChatCompletions, false) => Made::One(echo.chat()),
        (Dialect::ChatCompletions, true) => Made::Stream(echo.chat_events()),
        (Dialect::Completions, false) => Made::One(echo.completion(&echo.text, &json!("stop"))),
        (Dialect::Completions, true) => Made::Stream(echo.completion_events()),
        (Dialect::Responses, false) => Made::One(echo.response("completed", &echo.text)),
        (Dialect::Responses, true) => Made::Stream(echo.response_events()),
        (Dialect::Messages, false) => Made::One(echo.message()),
        (Dialect::Messages, true) => Made::Stream(echo.message_events()),
        (Dialect::Gemini, false) => Made::One(echo.candidate(&echo.text, true)),
        (Dialect::Gemini, true) => Made::Stream(echo.candidate_events()),
        (Dialect::CohereChat, false) if is_version_1(&asked) => Made::One(echo.cohere_1()),
        (Dialect::CohereChat, true) if is_version_1(&asked) => Made::Lines(echo.cohere_1_lines()),
        (Dialect::CohereChat, false) => Made::One(echo.cohere()),
        (Dialect::CohereChat, true) => Made::Stream(echo.cohere_events()),
        (Dialect::Embeddings, _) => Made::One(echo.embeddings(&asked)),
        (Dialect::Generic, false) => Made::One(json!({"echo": asked})),
        (Dialect::Generic, true) => Made::Stream(event(None, &json!({"echo": asked}))),
    };
    match made {
        Made::One(answer) => (JSON, Bytes::from(answer.to_string())),
        Made::Stream(events) => (EVENTS, Bytes::from(events)),
        Made::Lines(lines) => (JSON_LINES, Bytes::from(lines)),
    }
}

enum Made {
    One(Value),
    Stream(String),
    Lines(String),
}

/// Version 1 of Cohere's chat has one message beside the history.
fn is_version_1(asked: &Value) -> bool {
    asked.get("message").is_some_and(Value::is_string)
}

fn event(name: Option<&str>, data: &Value) -> String {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
}

/// An event that is named as its `type`.
fn typed(data: &Value) -> String {
    event(data.get("type").and_then(Value::as_str), data)
}

/// The end mark of OpenAI's streams.
const DONE: &str = "data: [DONE]\n\n";

/// What is answered.
struct Echo<'a> {
    model: &'a str,
    request: RequestId,
    at: Timestamp,
    text: String,
    /// Tokens.
    input: usize,
    output: usize,
}

impl Echo<'_> {
    fn words(&self) -> std::str::SplitInclusive<'_, char> {
        self.text.split_inclusive(' ')
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output,
        })
    }

    fn chat(&self) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.request),
            "object": "chat.completion",
            "created": self.at.as_seconds(),
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": self.text},
                "finish_reason": "stop",
            }],
            "usage": self.usage(),
        })
    }

    fn chat_events(&self) -> String {
        let chunk = |delta: Value, finish: Value, usage: Value| {
            let chunk = json!({
                "id": format!("chatcmpl-{}", self.request),
                "object": "chat.completion.chunk",
                "created": self.at.as_seconds(),
                "model": self.model,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
                "usage": usage,
            });
            event(None, &chunk)
        };
        let mut events = chunk(json!({"role": "assistant", "content": ""}), Value::Null, Value::Null);
        for word in self.words() {
            events += &chunk(json!({"content": word}), Value::Null, Value::Null);
        }
        events += &chunk(json!({}), json!("stop"), self.usage());
        events + DONE
    }

    fn completion(&self, text: &str, finish: &Value) -> Value {
        let usage = if finish.is_null() { Value::Null } else { self.usage() };
        json!({
            "id": format!("cmpl-{}", self.request),
            "object": "text_completion",
            "created": self.at.as_seconds(),
            "model": self.model,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}],
            "usage": usage,
        })
    }

    fn completion_events(&self) -> String {
        let words: String = self.words().map(|word| event(None, &self.completion(word, &Value::Null))).collect();
        words + &event(None, &self.completion("", &json!("stop"))) + DONE
    }

    fn embeddings(&self, asked: &Value) -> Value {
        let data: Vec<Value> = embedded(asked)
            .iter()
            .enumerate()
            .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)}))
            .collect();
        json!({
            "object": "list",
            "data": data,
            "model": self.model,
            "usage": {"prompt_tokens": self.input, "total_tokens": self.input},
        })
    }

    fn response_item(&self, status: &str, text: &str) -> Value {
        let content = if status == "completed" { json!([part(text)]) } else { json!([]) };
        json!({
            "id": format!("msg_{}", self.request),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        })
    }

    fn response(&self, status: &str, text: &str) -> Value {
        let done = status == "completed";
        let output = if done { json!([self.response_item(status, text)]) } else { json!([]) };
        let usage = json!({
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.input + self.output,
        });
        json!({
            "id": format!("resp_{}", self.request),
            "object": "response",
            "created_at": self.at.as_seconds(),
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "metadata": {},
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": if done { usage } else { Value::Null },
        })
    }

    fn response_events(&self) -> String {
        let id = format!("msg_{}", self.request);
        let mut made = vec![
            json!({"type": "response.created", "response": self.response("in_progress", "")}),
            json!({"type": "response.in_progress", "response": self.response("in_progress", "")}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": self.response_item("in_progress", "")}),
        ];
        let mut of_part = |kind: &str, field: &str, value: Value| {
            let mut event = json!({"type": kind, "item_id": id, "output_index": 0, "content_index": 0});
            if let Some(fields) = event.as_object_mut() {
                fields.insert(field.to_owned(), value);
            }
            made.push(event);
        };
        of_part("response.content_part.added", "part", part(""));
        for word in self.words() {
            of_part("response.output_text.delta", "delta", json!(word));
        }
        of_part("response.output_text.done", "text", json!(self.text));
        of_part("response.content_part.done", "part", part(&self.text));
        let item = self.response_item("completed", &self.text);
        made.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
        made.push(json!({"type": "response.completed", "response": self.response("completed", &self.text)}));
        made.iter_mut()
            .enumerate()
            .map(|(number, event)| {
                if let Some(fields) = event.as_object_mut() {
                    fields.insert("sequence_number".to_owned(), json!(number));
                }
                typed(event)
            })
            .collect()
    }

    fn message(&self) -> Value {
        json!({
            "id": format!("msg_{}", self.request),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [{"type": "text", "text": self.text}],
            "stop_reason": "end_turn",
            "stop_sequence": null,
            "usage": {"input_tokens": self.input, "output_tokens": self.output},
        })
    }

    fn message_events(&self) -> String {
        let start = json!({
            "id": format!("msg_{}", self.request),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": {"input_tokens": self.input, "output_tokens": 0},
        });
        let block = json!({"type": "text", "text": ""});
        let mut events = typed(&json!({"type": "message_start", "message": start}));
        events += &typed(&json!({"type": "content_block_start", "index": 0, "content_block": block}));
        for word in self.words() {
            let delta = json!({"type": "text_delta", "text": word});
            events += &typed(&json!({"type": "content_block_delta", "index": 0, "delta": delta}));
        }
        events += &typed(&json!({"type": "content_block_stop", "index": 0}));
        events += &typed(&json!({
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": self.output},
        }));
        events + &typed(&json!({"type": "message_stop"}))
    }

    fn candidate(&self, text: &str, last: bool) -> Value {
        let mut answer = json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}],
            "modelVersion": self.model,
            "responseId": self.request.to_string(),
        });
        if last {
            if let Some(Value::Object(candidate)) = answer.pointer_mut("/candidates/0") {
                candidate.insert("finishReason".to_owned(), json!("STOP"));
            }
            if let Some(fields) = answer.as_object_mut() {
                let usage = json!({
                    "promptTokenCount": self.input,
                    "candidatesTokenCount": self.output,
                    "totalTokenCount": self.input + self.output,
                });
                fields.insert("usageMetadata".to_owned(), usage);
            }
        }
        answer
    }

    fn candidate_events(&self) -> String {
        let words: String = self.words().map(|word| event(None, &self.candidate(word, false))).collect();
        words + &event(None, &self.candidate("", true))
    }

    fn cohere_usage(&self) -> Value {
        let tokens = json!({"input_tokens": self.input, "output_tokens": self.output});
        json!({"billed_units": tokens, "tokens": tokens})
    }

    fn cohere(&self) -> Value {
        json!({
            "id": self.request.to_string(),
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": self.text}]},
            "usage": self.cohere_usage(),
        })
    }

    fn cohere_events(&self) -> String {
        let empty = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
        let content = |text: &str| json!({"message": {"content": {"text": text}}});
        let opening = json!({"message": {"content": {"type": "text", "text": ""}}});
        let id = self.request.to_string();
        let mut events = typed(&json!({"type": "message-start", "id": id, "delta": {"message": empty}}));
        events += &typed(&json!({"type": "content-start", "index": 0, "delta": opening}));
        for word in self.words() {
            events += &typed(&json!({"type": "content-delta", "index": 0, "delta": content(word)}));
        }
        events += &typed(&json!({"type": "content-end", "index": 0}));
        let end = json!({"finish_reason": "COMPLETE", "usage": self.cohere_usage()});
        events + &typed(&json!({"type": "message-end", "delta": end}))
    }

    fn cohere_1(&self) -> Value {
        json!({
            "response_id": self.request.to_string(),
            "generation_id": self.request.to_string(),
            "text": self.text,
            "finish_reason": "COMPLETE",
            "meta": self.cohere_usage(),
        })
    }

    fn cohere_1_lines(&self) -> String {
        let id = self.request.to_string();
        let mut events = vec![json!({"is_finished": false, "event_type": "stream-start", "generation_id": id})];
        events.extend(
            self.words().map(|word| json!({"is_finished": false, "event_type": "text-generation", "text": word})),
        );
        events.push(json!({
            "is_finished": true,
            "event_type": "stream-end",
            "finish_reason": "COMPLETE",
            "response": self.cohere_1(),
        }));
        events.iter().map(|event| format!("{event}\n")).collect()
    }
}

/// A part of an output of the responses.
fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

/// About four bytes a token: the rule of thumb for English (OpenAI's help pages, read 2026-11-23). Nothing is billed by it.
fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

/// A vector of length 1 that only depends on the text: how often its bytes leave each remainder.
fn vector(text: &str) -> Vec<f64> {
    let mut counts = [0u32; EMBEDDING_NUMBERS];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte) % EMBEDDING_NUMBERS) {
            *count = count.saturating_add(1);
        }
    }
    let counts = counts.map(f64::from);
    let length = counts.iter().map(|count| count * count).sum::<f64>().sqrt();
    counts.iter().map(|count| if length > 0.0 { count / length } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests;
