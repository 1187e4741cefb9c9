//! Where the texts stand in answers of Gemini's `generateContent` and `streamGenerateContent`.
//!
//! **Source.** <https://ai.google.dev/api/generate-content>, read 2026-11-23.

use crate::shape::{EVERY, SKIP, Shape, Slot};

/// An answer, one event of a stream, or a stream that came as one JSON list.
pub(crate) static ANSWER: Shape = Shape::Any(&[&RESPONSE, &Shape::List(None, &RESPONSE)]);

static RESPONSE: Shape = Shape::Object {
    fields: &[
        ("candidates", &Shape::List(Some(Slot::Choice), &CANDIDATE)),
        ("promptFeedback", &SKIP),
        ("usageMetadata", &SKIP),
        ("modelVersion", &SKIP),
        ("responseId", &SKIP),
        ("createTime", &SKIP),
        ("error", &SKIP),
    ],
    rest: &EVERY,
};

static CANDIDATE: Shape = Shape::Object {
    fields: &[
        ("index", &Shape::Number(Slot::Choice)),
        ("content", &CONTENT),
        ("finishReason", &Shape::End),
        ("safetyRatings", &SKIP),
        ("logprobsResult", &Shape::Echo("{}")),
    ],
    rest: &EVERY,
};

static CONTENT: Shape =
    Shape::Object { fields: &[("role", &SKIP), ("parts", &Shape::List(None, &PART))], rest: &EVERY };

static PART: Shape = Shape::Object {
    fields: &[
        ("text", &Shape::Piece("text")),
        ("thought", &Shape::Flag("thought")),
        ("thoughtSignature", &SKIP),
        // A picture or a sound.
        ("inlineData", &SKIP),
        ("functionCall", &CALL),
        ("executableCode", &CODE),
    ],
    rest: &EVERY,
};

static CALL: Shape = Shape::Object { fields: &[("id", &SKIP), ("name", &Shape::Whole("name"))], rest: &EVERY };

static CODE: Shape =
    Shape::Object { fields: &[("id", &SKIP), ("language", &SKIP), ("code", &Shape::Whole("code"))], rest: &EVERY };
