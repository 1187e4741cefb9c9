//! Requests of OpenAI's chat completions, read in one walk.
//!
//! **Every string is a segment**: contents, parts, tool calls and their arguments, tool results, tool definitions, names,
//! metadata, and fields that nobody knows yet, so that no text hides. A key that is not a field of the API's own is a
//! segment too. Not scanned: a `role` or `type` that is one of the API's own words, and base64 `data:` URLs of images,
//! audio and video.
//!
//! **Duplicate keys.** Parsers differ on which one counts, so a duplicate of a field that Wardbell acts on (`model`,
//! `stream`, `messages`, and `role` within a message) is refused. Text is read in every occurrence of any other.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Value, json};

use crate::json::{self, Event, JsonError, JsonErrorKind, Scanner, StringToken};
use crate::segment::{Role, Segment};

/// The bounds of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The deepest nesting.
    pub depth_max: usize,
    /// The most messages.
    pub messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth_max: 128, messages_max: 10_000 }
    }
}

/// The longest head of a media URL that is not scanned, in bytes.
const MEDIA_HEAD_BYTES_MAX: usize = 64;

/// A chat request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRequest<'a> {
    /// The model asked for; never empty.
    pub model: Cow<'a, str>,
    /// Where the model's name stands between its quotes.
    pub model_place: Range<usize>,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// How many messages there are; at least one.
    pub messages: usize,
    /// Every text, in the order of the body.
    pub segments: Vec<Segment<'a>>,
}

/// Why a body is not a chat request. Each message names the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is not UTF-8.
    #[error("the body is not UTF-8 at byte {at}; send JSON in UTF-8")]
    NotUtf8 {
        /// The first wrong byte.
        at: usize,
    },
    /// It is not JSON, or nested too deep.
    #[error("the body is not valid JSON: {0}")]
    Json(JsonError),
    /// Nested too deep.
    #[error("the body is nested deeper than {max} levels; flatten it")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// It is JSON, and not an object.
    #[error("the body must be a JSON object with `model` and `messages`")]
    NotObject,
    /// A field that must be there is not.
    #[error("`{0}` is missing; add it to the body")]
    Missing(&'static str),
    /// A field has a value of another type.
    #[error("`{field}` must be {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A field that is acted on stands there twice.
    #[error("`{0}` stands in the body more than once; send it once")]
    Duplicate(&'static str),
    /// A message is not an object, or has no role.
    #[error("messages[{index}] must be an object with a `role`")]
    Message {
        /// Which message, from 0.
        index: usize,
    },
    /// The role stands in a message twice.
    #[error("messages[{index}] has `role` more than once; send it once")]
    DuplicateRole {
        /// Which message, from 0.
        index: usize,
    },
    /// There is no message.
    #[error("`messages` is empty; send at least one message")]
    NoMessages,
    /// There are too many.
    #[error("`messages` has more than {max} entries; send fewer")]
    TooManyMessages {
        /// The limit.
        max: usize,
    },
    /// The last message says nothing.
    #[error("the last message is empty; put text into messages[{index}].content")]
    EmptyLastMessage {
        /// Which message, from 0.
        index: usize,
    },
}

impl RequestError {
    /// Where it is, as a path from `body`.
    pub fn loc(&self) -> Vec<Value> {
        let mut loc = vec![json!("body")];
        match self {
            Self::NotUtf8 { at } | Self::Json(JsonError { at, .. }) => loc.push(json!(at)),
            Self::TooDeep { .. } | Self::NotObject => {}
            Self::Missing(field) | Self::WrongType { field, .. } | Self::Duplicate(field) => loc.push(json!(field)),
            Self::NoMessages | Self::TooManyMessages { .. } => loc.push(json!("messages")),
            Self::Message { index } => loc.extend([json!("messages"), json!(index)]),
            Self::DuplicateRole { index } => loc.extend([json!("messages"), json!(index), json!("role")]),
            Self::EmptyLastMessage { index } => loc.extend([json!("messages"), json!(index), json!("content")]),
        }
        loc
    }

    /// A word for the kind, for machines.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "not_utf8",
            Self::Json(_) => "json_invalid",
            Self::TooDeep { .. } => "too_deep",
            Self::NotObject => "object_expected",
            Self::Missing(_) => "missing",
            Self::WrongType { .. } => "type_error",
            Self::Duplicate(_) | Self::DuplicateRole { .. } => "duplicate",
            Self::Message { .. } => "message_expected",
            Self::NoMessages => "too_short",
            Self::TooManyMessages { .. } => "too_long",
            Self::EmptyLastMessage { .. } => "empty",
        }
    }

    /// Whether it is the one case that AISG answers with 400 instead of 422 (`spec/wire-aisg.md` 1.10).
    pub const fn is_empty_last_message(&self) -> bool {
        matches!(self, Self::EmptyLastMessage { .. })
    }
}

