//! Answers as providers send them, and what is read in them: `<provider>/golden/answers/…/<name>.json`, `.sse` and
//! `.values` (JSON values one after the other), each with its listing beside it, `….read`.
//!
//! `WARDBELL_BLESS=1` writes the listings anew; look at the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

const FOLDERS: &[(&str, Dialect, usize)] = &[
    ("openai/golden/answers/chat", Dialect::ChatCompletions, 8),
    ("openai/golden/answers/responses", Dialect::Responses, 8),
    ("openai/golden/answers/completions", Dialect::Completions, 8),
    ("openai/golden/answers/embeddings", Dialect::Embeddings, 2),
    ("anthropic/golden/answers", Dialect::Messages, 8),
    ("gemini/golden/answers", Dialect::Gemini, 10),
    ("cohere/golden/answers", Dialect::CohereChat, 10),
];

fn fixtures() -> Vec<(Dialect, PathBuf, Vec<u8>)> {
    let mut fixtures = Vec::new();
    for (folder, dialect, count) in FOLDERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let mut paths: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension != "read"))
            .collect();
        paths.sort();
        assert!(paths.len() >= *count, "{} has {}", folder.display(), paths.len());
        fixtures.extend(paths.into_iter().map(|path| (*dialect, path.clone(), std::fs::read(path).unwrap())));
    }
    fixtures
}

fn is_whole(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

fn listing(dialect: Dialect, path: &Path, bytes: &[u8]) -> String {
    let mut listing = String::new();
    if is_whole(path) {
        let (usage, failed) = (answer::usage(dialect, bytes), answer::is_error(dialect, bytes));
        writeln!(listing, "usage {usage:?}, failed {failed}\n").unwrap();
        for text in answer::texts(dialect, bytes).unwrap() {
            writeln!(listing, "{:?}", text.text).unwrap();
        }
        return listing;
    }
    let mut observer = StreamObserver::new(dialect);
    observer.push(bytes);
    let (usage, done, failed) = (observer.usage(), observer.is_done(), observer.has_failed());
    writeln!(listing, "usage {usage:?}, done {done}, failed {failed}\n").unwrap();
    let (joined, whole) = said(dialect, bytes);
    for (Place { choice, part, field }, text) in joined {
        writeln!(listing, "{choice}.{part}.{field} {text:?}").unwrap();
    }
    for text in whole {
        writeln!(listing, "whole {text:?}").unwrap();
    }
    listing
}

#[test]
fn what_is_read_in_answers_is_as_listed() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let bless = std::env::var("WARDBELL_BLESS").is_ok_and(|value| value == "1");
    for (dialect, path, bytes) in fixtures() {
        let beside = PathBuf::from(format!("{}.read", path.display()));
        let listing = listing(dialect, &path, &bytes);
        if bless {
            std::fs::write(&beside, &listing).unwrap();
        }
        let expect = std::fs::read_to_string(&beside).unwrap_or_default();
        assert!(listing == expect, "{} differs from:\n{listing}", beside.display());
    }
}

#[test]
fn clean_streams_pass_byte_for_byte_wherever_they_are_cut() {
    for (dialect, path, bytes) in fixtures().into_iter().filter(|(_, path, _)| !is_whole(path)) {
        for how in [Guarding::Detect, Guarding::Redact, Guarding::Block] {
            for size in [1, 7, bytes.len()] {
                let pieces: Vec<_> = bytes.chunks(size).collect();
                let (passed, found) = run(StreamGuard::new(dialect, how), &pieces);
                assert!(passed.bytes == bytes && !passed.failed && !passed.blocked, "{} {how:?}", path.display());
                assert!(found.is_empty());
            }
        }
    }
}

/// Finds every word of two letters or more.
fn words(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, character.is_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                if at - from > 1 {
                    found.push(Finding { entity: EntityType::ApiKey, rule: "test.word", span: from..at, score: 1.0 });
                }
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    found
}

#[test]
fn where_every_word_is_cut_no_text_has_one_and_all_else_stays() {
    for (dialect, path, bytes) in fixtures() {
        let made = if is_whole(&path) {
            let texts = answer::texts(dialect, &bytes).unwrap();
            let cut: Vec<_> = texts
                .iter()
                .enumerate()
                .flat_map(|(index, text)| words(&text.text).into_iter().map(move |finding| (index, finding.span)))
                .collect();
            let made = answer::redact(dialect, &bytes, &cut, "#").unwrap();
            let again = answer::texts(dialect, &made).unwrap();
            assert_eq!(again.len(), texts.len(), "{}", path.display());
            assert!(again.iter().all(|text| words(&text.text).is_empty()), "{}", path.display());
            made
        } else {
            let mut guard = StreamGuard::new(dialect, Guarding::Redact).placeholder("#");
            let made = [guard.push(&bytes, &mut words).bytes, guard.finish(&mut words).bytes].concat();
            let (joined, whole) = said(dialect, &made);
            for text in joined.values().chain(&whole) {
                assert!(words(text).is_empty(), "{} {text:?}", path.display());
            }
            made
        };
        // What was said about the call stands as it was.
        let mut observers = [StreamObserver::new(dialect), StreamObserver::new(dialect)];
        for (observer, bytes) in observers.iter_mut().zip([&bytes, &made]) {
            observer.push(bytes);
        }
        let [before, after] = observers.map(|observer| (observer.usage(), observer.is_done(), observer.has_failed()));
        assert_eq!(before, after, "{}", path.display());
    }
}
