//! Requests of OpenAI's chat completions, read in one walk.
//!
//! **Every string is a segment**, unless it is empty: contents, parts, tool calls and their arguments, tool results, tool
//! definitions, names, metadata, the model, and fields that nobody knows yet, so that no text hides. A key that is not a
//! field of the API's own is a segment too.
//!
//! **What is exempt**, because nobody can write there: a `role` or `type` that is one of the API's own words, and a base64
//! `data:` URL of an image, a sound or a film where a part of a content has one (`content[…].image_url.url`). The same URL
//! anywhere else is a text like any other: a model would read it.
//!
//! **Roles.** A text has the role of its message, even if the key `role` comes last. An unknown role is `Other`.
//!
//! **Duplicate keys.** Parsers differ on which one counts, so a duplicate of a field that Wardbell acts on (`model`,
//! `stream`, `messages`, and `role` within a message) is refused. Text is read in every occurrence of any other.
//!
//! **Bounds.** Depth and messages by [`Limits`], texts by [`SEGMENTS_MAX`]; time and memory grow linearly with the body.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Value, json};
use wardbell_core::origin::Origin;

use crate::json::{self, Event, JsonError, JsonErrorKind, Piece, Scanner, StringToken};
use crate::openai::{media, word};
use crate::segment::{Segment, path};

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
        Self { depth_max: json::DEPTH_MAX, messages_max: 10_000 }
    }
}

/// The most texts in a request. A segment takes some 100 bytes beside its text, a text in a list only four (`"a",`): this
/// bounds what a body can buy to 25 MB. Source: our choice; 10,000 messages with 25 texts each.
pub const SEGMENTS_MAX: usize = 250_000;

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
    body: &'a str,
}

impl ChatRequest<'_> {
    /// Where the segments of these numbers stand, as `messages[2].content[0].text`; empty for a number that is none. A key
    /// that is not the API's own is shown as `*`, for it is the caller's text. It walks the body once: ask for all at once.
    pub fn paths(&self, segments: &[usize]) -> Vec<String> {
        // Nothing starts past the end.
        let nowhere = self.body.len();
        let start = |index: &usize| self.segments.get(*index).map_or(nowhere, |segment| segment.raw.start);
        path::paths(self.body, &segments.iter().map(start).collect::<Vec<_>>(), word::is_key)
    }
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
    /// It is not JSON.
    #[error("the body is not valid JSON: {0}; correct it there")]
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
    #[error("`{field}` has a value of another type; it must be {expected}")]
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
    /// There are too many texts.
    #[error("the body has more than {SEGMENTS_MAX} texts; send fewer")]
    TooManyTexts,
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
            Self::TooDeep { .. } | Self::NotObject | Self::TooManyTexts => {}
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
            Self::TooManyMessages { .. } | Self::TooManyTexts => "too_long",
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
        keys: Vec::new(),
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
    Ok(ChatRequest { model, model_place, stream: stream.unwrap_or(false), messages, segments, body: text })
}

struct Reader<'a, 'l> {
    text: &'a str,
    limits: &'l Limits,
    scanner: Scanner<'a>,
    segments: Vec<Segment<'a>>,
    /// The key of each open container, while a value is read.
    keys: Vec<Key>,
    model: Option<(Cow<'a, str>, Range<usize>)>,
    stream: Option<bool>,
    messages: Option<usize>,
    last_empty: bool,
}

/// What a key says about the strings right below it. Those in a list have the key of the list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    /// `content` of a message.
    Content,
    Type,
    Media,
    Url,
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        match name {
            "type" => Self::Type,
            "url" => Self::Url,
            name if word::is_media_key(name) => Self::Media,
            _ => Self::Other,
        }
    }
}

/// Whose value it is.
#[derive(Clone, Copy)]
struct Owner {
    origin: Origin,
    message: Option<usize>,
}

