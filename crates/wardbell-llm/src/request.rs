//! Requests of every dialect, read in one walk.
//!
//! **Every string is a segment**, unless it is empty: turns, parts, tool calls and their arguments, tool results, tool
//! definitions, names, metadata, the model, and fields that nobody knows yet, so that no text hides. A key that is not a
//! field of the API's own is a segment too.
//!
//! **What is exempt**, because nobody can write there: a role or `type` that is one of the API's own words; where the API
//! takes media, a base64 `data:` URL of an image, a sound or a film, or their base64 beside their media type. The same
//! string anywhere else is a text like any other: a model would read it.
//!
//! **Origins.** A text is whose its field says; in a turn, whose the kind of its part, or else the turn's role says, even
//! if that comes last. An unknown role is `Other`.
//!
//! **Duplicate keys.** Parsers differ on which one counts, so a duplicate of a field that Wardbell acts on (`model`,
//! `stream`, the turns; `role` within a turn, and `type` where it says whose a part is) is refused. Text is read in every
//! occurrence of any other.
//!
//! **Required** is only what Wardbell acts on. Everything else is the provider's to judge.
//!
//! **Bounds.** Depth and turns by [`Limits`], texts by [`SEGMENTS_MAX`]; time and memory grow linearly with the body.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Value, json};

use crate::dialect::{Call, Dialect};
use crate::json::{self, JsonError};
use crate::openai::{chat, completions, embeddings, responses};
use crate::request::field::{Grammar, Need};
use crate::request::walk::Walker;
use crate::segment::{Segment, path};
use crate::{anthropic, cohere, gemini, generic};

pub(crate) mod field;
pub(crate) mod media;
mod walk;
pub(crate) mod word;

/// The bounds of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The deepest nesting.
    pub depth_max: usize,
    /// The most turns: messages, items, contents, inputs.
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

/// The model that a body names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model<'a> {
    /// Its name; never empty.
    pub name: Cow<'a, str>,
    /// Where the name stands between its quotes.
    pub place: Range<usize>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// What it was read as.
    pub dialect: Dialect,
    /// The model asked for; `None` where the body names none.
    pub model: Option<Model<'a>>,
    /// Whether the body asks for a stream. Gemini asks in the path.
    pub stream: bool,
    /// How many turns or inputs there are; 0 where the dialect has none.
    pub messages: usize,
    /// Every text, in the order of the body.
    pub segments: Vec<Segment<'a>>,
    /// The earlier response that this one goes on from (`previous_response_id` of OpenAI's responses).
    pub previous_response: Option<Cow<'a, str>>,
    body: &'a str,
}

impl Request<'_> {
    /// Where the segments of these numbers stand, as `messages[2].content[0].text`; empty for a number that is none. A key
    /// that is not the API's own is shown as `*`, for it is the caller's text. It walks the body once: ask for all at once.
    pub fn paths(&self, segments: &[usize]) -> Vec<String> {
        // Nothing starts past the end.
        let nowhere = self.body.len();
        let start = |index: &usize| self.segments.get(*index).map_or(nowhere, |segment| segment.raw.start);
        path::paths(self.body, &segments.iter().map(start).collect::<Vec<_>>(), grammar(self.dialect).is_key)
    }
}

