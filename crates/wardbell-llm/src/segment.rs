//! A piece of text in a request: what it says, who says it, and which bytes of the body spell it.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{self, Piece, StringToken};

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The application: `system` and `developer` messages.
    System,
    /// The user.
    User,
    /// The model, in an earlier turn.
    Assistant,
    /// A tool's result.
    Tool,
    /// The definition of a tool.
    ToolDefinition,
    /// Anything else in the body.
    Other,
}

/// A piece of text in a request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who says it.
    pub role: Role,
    /// Which message it belongs to, counted from 0; `None` outside messages.
    pub message: Option<usize>,
    /// What it says, escapes decoded.
    pub text: Cow<'a, str>,
    /// The bytes of the body between its quotes.
    pub raw: Range<usize>,
    /// Where each escape stands. Empty without one.
    escapes: Vec<Escape>,
}

/// An escape: where it stands in the text and in the body, counted from the start of the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escape {
    text: usize,
    text_bytes: usize,
    raw: usize,
    raw_bytes: usize,
}

impl<'a> Segment<'a> {
    /// Makes a segment of a string of `body`.
    pub fn new(body: &'a str, token: &StringToken, role: Role, message: Option<usize>) -> Self {
        let text = json::decode(body, token);
        let escapes = if token.escaped { escapes(body.get(token.raw.clone()).unwrap_or_default()) } else { Vec::new() };
        Self { role, message, text, raw: token.raw.clone(), escapes }
    }

    /// The bytes of the body that spell `span` of the text. A span that touches an escape covers the whole escape, so
    /// that a splice leaves no half of one. A span past the end is cut to the segment.
    pub fn to_body(&self, span: Range<usize>) -> Range<usize> {
        let start = self.place(span.start, Edge::Start);
        let end = if span.is_empty() { start } else { self.place(span.end, Edge::End) };
        let last = self.raw.end;
        (self.raw.start + start).min(last)..(self.raw.start + end.max(start)).min(last)
    }

    /// Where an offset into the text stands among the raw bytes.
    fn place(&self, offset: usize, edge: Edge) -> usize {
        let next = self.escapes.partition_point(|escape| escape.text + escape.text_bytes <= offset);
        if let Some(escape) = self.escapes.get(next).filter(|escape| escape.text < offset) {
            // It falls within an escape: take all of it.
            return match edge {
                Edge::Start => escape.raw,
                Edge::End => escape.raw + escape.raw_bytes,
            };
        }
        match next.checked_sub(1).and_then(|before| self.escapes.get(before)) {
            Some(before) => before.raw + before.raw_bytes + (offset - before.text - before.text_bytes),
            None => offset,
        }
    }
}

#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

fn escapes(mut rest: &str) -> Vec<Escape> {
    let (mut text, mut raw) = (0, 0);
    let mut escapes = Vec::new();
    while let Some((piece, after)) = json::piece(rest) {
        match piece {
            Piece::Plain(plain) => {
                text += plain.len();
                raw += plain.len();
            }
            Piece::Escape(character, raw_bytes) => {
                let text_bytes = character.len_utf8();
                escapes.push(Escape { text, text_bytes, raw, raw_bytes });
                text += text_bytes;
                raw += raw_bytes;
            }
        }
        rest = after;
    }
    escapes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(raw: &str) -> Segment<'_> {
        let token = StringToken { raw: 0..raw.len(), escaped: raw.contains('\\') };
        Segment::new(raw, &token, Role::User, None)
    }

    #[track_caller]
    fn check(raw: &str, find: &str, expect: &str) {
        let segment = segment(raw);
        let at = segment.text.find(find).unwrap();
        assert_eq!(raw.get(segment.to_body(at..at + find.len())).unwrap(), expect);
    }

    #[test]
    fn a_span_of_the_text_is_the_bytes_that_spell_it() {
        check("plain 4111 text", "4111", "4111");
        check(r"\n\n4111\t", "4111", "4111");
        check(r"a\u00344111\u0035b", "441115", r"\u00344111\u0035");
        check(r"x\ud83d\ude00y4", "😀y", r"\ud83d\ude00y");
        check("é4111é", "4111", "4111");
    }

    #[test]
    fn a_span_that_cuts_an_escape_takes_all_of_it() {
        let emoji = segment(r"a\ud83d\ude00b");
        assert_eq!(emoji.to_body(2..3), 1..13);
        assert_eq!(emoji.to_body(0..2), 0..13);
    }

    proptest! {
        #[test]
        fn the_bytes_of_a_span_decode_to_the_span(
            characters in prop::collection::vec((any::<char>(), any::<bool>()), 0..24),
            cut in (0usize..25, 0usize..25),
        ) {
            let mut raw = String::new();
            for (character, escape) in &characters {
                if *escape {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        raw.push_str(&format!("\\u{unit:04X}"));
                    }
                } else {
                    raw.push_str(&json::escape(&character.to_string()));
                }
            }
            let segment = segment(&raw);
            let (a, b) = (cut.0.min(cut.1).min(characters.len()), cut.0.max(cut.1).min(characters.len()));
            let offset = |n: usize| characters[..n].iter().map(|(c, _)| c.len_utf8()).sum::<usize>();
            let span = offset(a)..offset(b);
            let bytes = raw.get(segment.to_body(span.clone())).unwrap();
            let token = StringToken { raw: 0..bytes.len(), escaped: true };
            prop_assert_eq!(json::decode(bytes, &token), segment.text.get(span).unwrap());
        }
    }
}
