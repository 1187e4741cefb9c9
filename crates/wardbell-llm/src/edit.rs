//! Splicing: new text over spans of a body, every other byte as it was.

use std::ops::Range;

use crate::json;
use crate::segment::Segment;

/// New bytes for a span of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub range: Range<usize>,
    /// What comes in their place.
    pub with: String,
}

/// An edit that puts `text` over a span within a JSON string; it is escaped as the string needs.
pub fn replace(range: Range<usize>, text: &str) -> Edit {
    Edit { range, with: json::escape(text) }
}

/// An edit that puts `placeholder` over a span of a segment's text, in bytes of UTF-8. It covers whole characters and whole
/// escapes, see [`Segment::to_body`].
pub fn redact(segment: &Segment<'_>, span: Range<usize>, placeholder: &str) -> Edit {
    replace(segment.to_body(span), placeholder)
}

/// Makes the body with every edit applied, in whatever order they come. Overlapping edits become one: the first one's text
/// over both spans. A span past the end is cut to the body; an inverted one only puts its text where it starts.
pub fn splice(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let added: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut spliced = Vec::with_capacity(body.len() + added);
    let mut done = 0;
    let mut last_end = None;
    for edit in sorted {
        let start = edit.range.start.min(body.len());
        let end = edit.range.end.min(body.len()).max(start);
        if last_end.is_some_and(|last| start < last) {
            done = done.max(end);
            last_end = Some(done);
            continue;
        }
        spliced.extend_from_slice(body.get(done..start).unwrap_or_default());
        spliced.extend_from_slice(edit.with.as_bytes());
        done = done.max(end);
        last_end = Some(done);
    }
    spliced.extend_from_slice(body.get(done..).unwrap_or_default());
    spliced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::request::{Limits, read};
    use proptest::prelude::*;

    #[track_caller]
    fn check(body: &str, edits: &[(Range<usize>, &str)], expect: &str) {
        let edits: Vec<_> = edits.iter().map(|(range, with)| replace(range.clone(), with)).collect();
        assert_eq!(String::from_utf8(splice(body.as_bytes(), &edits)).unwrap(), expect);
    }

    #[test]
    fn only_the_spans_change() {
        check("0123456789", &[], "0123456789");
        check("0123456789", &[(2..4, "AB"), (8..10, "")], "01AB4567");
        check("0123456789", &[(8..10, "Z"), (0..1, "Y")], "Y1234567Z");
        check("0123456789", &[(3..3, "+")], "012+3456789");
        check("0123456789", &[(2..4, "A"), (4..6, "B")], "01AB6789");
    }

    #[test]
    fn overlapping_edits_become_one() {
        check("0123456789", &[(2..6, "A"), (4..8, "B")], "01A89");
        check("0123456789", &[(2..8, "A"), (3..4, "B")], "01A89");
        check("0123456789", &[(8..99, "A")], "01234567A");
        check("0123456789", &[(5..7, "A"), (5..7, "B"), (6..6, "C")], "01234A789");
    }

    #[test]
    fn an_inverted_span_takes_nothing() {
        check("0123456789", &[(Range { start: 5, end: 3 }, "+")], "01234+56789");
        check("0123456789", &[(1..2, "A"), (Range { start: 99, end: 3 }, "+")], "0A23456789+");
    }

    #[test]
    fn a_redaction_leaves_json_that_reads_as_meant() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"call \ud83d\ude00 \u0034111\n now"}]}"#;
        let request = read(Dialect::ChatCompletions, body.as_bytes(), &Limits::default()).unwrap();
        let segment = request.segments.iter().find(|segment| segment.message().is_some()).unwrap();
        let at = segment.text.find("4111").unwrap();
        let edit = redact(segment, at..at + 4, "[\"CARD\"]");
        let made = String::from_utf8(splice(body.as_bytes(), &[edit])).unwrap();
        assert_eq!(made, body.replace(r"\u0034111", r#"[\"CARD\"]"#));
    }

    #[test]
    fn new_text_is_escaped_for_its_string() {
        check("\"x\"", &[(1..2, "a\"b\\c\n")], "\"a\\\"b\\\\c\\n\"");
    }

    proptest! {
        #[test]
        fn no_byte_outside_a_span_changes(
            body in prop::collection::vec(any::<u8>(), 0..64),
            spans in prop::collection::vec((0usize..64, 0usize..8), 0..6),
        ) {
            let edits: Vec<_> = spans
                .iter()
                .map(|(start, length)| Edit { range: *start.min(&body.len())..(start + length).min(body.len()), with: String::new() })
                .collect();
            let kept: Vec<u8> = body
                .iter()
                .enumerate()
                .filter(|(at, _)| !edits.iter().any(|edit| edit.range.contains(at)))
                .map(|(_, byte)| *byte)
                .collect();
            prop_assert_eq!(splice(&body, &edits), kept);
        }
    }
}