/// Reads a request body.
///
/// # Errors
/// See [`RequestError`].
pub fn read<'a>(body: &'a [u8], limits: &Limits) -> Result<ChatRequest<'a>, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| RequestError::NotUtf8 { at: error.valid_up_to() })?;
    let mut reader = Reader {
        text,
        limits,
        scanner: Scanner::new(text, limits.depth_max),
        segments: Vec::new(),
        model: None,
        stream: None,
        messages: None,
        last_empty: false,
    };
    reader.body()?;
    let Reader { segments, model, stream, messages, last_empty, .. } = reader;
    let (model, model_place) = model.ok_or(RequestError::Missing("model"))?;
    let messages = messages.ok_or(RequestError::Missing("messages"))?;
    let last = messages.checked_sub(1).ok_or(RequestError::NoMessages)?;
    if last_empty {
        return Err(RequestError::EmptyLastMessage { index: last });
    }
    Ok(ChatRequest { model, model_place, stream: stream.unwrap_or(false), messages, segments })
}

struct Reader<'a, 'l> {
    text: &'a str,
    limits: &'l Limits,
    scanner: Scanner<'a>,
    segments: Vec<Segment<'a>>,
    model: Option<(Cow<'a, str>, Range<usize>)>,
    stream: Option<bool>,
    messages: Option<usize>,
    last_empty: bool,
}

/// What one message showed, besides its text.
#[derive(Default)]
struct Message {
    role: Option<Role>,
    /// Something other than white space in `content`, or a call, a refusal or a sound instead of it.
    says: bool,
}

impl<'a> Reader<'a, '_> {
    fn body(&mut self) -> Result<(), RequestError> {
        if self.next()? != Event::ObjectStart {
            return Err(RequestError::NotObject);
        }
        loop {
            match self.next()? {
                Event::Key(key) => self.field(&key)?,
                Event::ObjectEnd(_) => break,
                _ => return Err(RequestError::NotObject),
            }
        }
        // Nothing may follow.
        self.next().map(drop)
    }

    fn field(&mut self, key: &StringToken) -> Result<(), RequestError> {
        match &*json::decode(self.text, key) {
            "model" => {
                if self.model.is_some() {
                    return Err(RequestError::Duplicate("model"));
                }
                let wrong = RequestError::WrongType { field: "model", expected: "a string that is not empty" };
                let Event::String(value) = self.next()? else { return Err(wrong) };
                let model = json::decode(self.text, &value);
                if model.is_empty() {
                    return Err(wrong);
                }
                self.model = Some((model, value.raw.clone()));
                self.segment(&value, Role::Other, None);
                Ok(())
            }
            "stream" => {
                if self.stream.is_some() {
                    return Err(RequestError::Duplicate("stream"));
                }
                match self.next()? {
                    Event::Bool(stream) => self.stream = Some(stream),
                    Event::Null => self.stream = Some(false),
                    _ => return Err(RequestError::WrongType { field: "stream", expected: "true or false" }),
                }
                Ok(())
            }
            "messages" => {
                if self.messages.is_some() {
                    return Err(RequestError::Duplicate("messages"));
                }
                if self.next()? != Event::ArrayStart {
                    return Err(RequestError::WrongType { field: "messages", expected: "a list of messages" });
                }
                self.messages()
            }
            name => {
                let role = if matches!(name, "tools" | "functions") { Role::ToolDefinition } else { Role::Other };
                self.key(key, name, role, None);
                let event = self.next()?;
                self.value(event, name, role, None).map(drop)
            }
        }
    }

