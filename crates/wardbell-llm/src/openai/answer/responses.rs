//! Where the texts stand in answers of OpenAI's responses, whole and streamed.
//!
//! A stream tells each text in pieces, and then as a whole up to four times: when the text is done, its part, its item and
//! the response. Each repetition has the place of its pieces.
//!
//! **Source.** <https://platform.openai.com/docs/api-reference/responses-streaming>, read 2026-11-23.

use crate::shape::{EVERY, Found, SKIP, Shape, Slot};

/// An answer, or one event of a stream.
pub(crate) static ANSWER: Shape = Shape::Object {
    fields: &[
        ("type", &Shape::Type),
        ("output_index", &Shape::Number(Slot::Choice)),
        ("content_index", &Shape::Number(Slot::Part)),
        ("summary_index", &Shape::Number(Slot::Part)),
        ("delta", &Shape::Piece("delta")),
        // In an answer it is the form that was asked for.
        ("text", &Shape::Any(&[&Shape::Whole("content"), &Shape::Object { fields: &[], rest: &SKIP }])),
        ("refusal", &Shape::Whole("refusal")),
        ("arguments", &Shape::Whole("arguments")),
        ("input", &Shape::Whole("input")),
        ("code", &Shape::Whole("code")),
        ("transcript", &Shape::Whole("transcript")),
        ("part", &PART),
        ("item", &ITEM),
        ("response", &RESPONSE),
        ("output", &OUTPUT),
        ("logprobs", &Shape::Echo("[]")),
        ("item_id", &SKIP),
        ("sequence_number", &SKIP),
        ("event_id", &SKIP),
        ("response_id", &SKIP),
        ("obfuscation", &SKIP),
        ("partial_image_b64", &SKIP),
        ("message", &SKIP),
        ("param", &SKIP),
        ("status", &SKIP),
        ("id", &SKIP),
        ("object", &SKIP),
        ("error", &SKIP),
        ("incomplete_details", &SKIP),
        ("instructions", &SKIP),
        ("model", &SKIP),
        ("previous_response_id", &SKIP),
        ("prompt", &SKIP),
        ("prompt_cache_key", &SKIP),
        ("prompt_cache_retention", &SKIP),
        ("reasoning", &SKIP),
        ("safety_identifier", &SKIP),
        ("service_tier", &SKIP),
        ("tool_choice", &SKIP),
        ("tools", &SKIP),
        ("truncation", &SKIP),
        ("usage", &SKIP),
        ("user", &SKIP),
        ("metadata", &SKIP),
        ("conversation", &SKIP),
        ("billing", &SKIP),
    ],
    rest: &EVERY,
};

/// In an event: what the caller said is repeated there too, and is not the model's.
static RESPONSE: Shape = Shape::Object { fields: &[("output", &OUTPUT)], rest: &SKIP };

static OUTPUT: Shape = Shape::List(Some(Slot::Choice), &ITEM);

static ITEM: Shape = Shape::Object {
    fields: &[
        ("id", &SKIP),
        ("type", &SKIP),
        ("status", &SKIP),
        ("role", &SKIP),
        ("phase", &SKIP),
        ("call_id", &SKIP),
        ("container_id", &SKIP),
        ("encrypted_content", &SKIP),
        ("content", &Shape::List(Some(Slot::Part), &PART)),
        ("summary", &Shape::List(Some(Slot::Part), &SUMMARY)),
        ("arguments", &Shape::Whole("arguments")),
        ("input", &Shape::Whole("input")),
        ("code", &Shape::Whole("code")),
        ("name", &Shape::Whole("name")),
        // A picture.
        ("result", &SKIP),
    ],
    rest: &EVERY,
};

static PART: Shape = Shape::Object {
    fields: &[
        ("type", &SKIP),
        ("text", &Shape::Whole("content")),
        ("refusal", &Shape::Whole("refusal")),
        ("transcript", &Shape::Whole("transcript")),
        ("logprobs", &Shape::Echo("[]")),
    ],
    rest: &EVERY,
};

static SUMMARY: Shape = Shape::Object { fields: &[("type", &SKIP), ("text", &Shape::Whole("summary"))], rest: &EVERY };

/// Gives each text the field that the event's kind says, so that the pieces, which are all called `delta`, and their
/// repetitions have one place.
pub(crate) fn name(found: &mut Found, kind: &str) {
    if kind == "error" {
        // Its `code` is the error's.
        found.texts.clear();
        return;
    }
    let stem = kind.rsplit_once('.').map_or(kind, |(stem, _)| stem);
    let stem = stem.strip_prefix("response.").unwrap_or(stem);
    let field = match stem {
        "output_text" | "reasoning_text" => "content",
        "refusal" => "refusal",
        "reasoning_summary_text" | "reasoning_summary_part" => "summary",
        "function_call_arguments" | "mcp_call_arguments" => "arguments",
        "custom_tool_call_input" => "input",
        "code_interpreter_call_code" => "code",
        "audio_transcript" | "audio.transcript" | "output_audio_transcript" => "transcript",
        // Sound.
        "audio" | "output_audio" => {
            found.texts.retain(|text| text.place.field != "delta");
            return;
        }
        _ => return,
    };
    for text in &mut found.texts {
        if matches!(text.place.field, "delta") || field == "summary" && text.place.field == "content" {
            text.place.field = field;
        }
    }
}
