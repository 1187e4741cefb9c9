//! The turns of a request, for guards that look at what an agent does.
//!
//! **Theory of operation.** One walk over the body notes where each text stands; the dialect's reader knows which fields
//! are turns, calls and results. Only then texts are decoded, and only those of turns that are kept: a text of one part
//! without an escape is borrowed from the body, all others share one buffer.
//!
//! **What a text is.** The parts of a turn are joined by line ends. A part that is no text (an image, a document) counts as
//! its JSON, or as a mark of it where that is longer than [`PART_BYTES_MAX`], so that two images do not look the same; in a
//! turn of the model's it does not count. The same holds for arguments and results that are JSON.
//!
//! **Order.** A system prompt that stands in a field of its own comes first, then documents of the request, then the turns.
//! Calls of one answer that come as items of their own are one turn.
//!
//! **Bounds.** The last [`TURNS_MAX`] turns are kept, and the first [`TURN_ITEMS_MAX`] calls and results of each. Time and
//! memory grow linearly with the body; nothing recurses.
//!
//! **What it does not do.** It judges nothing: a part of another type than the dialect says is skipped, and where a field
//! of a part comes twice the last one counts. With `previous_response_id`, or a conversation that is kept at the provider, only the new
//! turns are seen. Calls of tools that the provider runs itself are no steps of an agent.

use std::collections::VecDeque;

use wardbell_core::origin::Origin;
use wardbell_core::transcript::{Call, ToolResult, Turn};

use crate::dialect::Dialect;

pub mod asked;

mod body;
mod chat;
mod cohere;
mod cursor;
mod few;
mod gemini;
mod messages;
mod responses;

use self::asked::Asked;
use self::body::Body;
use self::cursor::{Is, Span, Texts};
use self::few::Few;

/// The most turns that are kept: the last ones. Source: our choice; detectors look at 128 steps, which are a call and a
/// result each.
pub const TURNS_MAX: usize = 256;
/// The most calls, and the most results, of a turn that are kept: the first ones. Source: our choice; twice as many as
/// detectors look at.
pub const TURN_ITEMS_MAX: usize = 256;
/// The longest part that is no text and yet counts as it stands, in bytes. Source: our choice; a short document.
pub const PART_BYTES_MAX: usize = 1024;

/// The turns of a request, and what it says about itself as a whole.
#[derive(Debug, Clone)]
pub struct Transcript<'a> {
    body: &'a str,
    /// The texts that do not stand in the body as they are, one after another.
    decoded: String,
    turns: VecDeque<Draft>,
    calls: u64,
    session: Option<Span>,
    asked: Asked,
}

/// A turn before its texts are looked up.
#[derive(Debug, Clone, Default)]
struct Draft {
    origin: Option<Origin>,
    text: Texts,
    calls: Few<CallDraft>,
    /// How many calls there were, with those that are not kept.
    called: u64,
    results: Few<ResultDraft>,
}

#[derive(Debug, Clone, Default)]
struct CallDraft {
    id: Option<Span>,
    tool: Option<Span>,
    arguments: Option<Span>,
}

#[derive(Debug, Clone, Default)]
struct ResultDraft {
    id: Option<Span>,
    tool: Option<Span>,
    text: Texts,
    is_error: Option<bool>,
}

/// Reads the turns of a request. `None` where the dialect has no transcript (embeddings, completions, any other JSON), or
/// the body is not a JSON object in UTF-8 of at most [`DEPTH_MAX`](crate::json::DEPTH_MAX) levels.
pub fn read(dialect: Dialect, body: &[u8]) -> Option<Transcript<'_>> {
    let reader = match dialect {
        Dialect::ChatCompletions => chat::field,
        Dialect::Responses => responses::field,
        Dialect::Messages => messages::field,
        Dialect::Gemini => gemini::field,
        Dialect::CohereChat => cohere::field,
        Dialect::Completions | Dialect::Embeddings | Dialect::Generic => return None,
    };
    let text = std::str::from_utf8(body).ok()?;
    let mut read = Body::default();
    read.run(text, reader).ok()?;
    Some(read.transcript(text))
}

/// Reads only what a request asks for, whatever its dialect. `None` where the body is not a JSON object in UTF-8 of at most
/// [`DEPTH_MAX`](crate::json::DEPTH_MAX) levels.
pub fn read_asked(body: &[u8]) -> Option<Asked> {
    let mut read = Body::default();
    read.run(std::str::from_utf8(body).ok()?, |_, _, _| Ok(false)).ok()?;
    Some(read.asked())
}

impl Transcript<'_> {
    /// The turns, oldest first: the last [`TURNS_MAX`] of them.
    pub fn turns(&self) -> Vec<Turn<'_>> {
        self.turns
            .iter()
            .map(|Draft { origin, text, calls, called: _, results }| Turn {
                origin: origin.unwrap_or(Origin::Other),
                text: self.joined(text),
                calls: calls
                    .iter()
                    .map(|CallDraft { id, tool, arguments }| Call {
                        id: self.named(id.as_ref()),
                        tool: self.named(tool.as_ref()).unwrap_or_default(),
                        arguments: arguments.as_ref().map(|span| self.text(span)).unwrap_or_default(),
                    })
                    .collect(),
                results: results
                    .iter()
                    .map(|ResultDraft { id, tool, text, is_error }| ToolResult {
                        id: self.named(id.as_ref()),
                        tool: self.named(tool.as_ref()),
                        text: self.joined(text),
                        is_error: *is_error,
                    })
                    .collect(),
            })
            .collect()
    }

    /// How many calls of tools the whole request has, those of turns that are not kept too.
    pub fn tool_calls(&self) -> u64 {
        self.calls
    }

    /// The session that the caller names: `prompt_cache_key`, `session_id` or `conversation_id` in `metadata`, OpenAI's
    /// `conversation`, Cohere's `conversation_id`. A user is no session.
    pub fn session(&self) -> Option<&str> {
        self.named(self.session.as_ref())
    }

    /// What the request asks for, as far as it costs.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    fn text(&self, span: &Span) -> &str {
        let source = match span.is {
            Is::Decoded => self.decoded.as_str(),
            Is::Plain | Is::Escaped | Is::Part => self.body,
        };
        source.get(span.range.clone()).unwrap_or_default()
    }

    /// A name; an empty one is none.
    fn named(&self, span: Option<&Span>) -> Option<&str> {
        span.map(|span| self.text(span)).filter(|name| !name.is_empty())
    }

    /// A text that has been settled: one span at most.
    fn joined(&self, texts: &Texts) -> &str {
        texts.first().map(|span| self.text(span)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
