//! A piece of text in a request: what it says, who says it, and which bytes of the body spell it.
//!
//! **Theory of operation.** Text without an escape is borrowed and maps to the body by addition. Text with escapes keeps
//! waypoints: a pair of offsets every `WAYPOINT_BYTES` or so. Every escape is longer than what it stands for, so two
//! waypoints that are equally far apart in both have no escape between them; elsewhere the few bytes from the waypoint to
//! the offset are walked.
//!
//! **Bounds.** The map costs 1/8 of the body at most, however many escapes there are. [`Segment::to_body`] takes time
//! logarithmic in the segment, so thousands of findings in one long text are no trouble.

use std::borrow::Cow;
use std::ops::Range;

use wardbell_core::origin::Origin;

use crate::json::{self, Piece, StringToken};

pub mod path;

/// How far apart waypoints stand, in bytes of the body. Source: our choice; nearer costs memory, farther costs a longer walk.
const WAYPOINT_BYTES: usize = 256;

/// A piece of text in a request body; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who says it.
    pub origin: Origin,
    /// What it says, escapes decoded.
    pub text: Cow<'a, str>,
    /// The bytes of the body between its quotes.
    pub raw: Range<usize>,
    /// Those bytes.
    spelled: &'a str,
    message: Option<usize>,
    /// Empty without an escape; otherwise the last one stands at the end.
    waypoints: Box<[Waypoint]>,
}

/// Two offsets from the start of the segment that are the same place. It is never within an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Waypoint {
    text: usize,
    raw: usize,
}

impl<'a> Segment<'a> {
    /// Makes a segment of a string of `body`.
    pub(crate) fn new(body: &'a str, token: &StringToken, origin: Origin, message: Option<usize>) -> Self {
        let spelled = body.get(token.raw.clone()).unwrap_or_default();
        let (text, waypoints) = if token.escaped {
            let (text, waypoints) = decode(spelled);
            (Cow::Owned(text), waypoints)
        } else {
            (Cow::Borrowed(spelled), Box::default())
        };
        Self { origin, text, raw: token.raw.clone(), spelled, message, waypoints }
    }

    /// Which message it belongs to, counted from 0; `None` outside messages.
    pub fn message(&self) -> Option<usize> {
        self.message
    }

    pub(crate) fn set_message(&mut self, index: usize) {
        self.message = Some(index);
    }

    /// The bytes of the body that spell `span` of the text, in bytes of UTF-8. A span that begins or ends within a
    /// character, or within an escape, covers all of it, so that a splice leaves no half of one. A span past the end is
    /// cut to the segment; an inverted one is empty.
    pub fn to_body(&self, span: Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = if span.end > span.start { self.text.ceil_char_boundary(span.end) } else { start };
        let start = self.place(start);
        let end = self.place(end).max(start);
        self.raw.start + start..self.raw.start + end
    }

    /// Where a character's start in the text stands among the raw bytes.
    fn place(&self, offset: usize) -> usize {
        let next = self.waypoints.partition_point(|waypoint| waypoint.text <= offset);
        let mut at = match next.checked_sub(1) {
            Some(last) => self.waypoints.get(last).copied().unwrap_or_default(),
            None => Waypoint::default(),
        };
        let plain = match self.waypoints.get(next) {
            Some(next) => next.text - at.text == next.raw - at.raw,
            None => true,
        };
        if plain {
            return (at.raw + (offset - at.text)).min(self.spelled.len());
        }
        let mut rest = self.spelled.get(at.raw..).unwrap_or_default();
        while at.text < offset {
            let Some((piece, after)) = json::piece(rest) else { break };
            let (text, raw) = piece.lengths();
            if let Piece::Plain(_) = piece
                && at.text + text > offset
            {
                return at.raw + (offset - at.text);
            }
            (at.text, at.raw, rest) = (at.text + text, at.raw + raw, after);
        }
        at.raw
    }
}

/// Decodes a string with escapes and leaves waypoints.
fn decode(spelled: &str) -> (String, Box<[Waypoint]>) {
    let mut text = String::with_capacity(spelled.len());
    let mut waypoints: Vec<Waypoint> = Vec::new();
    let (mut rest, mut raw, mut marked) = (spelled, 0, 0);
    while let Some((piece, after)) = json::piece(rest) {
        let before = Waypoint { text: text.len(), raw };
        let length = match piece {
            Piece::Plain(plain) => {
                text.push_str(plain);
                plain.len()
            }
            Piece::Escape(character, length) => {
                text.push(character);
                length
            }
        };
        raw += length;
        if length > WAYPOINT_BYTES && marked != before.raw {
            waypoints.push(before);
            marked = before.raw;
        }
        if raw - marked >= WAYPOINT_BYTES {
            waypoints.push(Waypoint { text: text.len(), raw });
            marked = raw;
        }
        rest = after;
    }
    if marked != raw {
        waypoints.push(Waypoint { text: text.len(), raw });
    }
    (text, waypoints.into_boxed_slice())
}

#[cfg(test)]
mod tests;
