//! Whole requests and the texts that are found in them: `golden/<name>.json` beside `golden/<name>.segments`.
//!
//! A listing has the paths, roles and texts in the order of the body. `WARDBELL_BLESS=1` writes the listings anew; look at
//! the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use wardbell_core::origin::Origin;

use super::*;
use crate::edit;
use crate::json::{Event, Scanner};

/// Every dialect and where its whole requests lie.
const FOLDERS: &[(Dialect, &str)] = &[
    (Dialect::ChatCompletions, "src/openai/golden"),
    (Dialect::Responses, "src/openai/golden/responses"),
    (Dialect::Completions, "src/openai/golden/completions"),
    (Dialect::Embeddings, "src/openai/golden/embeddings"),
    (Dialect::Messages, "src/anthropic/golden"),
    (Dialect::Gemini, "src/gemini/golden"),
    (Dialect::CohereChat, "src/cohere/golden"),
    (Dialect::Generic, "src/generic/golden"),
];

pub(crate) fn fixtures() -> Vec<(Dialect, PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for (dialect, folder) in FOLDERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut fixtures: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| (*dialect, path.clone(), std::fs::read(path).unwrap()))
            .collect();
        fixtures.sort_by(|one, other| one.1.cmp(&other.1));
        assert!(fixtures.len() >= 5, "the golden folder is at {}", folder.display());
        all.append(&mut fixtures);
    }
    all
}

fn listing(dialect: Dialect, body: &[u8]) -> String {
    let request = read(dialect, body, &Limits::default()).unwrap();
    let mut listing = match &request.model {
        Some(model) => format!("model {:?}, ", model.name),
        None => String::new(),
    };
    write!(listing, "stream {}, messages {}", request.stream, request.messages).unwrap();
    if let Some(previous) = &request.previous_response {
        write!(listing, ", after {previous:?}").unwrap();
    }
    listing.push_str("\n\n");
    let paths = request.paths(&(0..request.segments.len()).collect::<Vec<_>>());
    for (segment, path) in request.segments.iter().zip(paths) {
        let turn = ["messages", "input", "prompt", "contents", "chat_history", "message"]
            .iter()
            .any(|field| path == *field || path.starts_with(&format!("{field}[")));
        let known = dialect == Dialect::Generic || turn == segment.message().is_some();
        assert!(known, "{path}");
        writeln!(listing, "{path} {:?} {:?}", segment.origin, segment.text).unwrap();
    }
    listing
}

#[test]
fn the_texts_of_whole_requests_are_as_listed() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let bless = std::env::var("WARDBELL_BLESS").is_ok_and(|value| value == "1");
    for (dialect, path, body) in fixtures() {
        let beside = path.with_extension("segments");
        let listing = listing(dialect, &body);
        if bless {
            std::fs::write(&beside, &listing).unwrap();
        }
        let expect = std::fs::read_to_string(&beside).unwrap_or_default();
        assert!(listing == expect, "{} differs from:\n{listing}", beside.display());
    }
}

/// The image that the requests hold without a URL.
const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUg==";

/// Every string of a value, keys included.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                found.push(key.clone());
                strings(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_string_that_another_parser_sees_is_a_segment_or_a_known_word() {
    for (dialect, path, body) in fixtures() {
        // serde_json takes no lone surrogate.
        let Ok(value) = serde_json::from_slice::<Value>(&body) else { continue };
        let request = read(dialect, &body, &Limits::default()).unwrap();
        let mut found = Vec::new();
        strings(&value, &mut found);
        for text in found {
            let grammar = grammar(dialect);
            let exempt = text.is_empty()
                || (grammar.is_key)(&text)
                || (grammar.is_type)(&text)
                || (grammar.role_of)(&text) != Origin::Other
                || media::is_media_url(&text)
                || text == IMAGE;
            let seen = request.segments.iter().any(|segment| segment.text == text);
            assert!(exempt || seen, "{text:?} in {}", path.display());
        }
    }
}

#[test]
fn a_redaction_of_any_segment_changes_only_that_text() {
    for (dialect, path, body) in fixtures() {
        let request = read(dialect, &body, &Limits::default()).unwrap();
        for (index, segment) in request.segments.iter().enumerate() {
            // Without its media type or kind, base64 is a text again.
            if media::is_media_type(&segment.text) || segment.text == "image" {
                continue;
            }
            let made = edit::splice(&body, &[edit::redact(segment, 0..segment.text.len(), "[\"x\"]")]);
            let again = read(dialect, &made, &Limits::default()).unwrap();
            assert_eq!(again.segments.len(), request.segments.len(), "{} {index}", path.display());
            for (other, (before, after)) in request.segments.iter().zip(&again.segments).enumerate() {
                assert_eq!(&after.text, if other == index { "[\"x\"]" } else { &before.text });
            }
            assert_eq!(made.get(..segment.raw.start), body.get(..segment.raw.start));
            assert!(made.ends_with(&body[segment.raw.end..]));
        }
    }
}

/// One change of a body.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set(u8),
    Insert(&'static str),
    Remove(usize),
    Double(usize),
}

pub(crate) fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    const PIECES: &[&str] = &[
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        "1e",
        ".",
        "\n",
        "\u{1}",
        " ",
        "null",
        "é",
        "\u{feff}",
        "\"model\":",
        "\"role\":\"user\",",
        "\"messages\":[],",
        "\"stream\":1,",
    ];
    let change = prop_oneof![
        any::<u8>().prop_map(Change::Set),
        prop::sample::select(PIECES).prop_map(Change::Insert),
        (1usize..20).prop_map(Change::Remove),
        (1usize..200).prop_map(Change::Double),
    ];
    (any::<prop::sample::Index>(), change)
}

pub(crate) fn apply(body: &mut Vec<u8>, at: prop::sample::Index, change: &Change) {
    if body.is_empty() {
        return;
    }
    let at = at.index(body.len());
    match change {
        Change::Set(byte) => body[at] = *byte,
        Change::Insert(piece) => drop(body.splice(at..at, piece.bytes())),
        Change::Remove(length) => drop(body.drain(at..(at + length).min(body.len()))),
        Change::Double(length) => {
            let piece = body[at..(at + length).min(body.len())].to_vec();
            drop(body.splice(at..at, piece));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_changed_request_never_panics_and_is_json_where_serde_json_says_so(
        fixture in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let fixtures = fixtures();
        let (dialect, _, mut body) = fixtures[fixture.index(fixtures.len())].clone();
        for (at, change) in &changes {
            apply(&mut body, *at, change);
        }
        let outcome = read(dialect, &body, &Limits::default());
        if let Ok(request) = &outcome {
            for segment in &request.segments {
                prop_assert_eq!(segment.to_body(0..segment.text.len()), segment.raw.clone());
            }
        }
        let Ok(text) = std::str::from_utf8(&body) else {
            prop_assert!(matches!(outcome, Err(RequestError::NotUtf8 { .. })), "{:?}", outcome);
            return Ok(());
        };
        // Neither looks at what escaped surrogates mean when it only walks.
        let legal = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let mut scanner = Scanner::new(text, json::DEPTH_MAX);
        let ours = loop {
            match scanner.next() {
                Ok(Event::End) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        prop_assert_eq!(ours, legal, "{}", text);
        // What is not JSON is never a request.
        prop_assert!(legal || outcome.is_err());
    }
}
