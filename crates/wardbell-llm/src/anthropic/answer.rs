//! Where the texts stand in answers of Anthropic's messages, whole and streamed.
//!
//! **Source.** <https://docs.anthropic.com/en/api/messages> and <https://docs.anthropic.com/en/docs/build-with-claude/streaming>,
//! read 2026-11-23.

use crate::shape::{EVERY, SKIP, Shape, Slot};

/// An answer, or one event of a stream.
pub(crate) static ANSWER: Shape = Shape::Object {
    fields: &[
        ("type", &Shape::Type),
        ("index", &Shape::Number(Slot::Part)),
        ("content", &Shape::List(Some(Slot::Part), &BLOCK)),
        ("content_block", &BLOCK),
        ("delta", &DELTA),
        ("message", &MESSAGE),
        ("id", &SKIP),
        ("role", &SKIP),
        ("model", &SKIP),
        ("stop_reason", &SKIP),
        ("stop_sequence", &SKIP),
        ("usage", &SKIP),
        ("container", &SKIP),
        ("context_management", &SKIP),
        ("error", &SKIP),
        ("request_id", &SKIP),
    ],
    rest: &EVERY,
};

/// Opens a stream; its content is empty as a rule.
static MESSAGE: Shape = Shape::Object { fields: &[("content", &Shape::List(Some(Slot::Part), &BLOCK))], rest: &SKIP };

static BLOCK: Shape = Shape::Object {
    fields: &[
        ("type", &SKIP),
        ("id", &SKIP),
        ("tool_use_id", &SKIP),
        ("text", &Shape::Piece("text")),
        ("thinking", &Shape::Piece("thinking")),
        ("signature", &SKIP),
        // Encrypted reasoning.
        ("data", &SKIP),
        ("name", &Shape::Whole("name")),
    ],
    rest: &EVERY,
};

static DELTA: Shape = Shape::Object {
    fields: &[
        ("type", &SKIP),
        ("text", &Shape::Piece("text")),
        ("thinking", &Shape::Piece("thinking")),
        ("partial_json", &Shape::Piece("input")),
        ("signature", &SKIP),
        ("stop_reason", &Shape::End),
        ("stop_sequence", &SKIP),
        ("container", &SKIP),
    ],
    rest: &EVERY,
};