/// Why a body is not a request of its dialect. Each message names the field and the remedy.
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
    #[error("the body must be a JSON object with {must}")]
    NotObject {
        /// The fields that it must have.
        must: &'static str,
    },
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
    /// A turn is not an object, or has no role.
    #[error("{field}[{index}] must be {must}")]
    Turn {
        /// The field with the turns.
        field: &'static str,
        /// Which turn, from 0.
        index: usize,
        /// What it must be.
        must: &'static str,
    },
    /// A key that is acted on stands in a turn, or in a part of it, twice.
    #[error("{field}[{index}] has `{key}` more than once; send it once")]
    DuplicateInTurn {
        /// The field with the turns.
        field: &'static str,
        /// Which turn, from 0.
        index: usize,
        /// The key.
        key: &'static str,
    },
    /// There is no turn.
    #[error("`{field}` is empty; send at least one {one}")]
    NoTurns {
        /// The field with the turns.
        field: &'static str,
        /// What one of them is called.
        one: &'static str,
    },
    /// There are too many.
    #[error("`{field}` has more than {max} entries; send fewer")]
    TooManyTurns {
        /// The field with the turns.
        field: &'static str,
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
            Self::TooDeep { .. } | Self::NotObject { .. } | Self::TooManyTexts => {}
            Self::Missing(field)
            | Self::WrongType { field, .. }
            | Self::Duplicate(field)
            | Self::NoTurns { field, .. }
            | Self::TooManyTurns { field, .. } => loc.push(json!(field)),
            Self::Turn { field, index, .. } => loc.extend([json!(field), json!(index)]),
            Self::DuplicateInTurn { field, index, key } => loc.extend([json!(field), json!(index), json!(key)]),
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
            Self::NotObject { .. } => "object_expected",
            Self::Missing(_) => "missing",
            Self::WrongType { .. } => "type_error",
            Self::Duplicate(_) | Self::DuplicateInTurn { .. } => "duplicate",
            Self::Turn { .. } => "message_expected",
            Self::NoTurns { .. } => "too_short",
            Self::TooManyTurns { .. } | Self::TooManyTexts => "too_long",
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
pub fn read<'a>(dialect: Dialect, body: &'a [u8], limits: &Limits) -> Result<Request<'a>, RequestError> {
    read_named(dialect, false, body, limits)
}

/// Reads the body of a call. A path that names the model (Azure's deployments) stands in for a body that names none.
///
/// # Errors
/// See [`RequestError`].
pub fn read_call<'a>(call: &Call, body: &'a [u8], limits: &Limits) -> Result<Request<'a>, RequestError> {
    read_named(call.dialect, call.model.is_some(), body, limits)
}

fn read_named<'a>(dialect: Dialect, named: bool, body: &'a [u8], limits: &Limits) -> Result<Request<'a>, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| RequestError::NotUtf8 { at: error.valid_up_to() })?;
    let grammar = grammar(dialect);
    let mut walker = Walker::new(text, grammar, limits);
    walker.run()?;
    let Walker { model, stream, turns, segments, previous, kept_prompt, last_empty, .. } = walker;
    if let Need::Fields { model: needs_model, turns: needs_turns, .. } = grammar.need {
        // A prompt that is kept at the provider may name the model.
        if needs_model && model.is_none() && !named && !kept_prompt {
            return Err(RequestError::Missing("model"));
        }
        if let Some((field, one)) = needs_turns {
            let count = turns.ok_or(RequestError::Missing(field))?;
            if count == 0 {
                return Err(RequestError::NoTurns { field, one });
            }
        }
    }
    let messages = turns.unwrap_or(0);
    if dialect == Dialect::ChatCompletions && last_empty {
        return Err(RequestError::EmptyLastMessage { index: messages.saturating_sub(1) });
    }
    let stream = stream.unwrap_or(false);
    Ok(Request { dialect, model, stream, messages, segments, previous_response: previous, body: text })
}

fn grammar(dialect: Dialect) -> &'static Grammar {
    match dialect {
        Dialect::ChatCompletions => &chat::GRAMMAR,
        Dialect::Responses => &responses::GRAMMAR,
        Dialect::Completions => &completions::GRAMMAR,
        Dialect::Embeddings => &embeddings::GRAMMAR,
        Dialect::Messages => &anthropic::messages::GRAMMAR,
        Dialect::Gemini => &gemini::generate::GRAMMAR,
        Dialect::CohereChat => &cohere::chat::GRAMMAR,
        Dialect::Generic => &generic::GRAMMAR,
    }
}

#[cfg(test)]
pub(crate) mod golden_tests;
#[cfg(test)]
mod tests;
