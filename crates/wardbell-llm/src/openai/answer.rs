//! Answers of OpenAI's chat completions that are not streams.

use std::ops::Range;

use wardbell_core::usage::Usage;

use crate::edit::{self, Edit};
use crate::json::{self, Event, JsonError, Scanner};

/// The deepest nesting of an answer that is looked into.
const DEPTH_MAX: usize = 128;

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
    let WithUsage { usage } = serde_json::from_slice(body).ok()?;
    usage.map(|Reported { prompt_tokens, completion_tokens }| Usage {
        input_tokens: prompt_tokens,
        output_tokens: completion_tokens,
    })
}

/// Gives `model` the name that was asked for, and sets the fields, whose values are raw JSON. Every other byte stays.
/// `None` if the body is not a JSON object.
pub fn annotate(body: &[u8], model: &str, fields: &[(&str, &str)]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let top = top(text).ok()??;
    let mut edits = Vec::new();
    let mut added = String::new();
    for Field { name, value, string } in &top.fields {
        if name == "model" && *string {
            let between = value.start + 1..value.end - 1;
            let wanted = edit::replace(between.clone(), model);
            if text.get(between) != Some(&wanted.with) {
                edits.push(wanted);
            }
        }
    }
    for (name, value) in fields {
        if let Some(field) = top.fields.iter().rev().find(|field| field.name == *name) {
            edits.push(Edit { range: field.value.clone(), with: (*value).to_owned() });
        } else {
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
    let mut scanner = Scanner::new(text, DEPTH_MAX);
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
        check(r#"{"model":null}"#, Some(r#"{"model":null,"x_request_id":"req_1","meta":{"a":1}}"#));
    }

    #[test]
    fn a_field_that_is_there_is_replaced() {
        check(r#"{"meta": true ,"x_request_id": [1]}"#, Some(r#"{"meta": {"a":1} ,"x_request_id": "req_1"}"#));
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
        assert_eq!(told, Some(Usage { input_tokens: 3, output_tokens: 4 }));
        assert_eq!(usage(br#"{"usage":null}"#), None);
        assert_eq!(usage(br#"{"usage":{"prompt_tokens":-1}}"#), None);
        assert_eq!(usage(b"junk"), None);
    }
}