    fn messages(&mut self) -> Result<(), RequestError> {
        let mut count = 0;
        loop {
            match self.next()? {
                Event::ArrayEnd => break,
                Event::ObjectStart if count < self.limits.messages_max => self.message(count)?,
                Event::ObjectStart => return Err(RequestError::TooManyMessages { max: self.limits.messages_max }),
                _ => return Err(RequestError::Message { index: count }),
            }
            count += 1;
        }
        self.messages = Some(count);
        Ok(())
    }

    fn message(&mut self, index: usize) -> Result<(), RequestError> {
        let first = self.segments.len();
        let mut message = Message::default();
        while let Event::Key(key) = self.next()? {
            let name = json::decode(self.text, &key);
            if name == "role" {
                if message.role.is_some() {
                    return Err(RequestError::DuplicateRole { index });
                }
                let Event::String(role) = self.next()? else { return Err(RequestError::Message { index }) };
                let known = role_of(&json::decode(self.text, &role));
                if known == Role::Other {
                    self.segment(&role, Role::Other, Some(index));
                }
                message.role = Some(known);
                continue;
            }
            self.key(&key, &name, Role::Other, Some(index));
            let event = self.next()?;
            let says = self.value(event, &name, Role::Other, Some(index))?;
            message.says |= says && matches!(&*name, "content" | "tool_calls" | "function_call" | "refusal" | "audio");
        }
        let role = message.role.ok_or(RequestError::Message { index })?;
        for segment in self.segments.iter_mut().skip(first) {
            segment.role = role;
        }
        self.last_empty = !message.says;
        Ok(())
    }

    /// Reads a value to its end. Tells whether it says anything: a text other than white space, or a container that is
    /// not empty.
    fn value(&mut self, event: Event, name: &str, role: Role, message: Option<usize>) -> Result<bool, RequestError> {
        match event {
            Event::String(token) => {
                if !is_exempt(self.text, name, &token) {
                    self.segment(&token, role, message);
                }
                let says = self.text.get(token.raw.clone()).unwrap_or_default();
                return Ok(token.escaped && !json::decode(self.text, &token).trim().is_empty()
                    || !token.escaped && !says.trim().is_empty());
            }
            Event::ObjectStart | Event::ArrayStart => {}
            Event::Number(_) | Event::Bool(_) => return Ok(true),
            Event::Null | Event::Key(_) | Event::ObjectEnd(_) | Event::ArrayEnd | Event::End => return Ok(false),
        }
        let outside = self.scanner.depth() - 1;
        let mut says = false;
        let mut last_key: Cow<'a, str> = Cow::Owned(name.to_owned());
        while self.scanner.depth() > outside {
            match self.next()? {
                Event::Key(token) => {
                    last_key = json::decode(self.text, &token);
                    let name = last_key.clone();
                    self.key(&token, &name, role, message);
                }
                Event::String(token) => {
                    says = true;
                    if !is_exempt(self.text, &last_key, &token) {
                        self.segment(&token, role, message);
                    }
                }
                Event::Number(_) | Event::Bool(_) => says = true,
                Event::ObjectStart
                | Event::ArrayStart
                | Event::ObjectEnd(_)
                | Event::ArrayEnd
                | Event::Null
                | Event::End => {}
            }
        }
        Ok(says)
    }

