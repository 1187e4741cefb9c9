//! Requests, answers and edits.

use std::ops::Range;

use wardbell_llm::answer;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::edit::{self, Edit};
use wardbell_llm::json::{DEPTH_MAX, Event, Scanner};
use wardbell_llm::request::{Limits, read};
use wardbell_llm::segment::Segment;

use crate::{HEAD_BYTES, dialect};

/// What a redaction puts in: it has all that JSON gives a meaning to.
const PLACEHOLDER: &str = "[\"x\\\"]";

pub(crate) fn request(dialect: Dialect, data: &[u8]) {
    let Ok(request) = read(dialect, data, &Limits::default()) else { return };
    for segment in &request.segments {
        maps_back(segment);
    }
    let numbers: Vec<_> = (0..request.segments.len()).collect();
    assert_eq!(request.paths(&numbers).len(), numbers.len());
    // Some segment, another for each length.
    let Some(segment) = request.segments.get(data.len() % request.segments.len().max(1)) else { return };
    let half = 0..segment.text.len().div_ceil(2);
    for span in [0..segment.text.len(), half] {
        let place = segment.to_body(span.clone());
        let made = edit::splice(data, &[edit::redact(segment, span, PLACEHOLDER)]);
        assert_eq!(made.get(..place.start), data.get(..place.start));
        assert!(made.ends_with(data.get(place.end..).unwrap_or_default()));
        assert!(is_json(&made), "a redaction broke the body");
    }
}

pub(crate) fn answer_texts(data: &[u8]) {
    let Some((head, body)) = data.split_first() else { return };
    let dialect = dialect(*head);
    let _ = (answer::usage(dialect, body), answer::is_error(dialect, body));
    let Some(texts) = answer::texts(dialect, body) else { return };
    for text in &texts {
        maps_back(text);
    }
    assert_eq!(answer::redact(dialect, body, &[], PLACEHOLDER).as_deref(), Some(body));
    let all: Vec<_> = texts.iter().enumerate().map(|(index, text)| (index, 0..text.text.len())).collect();
    let made = answer::redact(dialect, body, &all, PLACEHOLDER).unwrap_or_default();
    assert!(is_json(&made), "a redaction broke the answer");
    let left = answer::texts(dialect, &made).unwrap_or_default();
    assert!(left.iter().all(|text| text.text == PLACEHOLDER), "a text was not cut out");
}

pub(crate) fn body_edit(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<HEAD_BYTES>() else { return };
    // Two bytes say where a span starts and how long it is; the longest stands for one that is inverted.
    let mut edits = Vec::new();
    for shape in head.chunks_exact(2) {
        let [start, length] = [0, 1].map(|at| shape.get(at).copied().map_or(0, usize::from));
        let end = if length == usize::from(u8::MAX) { start / 2 } else { start + length };
        edits.push(Edit { range: start..end, with: "é".repeat(length % 3) });
    }
    assert_eq!(edit::splice(rest, &edits), spliced(rest, &edits));
    assert_eq!(edit::splice(rest, &[]), rest);
}

/// What a splice is, byte by byte: a byte stays if no span covers it; a text stands where its span starts, unless that is
/// within an earlier one.
fn spliced(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let clip = |edit: &Edit| {
        let start = edit.range.start.min(body.len());
        start..edit.range.end.min(body.len()).max(start)
    };
    let mut sorted: Vec<_> = edits.iter().map(|edit| (clip(edit), edit)).collect();
    sorted.sort_by_key(|(_, edit)| (edit.range.start, edit.range.end));
    let mut kept: Vec<&(Range<usize>, &Edit)> = Vec::new();
    let mut end = 0;
    for edit in &sorted {
        if edit.0.start >= end {
            kept.push(edit);
        }
        end = end.max(edit.0.end);
    }
    let mut made = Vec::new();
    for at in 0..=body.len() {
        for (_, edit) in kept.iter().filter(|(range, _)| range.start == at) {
            made.extend_from_slice(edit.with.as_bytes());
        }
        let is_covered = sorted.iter().any(|(range, _)| range.contains(&at));
        made.extend(body.get(at).filter(|_| !is_covered));
    }
    made
}

fn maps_back(segment: &Segment<'_>) {
    let length = segment.text.len();
    assert!(length > 0);
    assert_eq!(segment.to_body(0..length), segment.raw);
    let middle = segment.text.floor_char_boundary(length / 2);
    let (before, after) = (segment.to_body(0..middle), segment.to_body(middle..length));
    assert_eq!((before.start, before.end, after.end), (segment.raw.start, after.start, segment.raw.end));
}

/// Whether it is JSON, nested as deep as a body may be.
fn is_json(body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let mut scanner = Scanner::new(text, DEPTH_MAX);
    loop {
        match scanner.next() {
            Ok(Event::End) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}
