//! Where the texts stand in answers of Cohere's chat, version 1 and 2, whole and streamed.
//!
//! Version 1 repeats the conversation, the answer within it, as `chat_history`: where the answer is redacted, the history
//! is left empty, since earlier turns are the caller's own words.
//!
//! **Source.** <https://docs.cohere.com/reference/chat>, <https://docs.cohere.com/reference/chat-stream> and
//! <https://docs.cohere.com/v1/reference/chat>, read 2026-11-23.

use crate::shape::{EVERY, SKIP, Shape, Slot};

/// An answer, or one event of a stream.
pub(crate) static ANSWER: Shape = Shape::Object {
    fields: &[
        ("type", &Shape::Type),
        ("event_type", &Shape::Type),
        ("index", &Shape::Number(Slot::Part)),
        ("delta", &DELTA),
        // In an error it is a string, the provider's.
        ("message", &Shape::Any(&[&MESSAGE, &SKIP])),
        ("response", &RESPONSE),
        ("text", &Shape::Piece("text")),
        ("tool_call_delta", &CALL),
        ("tool_calls", &Shape::List(Some(Slot::Part), &CALL)),
        ("chat_history", &Shape::Echo("[]")),
        ("id", &SKIP),
        ("response_id", &SKIP),
        ("generation_id", &SKIP),
        ("finish_reason", &SKIP),
        ("usage", &SKIP),
        ("meta", &SKIP),
        ("logprobs", &Shape::Echo("null")),
        ("documents", &SKIP),
        ("search_results", &SKIP),
        ("error", &SKIP),
    ],
    rest: &EVERY,
};

static DELTA: Shape = Shape::Object {
    fields: &[("message", &MESSAGE), ("finish_reason", &Shape::End), ("usage", &SKIP), ("error", &SKIP)],
    rest: &EVERY,
};

static MESSAGE: Shape = Shape::Object {
    fields: &[
        ("role", &SKIP),
        ("content", &Shape::Any(&[&Shape::Piece("text"), &CONTENT, &Shape::List(Some(Slot::Part), &CONTENT)])),
        ("tool_plan", &Shape::Piece("tool_plan")),
        ("tool_calls", &Shape::Any(&[&CALL, &Shape::List(Some(Slot::Part), &CALL)])),
    ],
    rest: &EVERY,
};

static CONTENT: Shape = Shape::Object {
    fields: &[("type", &SKIP), ("text", &Shape::Piece("text")), ("thinking", &Shape::Piece("thinking"))],
    rest: &EVERY,
};

static CALL: Shape = Shape::Object {
    fields: &[
        ("index", &Shape::Number(Slot::Part)),
        ("id", &SKIP),
        ("type", &SKIP),
        ("name", &Shape::Whole("name")),
        ("parameters", &Shape::Piece("arguments")),
        ("function", &FUNCTION),
    ],
    rest: &EVERY,
};

static FUNCTION: Shape = Shape::Object {
    fields: &[("name", &Shape::Whole("name")), ("arguments", &Shape::Piece("arguments"))],
    rest: &EVERY,
};

/// The end of a stream of version 1 repeats all of it.
static RESPONSE: Shape = Shape::Object {
    fields: &[
        ("text", &Shape::Whole("text")),
        ("tool_calls", &Shape::List(Some(Slot::Part), &EVERY)),
        ("chat_history", &Shape::Echo("[]")),
        ("response_id", &SKIP),
        ("generation_id", &SKIP),
        ("finish_reason", &SKIP),
        ("meta", &SKIP),
        ("documents", &SKIP),
        ("search_results", &SKIP),
    ],
    rest: &EVERY,
};