    fn key(&mut self, token: &StringToken, name: &str, role: Role, message: Option<usize>) {
        if !is_known_key(name) {
            self.segment(token, role, message);
        }
    }

    fn segment(&mut self, token: &StringToken, role: Role, message: Option<usize>) {
        if !token.raw.is_empty() {
            self.segments.push(Segment::new(self.text, token, role, message));
        }
    }

    fn next(&mut self) -> Result<Event, RequestError> {
        self.scanner.next().map_err(|error| match error.kind {
            JsonErrorKind::Depth => RequestError::TooDeep { max: self.limits.depth_max },
            _ => RequestError::Json(error),
        })
    }
}

fn role_of(name: &str) -> Role {
    match name {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => Role::Other,
    }
}

/// Whether a string is one that is not scanned.
fn is_exempt(text: &str, key: &str, token: &StringToken) -> bool {
    let raw = text.get(token.raw.clone()).unwrap_or_default();
    (key == "type" && is_known_type(raw)) || (!token.escaped && is_media_url(raw))
}

/// Whether a text is a base64 `data:` URL of an image, a sound or a film, and nothing else: beyond the comma only the
/// letters of base64, so that no words hide behind the prefix.
fn is_media_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("data:") else { return false };
    if !["image/", "audio/", "video/"].iter().any(|kind| rest.starts_with(kind)) {
        return false;
    }
    let Some((head, data)) = rest.split_once(',') else { return false };
    head.len() <= MEDIA_HEAD_BYTES_MAX
        && head.ends_with(";base64")
        && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'))
}

/// Types of OpenAI's chat API (its reference, read 2026-11-23) and of JSON Schema.
fn is_known_type(name: &str) -> bool {
    matches!(
        name,
        "array"
            | "boolean"
            | "content"
            | "custom"
            | "ephemeral"
            | "file"
            | "function"
            | "image_url"
            | "input_audio"
            | "integer"
            | "json_object"
            | "json_schema"
            | "null"
            | "number"
            | "object"
            | "refusal"
            | "string"
            | "text"
    )
}

/// Keys of OpenAI's chat API (its reference, read 2026-11-23) and of JSON Schema in tool definitions. Any other key is
/// somebody's text.
fn is_known_key(name: &str) -> bool {
    matches!(
        name,
        "additionalProperties"
            | "anyOf"
            | "arguments"
            | "audio"
            | "cache_control"
            | "content"
            | "custom"
            | "data"
            | "default"
            | "description"
            | "detail"
            | "enum"
            | "file"
            | "file_data"
            | "file_id"
            | "filename"
            | "format"
            | "frequency_penalty"
            | "function"
            | "function_call"
            | "functions"
            | "id"
            | "image_url"
            | "include_usage"
            | "input"
            | "input_audio"
            | "items"
            | "json_schema"
            | "logit_bias"
            | "logprobs"
            | "max_completion_tokens"
            | "max_tokens"
            | "messages"
            | "metadata"
            | "modalities"
            | "model"
            | "n"
            | "name"
            | "parallel_tool_calls"
            | "parameters"
            | "prediction"
            | "presence_penalty"
            | "prompt_cache_key"
            | "properties"
            | "reasoning_effort"
            | "refusal"
            | "required"
            | "response_format"
            | "role"
            | "safety_identifier"
            | "schema"
            | "seed"
            | "service_tier"
            | "stop"
            | "store"
            | "stream"
            | "stream_options"
            | "strict"
            | "temperature"
            | "text"
            | "tool_call_id"
            | "tool_calls"
            | "tool_choice"
            | "tools"
            | "top_k"
            | "top_logprobs"
            | "top_p"
            | "type"
            | "url"
            | "user"
            | "verbosity"
            | "voice"
            | "web_search_options"
    )
}

#[cfg(test)]
mod tests;
