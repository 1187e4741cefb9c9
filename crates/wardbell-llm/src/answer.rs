//! Answers of every dialect: the texts in them, what the call used, whether it failed.
//!
//! **What it tells.** Every text that the model wrote, in every choice: content, reasoning, refusals, tool calls and their
//! arguments, and fields of a message that nobody knows yet. What the caller said and the answer repeats (instructions,
//! tools, documents) is not among them, nor are ids, pictures and sounds.
//!
//! **What it does not do.** It does not look into JSON within a string (a tool call's arguments). An answer that is no
//! JSON, or nested deeper than [`json::DEPTH_MAX`], is nobody's text.

use std::ops::Range;

use wardbell_core::origin::Origin;
use wardbell_core::usage::Usage;

use crate::dialect::Dialect;
use crate::edit::{self, Edit};
use crate::openai::answer::{responses, shape as openai};
use crate::segment::Segment;
use crate::shape::{self, EVERY, Found, SKIP, Shape};
use crate::{anthropic, cohere, gemini, json};

mod state;

pub use crate::openai::answer::annotate;

/// Every text that the model wrote in a whole answer, in the order of the body. `None` if it is no JSON object (Gemini:
/// or a list of them; [`Dialect::Generic`]: no JSON at all), or has too many texts.
pub fn texts(dialect: Dialect, body: &[u8]) -> Option<Vec<Segment<'_>>> {
    let text = std::str::from_utf8(body).ok()?;
    let found = whole(dialect, text)?;
    Some(found.texts.iter().map(|piece| Segment::new(text, &piece.token, Origin::Assistant, None)).collect())
}

/// Makes the answer without what `cut` says: spans of the texts that [`texts`] lists, by their position, with
/// `placeholder` instead. What repeats the texts in other words (log probabilities, Cohere's chat history) goes too. Every
/// other byte stays. `None` as with [`texts`].
pub fn redact(dialect: Dialect, body: &[u8], cut: &[(usize, Range<usize>)], placeholder: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let found = whole(dialect, text)?;
    let mut edits: Vec<Edit> = Vec::new();
    // Sorted, so that a text is decoded once for all of its spans.
    let mut cut: Vec<_> = cut.iter().collect();
    cut.sort_by_key(|(index, span)| (*index, span.start));
    for spans in cut.chunk_by(|one, other| one.0 == other.0) {
        let piece = spans.first().and_then(|(index, _)| found.texts.get(*index));
        let Some(piece) = piece else { continue };
        let segment = Segment::new(text, &piece.token, Origin::Assistant, None);
        edits.extend(spans.iter().map(|(_, span)| edit::redact(&segment, span.clone(), placeholder)));
    }
    if !edits.is_empty() {
        edits.extend(found.echoes.iter().map(|echo| Edit { range: echo.raw.clone(), with: echo.instead.to_owned() }));
    }
    Some(edit::splice(body, &edits))
}

/// What an answer, or one event of a stream, says that the call used.
pub fn usage(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    state::usage(dialect, body)
}

/// Whether an answer, or one event of a stream, says that the call failed.
pub fn is_error(dialect: Dialect, body: &[u8]) -> bool {
    state::is_error(dialect, body)
}

/// Whether this is the last event of a stream in the dialect's own words.
pub(crate) fn is_last(dialect: Dialect, data: &[u8]) -> bool {
    state::is_last(dialect, data)
}

fn whole(dialect: Dialect, text: &str) -> Option<Found> {
    let fits = match (dialect, text.trim_ascii_start().as_bytes().first()?) {
        (Dialect::Generic, _) | (_, b'{') => true,
        (dialect, first) => dialect == Dialect::Gemini && *first == b'[',
    };
    if fits { read(dialect, text) } else { None }
}

/// Reads an answer or one event of a stream.
pub(crate) fn read(dialect: Dialect, text: &str) -> Option<Found> {
    let mut found = shape::read(text, shape_of(dialect))?;
    if dialect == Dialect::Responses
        && let Some(token) = &found.kind
    {
        let kind = json::decode(text, token);
        responses::name(&mut found, &kind);
    }
    Some(found)
}

fn shape_of(dialect: Dialect) -> &'static Shape {
    match dialect {
        Dialect::ChatCompletions | Dialect::Completions => &openai::ANSWER,
        Dialect::Responses => &responses::ANSWER,
        Dialect::Messages => &anthropic::answer::ANSWER,
        Dialect::Gemini => &gemini::answer::ANSWER,
        Dialect::CohereChat => &cohere::answer::ANSWER,
        // Numbers, or base64 of numbers.
        Dialect::Embeddings => &SKIP,
        Dialect::Generic => &EVERY,
    }
}
