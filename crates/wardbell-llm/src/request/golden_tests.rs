//! Whole requests and the texts that are found in them: `golden/<name>.json` beside `golden/<name>.segments`.
//!
//! A listing has the paths, roles and texts in the order of the body. `WARDBELL_BLESS=1` writes the listings anew; look at
//! the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::edit;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openai/golden")
}

fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let mut fixtures: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    fixtures.sort();
    assert!(fixtures.len() >= 6, "the golden folder is at {}", folder().display());
    fixtures
}

fn listing(body: &[u8]) -> String {
    let request = read(body, &Limits::default()).unwrap();
    let mut listing =
        format!("model {:?}, stream {}, messages {}\n\n", request.model, request.stream, request.messages);
    let paths = request.paths(&(0..request.segments.len()).collect::<Vec<_>>());
    for (segment, path) in request.segments.iter().zip(paths) {
        assert_eq!(path.starts_with("messages["), segment.message().is_some(), "{path}");
        writeln!(listing, "{path} {:?} {:?}", segment.origin, segment.text).unwrap();
    }
    listing
}

#[test]
fn the_texts_of_whole_requests_are_as_listed() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let bless = std::env::var("WARDBELL_BLESS").is_ok_and(|value| value == "1");
    for (path, body) in fixtures() {
        let beside = path.with_extension("segments");
        let listing = listing(&body);
        if bless {
            std::fs::write(&beside, &listing).unwrap();
        }
        let expect = std::fs::read_to_string(&beside).unwrap_or_default();
        assert!(listing == expect, "{} differs from:\n{listing}", beside.display());
    }
}

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
    for (path, body) in fixtures() {
        // serde_json takes no lone surrogate.
        let Ok(value) = serde_json::from_slice::<Value>(&body) else { continue };
        let request = read(&body, &Limits::default()).unwrap();
        let mut found = Vec::new();
        strings(&value, &mut found);
        for text in found {
            let exempt = text.is_empty()
                || word::is_key(&text)
                || word::is_type(&text)
                || word::role_of(&text) != Origin::Other
                || media::is_media_url(&text);
            let seen = request.segments.iter().any(|segment| segment.text == text);
            assert!(exempt || seen, "{text:?} in {}", path.display());
        }
    }
}

#[test]
fn a_redaction_of_any_segment_changes_only_that_text() {
    for (path, body) in fixtures() {
        let request = read(&body, &Limits::default()).unwrap();
        for (index, segment) in request.segments.iter().enumerate() {
            let made = edit::splice(&body, &[edit::redact(segment, 0..segment.text.len(), "[\"x\"]")]);
            let again = read(&made, &Limits::default()).unwrap();
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
enum Change {
    Set(u8),
    Insert(&'static str),
    Remove(usize),
    Double(usize),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
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

fn apply(body: &mut Vec<u8>, at: prop::sample::Index, change: &Change) {
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
        let mut body = fixtures[fixture.index(fixtures.len())].1.clone();
        for (at, change) in &changes {
            apply(&mut body, *at, change);
        }
        let outcome = read(&body, &Limits::default());
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
