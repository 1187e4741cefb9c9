//! Answers of OpenAI's chat completions: whole ones, and the chunks of a stream.
//!
//! **What it does not do.** An answer that is no JSON object, or nested deeper than [`json::DEPTH_MAX`], is left alone.

use std::ops::Range;

use wardbell_core::usage::Usage;

use crate::edit::{self, Edit};
use crate::json::{self, Event, JsonError, Scanner, StringToken};

#[derive(serde::Deserialize)]
struct WithUsage {
    usage: Option<Reported>,
}

#[derive(serde::Deserialize)]
struct Reported {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// What an answer, or one chunk of a stream, says that the call used.
pub fn usage(body: &[u8]) -> Option<Usage> {
    let WithUsage { usage } = object(body)?;
    usage.map(|Reported { prompt_tokens, completion_tokens }| Usage {
        input_tokens: prompt_tokens,
        output_tokens: completion_tokens,
        ..Usage::default()
    })
}

#[derive(serde::Deserialize)]
struct WithError {
    error: Option<serde::de::IgnoredAny>,
}

/// Whether an answer, or one chunk of a stream, is an object with an `error` that is not null.
pub fn is_error(body: &[u8]) -> bool {
    object(body).is_some_and(|WithError { error }| error.is_some())
}

/// Reads an object. A list would be taken too, field after field.
fn object<'b, T: serde::Deserialize<'b>>(body: &'b [u8]) -> Option<T> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// Gives `model` the name that was asked for, where it is a string of another name, and sets the fields, whose values are
/// raw JSON as the caller vouches: in place of the value where the answer has such a field, in every occurrence, and before
/// the closing brace otherwise. Every other byte stays. `None` if the body is not a JSON object.
pub fn annotate(body: &[u8], model: &str, fields: &[(&str, &str)]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let top = top(text).ok()??;
    let mut edits = Vec::new();
    let mut added = String::new();
    for Field { name, value, string } in &top.fields {
        if name == "model" && *string {
            let between = value.start + 1..value.end - 1;
            let named = StringToken { raw: between.clone(), escaped: true };
            if json::decode(text, &named) != model {
                edits.push(edit::replace(between, model));
            }
        }
    }
    for (name, value) in fields {
        let before = edits.len();
        let same = top.fields.iter().filter(|field| field.name == *name);
        edits.extend(same.map(|field| Edit { range: field.value.clone(), with: (*value).to_owned() }));
        if edits.len() == before {
            let comma = if top.fields.is_empty() && added.is_empty() { "" } else { "," };
            added += &[comma, "\"", &json::escape(name), "\":", value].concat();
        }
    }
    edits.push(Edit { range: top.end..top.end, with: added });
    Some(edit::splice(body, &edits))
}

/// The fields of the outermost object.
struct Top {
    fields: Vec<Field>,
    /// Where its closing brace stands.
    end: usize,
}

struct Field {
    name: String,
    /// The value with its quotes.
    value: Range<usize>,
    string: bool,
}

fn top(text: &str) -> Result<Option<Top>, JsonError> {
    let mut scanner = Scanner::new(text, json::DEPTH_MAX);
    if scanner.next()? != Event::ObjectStart {
        return Ok(None);
    }
    let mut fields = Vec::new();
    let end = loop {
        let name = match scanner.next()? {
            Event::Key(token) => json::decode(text, &token).into_owned(),
            Event::ObjectEnd(at) => break at,
            _ => return Ok(None),
        };
        let before = scanner.position();
        let (start, string) = match scanner.next()? {
            Event::String(token) => (token.raw.start - 1, true),
            Event::Number(place) => (place.start, false),
            Event::ObjectStart | Event::ArrayStart => {
                let start = scanner.position() - 1;
                while scanner.depth() > 1 {
                    scanner.next()?;
                }
                (start, false)
            }
            Event::Bool(_) | Event::Null => {
                let spaces = text.get(before..).unwrap_or_default();
                (before + (spaces.len() - spaces.trim_start().len()), false)
            }
            Event::Key(_) | Event::ObjectEnd(_) | Event::ArrayEnd | Event::End => return Ok(None),
        };
        fields.push(Field { name, value: start..scanner.position(), string });
    };
    scanner.next()?;
    Ok(Some(Top { fields, end }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(body: &str, expect: Option<&str>) {
        let made = annotate(body.as_bytes(), "gpt-4o", &[("x_request_id", "\"req_1\""), ("meta", "{\"a\":1}")]);
        assert_eq!(made.map(|bytes| String::from_utf8(bytes).unwrap()).as_deref(), expect, "{body}");
    }

    #[test]
    fn fields_are_added_and_every_other_byte_stays() {
        check("{}", Some(r#"{"x_request_id":"req_1","meta":{"a":1}}"#));
        check(" { } \n", Some(" { \"x_request_id\":\"req_1\",\"meta\":{\"a\":1}} \n"));
        check(
            "{\"id\":\"c\",\n \"n\":1E+2, \"o\":{\"model\":\"inner\"}}\n",
            Some(
                "{\"id\":\"c\",\n \"n\":1E+2, \"o\":{\"model\":\"inner\"},\"x_request_id\":\"req_1\",\"meta\":{\"a\":1}}\n",
            ),
        );
    }

    #[test]
    fn the_model_gets_the_name_that_was_asked_for() {
        check(
            r#"{"model":"gpt-4o-2024-08-06","b":[]}"#,
            Some(r#"{"model":"gpt-4o","b":[],"x_request_id":"req_1","meta":{"a":1}}"#),
        );
        check(
            r#"{"model":"gpt\u002d4o","b":[]}"#,
            Some(r#"{"model":"gpt\u002d4o","b":[],"x_request_id":"req_1","meta":{"a":1}}"#),
        );
        check(
            r#"{"model":"a","m\u006fdel":"b"}"#,
            Some(r#"{"model":"gpt-4o","m\u006fdel":"gpt-4o","x_request_id":"req_1","meta":{"a":1}}"#),
        );
        check(r#"{"model":null}"#, Some(r#"{"model":null,"x_request_id":"req_1","meta":{"a":1}}"#));
    }

    #[test]
    fn a_field_that_is_there_is_replaced() {
        check(r#"{"meta": true ,"x_request_id": [1]}"#, Some(r#"{"meta": {"a":1} ,"x_request_id": "req_1"}"#));
        check(
            r#"{"meta":1,"meta":{"x":[]},"x_request_id":-0.0}"#,
            Some(r#"{"meta":{"a":1},"meta":{"a":1},"x_request_id":"req_1"}"#),
        );
    }

    #[test]
    fn what_is_not_an_object_is_left_alone() {
        for body in ["[]", "1", "", "not json", "{", "{}x", "\u{feff}{}"] {
            check(body, None);
        }
    }

    #[test]
    fn usage_is_read_where_it_is_told() {
        let told = usage(br#"{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#);
        assert_eq!(told, Some(Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() }));
        assert_eq!(usage(br#"{"usage":null}"#), None);
        assert_eq!(usage(br#"{"usage":{"prompt_tokens":-1}}"#), None);
        assert_eq!(usage(b"junk"), None);
    }

    #[test]
    fn an_error_is_a_field_that_is_not_null() {
        for (body, expect) in [
            (r#"{"error":{"message":"overloaded","type":"server_error"}}"#, true),
            (r#"{"error":"overloaded"}"#, true),
            (r#"{"error":null,"choices":[]}"#, false),
            (r#"{"choices":[{"delta":{"error":1}}]}"#, false),
            ("[1]", false),
            ("junk", false),
        ] {
            assert_eq!(is_error(body.as_bytes()), expect, "{body}");
        }
    }

    #[test]
    fn a_deep_answer_is_left_alone() {
        let deep = format!("{{\"a\":{}}}", "[".repeat(1_000_000));
        assert_eq!(annotate(deep.as_bytes(), "m", &[]), None);
        assert_eq!(usage(deep.as_bytes()), None);
        assert!(!is_error(deep.as_bytes()));
    }

    proptest! {
        #[test]
        fn an_annotated_answer_is_json_with_the_fields(
            keys in prop::collection::vec("[a-c]|model|meta", 0..5),
            space in "[ \n\t]{0,2}",
        ) {
            let fields: Vec<_> = keys.iter().map(|key| format!("{space}\"{key}\"{space}:{space}\"v\"{space}")).collect();
            let body = format!("{space}{{{space}{}}}{space}", fields.join(","));
            let made = annotate(body.as_bytes(), "m\"", &[("meta", "{\"n\":1}"), ("x", "[]")]).unwrap();
            let read: serde_json::Value = serde_json::from_slice(&made).unwrap();
            prop_assert_eq!(&read["meta"], &serde_json::json!({"n": 1}));
            prop_assert_eq!(&read["x"], &serde_json::json!([]));
            prop_assert_eq!(read.get("model").is_some(), keys.iter().any(|key| key == "model"));
            prop_assert!(read.get("model").is_none_or(|model| model == "m\""));
        }
    }
}