impl Reader<'_, '_> {
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
        let other = Owner { origin: Origin::Other, message: None };
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
                self.segment(&value, other)
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
                let origin = if matches!(name, "tools" | "functions") { Origin::ToolDefinition } else { Origin::Other };
                let owner = Owner { origin, ..other };
                self.key(key, name, owner)?;
                self.value(Key::of(name), owner).map(drop)
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
        // Until the role is known.
        let owner = Owner { origin: Origin::Other, message: Some(index) };
        let (mut role, mut says) = (None, false);
        while let Event::Key(key) = self.next()? {
            let name = json::decode(self.text, &key);
            if name == "role" {
                if role.is_some() {
                    return Err(RequestError::DuplicateRole { index });
                }
                let Event::String(value) = self.next()? else { return Err(RequestError::Message { index }) };
                let known = word::role_of(&json::decode(self.text, &value));
                if known == Origin::Other {
                    self.segment(&value, owner)?;
                }
                role = Some(known);
                continue;
            }
            self.key(&key, &name, owner)?;
            let is_content = name == "content";
            let something = self.value(if is_content { Key::Content } else { Key::of(&name) }, owner)?;
            let counts = is_content || matches!(&*name, "tool_calls" | "function_call" | "refusal" | "audio");
            says |= something && counts;
        }
        let role = role.ok_or(RequestError::Message { index })?;
        for segment in self.segments.iter_mut().skip(first) {
            segment.origin = role;
        }
        // A tool may well return nothing.
        self.last_empty = !says && role != Origin::ToolResult;
        Ok(())
    }

    /// Reads the value of a key to its end. Tells whether it says anything: a text that is more than white space, a number
    /// or a truth.
    fn value(&mut self, mut key: Key, owner: Owner) -> Result<bool, RequestError> {
        let mut says = false;
        self.keys.clear();
        loop {
            match self.next()? {
                Event::Key(token) => {
                    let name = json::decode(self.text, &token);
                    key = Key::of(&name);
                    self.key(&token, &name, owner)?;
                    continue;
                }
                Event::String(token) => {
                    says = says || key != Key::Type && !is_blank(self.text, &token);
                    if !self.is_exempt(key, &token) {
                        self.segment(&token, owner)?;
                    }
                }
                Event::Number(_) | Event::Bool(_) => says = true,
                Event::Null => {}
                Event::ObjectStart | Event::ArrayStart => self.keys.push(key),
                Event::ObjectEnd(_) | Event::ArrayEnd => key = self.keys.pop().unwrap_or(Key::Other),
                Event::End => break,
            }
            if self.keys.is_empty() {
                break;
            }
        }
        Ok(says)
    }

    /// Whether a string is one that is not scanned.
    fn is_exempt(&self, key: Key, token: &StringToken) -> bool {
        let raw = self.text.get(token.raw.clone()).unwrap_or_default();
        match (key, self.keys.as_slice()) {
            (Key::Type, _) => word::is_type(raw),
            // The content's list, a part in it, and the part's URL: alone, or in an object.
            (Key::Media, [Key::Content, Key::Content]) | (Key::Url, [Key::Content, Key::Content, Key::Media]) => {
                media::is_media_url(raw)
            }
            (Key::Content | Key::Media | Key::Url | Key::Other, _) => false,
        }
    }

    fn key(&mut self, token: &StringToken, name: &str, owner: Owner) -> Result<(), RequestError> {
        if word::is_key(name) { Ok(()) } else { self.segment(token, owner) }
    }

    fn segment(&mut self, token: &StringToken, owner: Owner) -> Result<(), RequestError> {
        if token.raw.is_empty() {
            return Ok(());
        }
        if self.segments.len() >= SEGMENTS_MAX {
            return Err(RequestError::TooManyTexts);
        }
        self.segments.push(Segment::new(self.text, token, owner.origin, owner.message));
        Ok(())
    }

    fn next(&mut self) -> Result<Event, RequestError> {
        self.scanner.next().map_err(|error| match error.kind {
            JsonErrorKind::Depth => RequestError::TooDeep { max: self.limits.depth_max },
            _ => RequestError::Json(error),
        })
    }
}

/// Whether a string is white space only, escapes decoded.
fn is_blank(text: &str, token: &StringToken) -> bool {
    let mut rest = text.get(token.raw.clone()).unwrap_or_default();
    while let Some((piece, after)) = json::piece(rest) {
        let blank = match piece {
            Piece::Plain(plain) => plain.trim_start().is_empty(),
            Piece::Escape(character, _) => character.is_whitespace(),
        };
        if !blank {
            return false;
        }
        rest = after;
    }
    true
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod tests;
