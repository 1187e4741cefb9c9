//! Where the texts stand in answers of chat completions and of the older completions, whole and streamed.
//!
//! **Source.** OpenAI's API reference (<https://platform.openai.com/docs/api-reference/chat>, read 2026-11-23). Beside its
//! own fields, those of providers that speak the same API: `reasoning_content` (DeepSeek, xAI), `reasoning` (Groq, vLLM),
//! `reasoning_details` (OpenRouter), contents in parts (Mistral).

use crate::shape::{EVERY, SKIP, Shape, Slot};

/// An answer, or one event of a stream.
pub(crate) static ANSWER: Shape = Shape::Object {
    fields: &[
        ("choices", &Shape::List(Some(Slot::Choice), &CHOICE)),
        ("id", &SKIP),
        ("object", &SKIP),
        ("created", &SKIP),
        ("model", &SKIP),
        ("system_fingerprint", &SKIP),
        ("service_tier", &SKIP),
        ("obfuscation", &SKIP),
        ("provider", &SKIP),
        ("prompt_filter_results", &SKIP),
        ("usage", &SKIP),
        ("x_groq", &SKIP),
        ("error", &SKIP),
    ],
    rest: &EVERY,
};

static CHOICE: Shape = Shape::Object {
    fields: &[
        ("index", &Shape::Number(Slot::Choice)),
        ("delta", &DELTA),
        ("message", &MESSAGE),
        ("text", &Shape::Piece("text")),
        ("logprobs", &Shape::Echo("null")),
        ("finish_reason", &Shape::End),
        ("native_finish_reason", &SKIP),
        ("stop_reason", &SKIP),
        ("content_filter_results", &SKIP),
    ],
    rest: &EVERY,
};

/// A message with each text of this kind: pieces in a stream. Some providers repeat the whole message beside the piece.
macro_rules! message {
    ($kind:ident) => {
        Shape::Object {
            fields: &[
                ("role", &SKIP),
                ("content", &Shape::Any(&[&Shape::$kind("content"), &Shape::List(None, &message!(part $kind))])),
                ("reasoning_content", &Shape::$kind("reasoning_content")),
                ("reasoning", &Shape::$kind("reasoning")),
                ("reasoning_details", &Shape::List(None, &message!(detail $kind))),
                ("refusal", &Shape::$kind("refusal")),
                ("tool_calls", &Shape::List(Some(Slot::Part), &message!(call $kind))),
                ("function_call", &message!(function $kind)),
                ("audio", &message!(audio $kind)),
                ("images", &SKIP),
            ],
            rest: &EVERY,
        }
    };
    (part $kind:ident) => {
        Shape::Object {
            fields: &[
                ("type", &SKIP),
                ("text", &Shape::$kind("content")),
                ("refusal", &Shape::$kind("refusal")),
                (
                    "thinking",
                    &Shape::Any(&[
                        &Shape::$kind("thinking"),
                        &Shape::List(
                            None,
                            &Shape::Object {
                                fields: &[("type", &SKIP), ("text", &Shape::$kind("thinking"))],
                                rest: &EVERY,
                            },
                        ),
                    ]),
                ),
            ],
            rest: &EVERY,
        }
    };
    (detail $kind:ident) => {
        Shape::Object {
            fields: &[
                ("type", &SKIP),
                ("id", &SKIP),
                ("format", &SKIP),
                ("signature", &SKIP),
                ("data", &SKIP),
                ("index", &Shape::Number(Slot::Part)),
                ("text", &Shape::$kind("reasoning_details")),
                ("summary", &Shape::$kind("reasoning_details")),
            ],
            rest: &EVERY,
        }
    };
    (call $kind:ident) => {
        Shape::Object {
            fields: &[
                ("index", &Shape::Number(Slot::Part)),
                ("id", &SKIP),
                ("type", &SKIP),
                ("function", &message!(function $kind)),
                ("custom", &message!(function $kind)),
            ],
            rest: &EVERY,
        }
    };
    (function $kind:ident) => {
        Shape::Object {
            fields: &[
                ("name", &Shape::Whole("name")),
                ("arguments", &Shape::$kind("arguments")),
                ("input", &Shape::$kind("input")),
            ],
            rest: &EVERY,
        }
    };
    (audio $kind:ident) => {
        Shape::Object {
            fields: &[("id", &SKIP), ("data", &SKIP), ("transcript", &Shape::$kind("transcript"))],
            rest: &EVERY,
        }
    };
}

static DELTA: Shape = message!(Piece);
static MESSAGE: Shape = message!(Whole);
