//! The texts behind a text: what a model would make of it.
//!
//! **Cast.** A [`Reading`] is a text with a way back to the bytes that were sent. The first reading of a text is the plain
//! one ([`plain`]): compatibility forms are plain, what is invisible is out, look-alike letters of other scripts are the
//! ones that they look like. Others are read where there is a sign of them: letters spelled with spaces or digits
//! ([`joined`]), text that is hidden in invisible characters, escapes, base64 and other codes, ROT13, text that runs
//! backwards ([`decoded`]).
//!
//! **Bounds.** A code inside a code is read to a depth of [`DEPTH_MAX`]; a text has at most [`READINGS_MAX`] readings, and
//! all of them together at most [`GROWTH_MAX`] times its bytes. Past a bound the rest stays unread, which the scores of the plain reading make
//! up for only in part.
//!
//! **What it does not do.** It knows no language: a translation is the model's matter. Pictures of letters, ciphers with a
//! key and words split by other words stay closed.

use std::borrow::Cow;
use std::ops::Range;

mod confusable;
mod plain;

/// A text and the way back to what was sent.
#[derive(Debug, Clone)]
pub struct Reading<'t> {
    text: Cow<'t, str>,
    map: Map,
}

impl<'t> Reading<'t> {
    /// The plain reading of a text, in time linear in its length.
    pub fn plain(source: &'t str) -> Self {
        plain::read(source)
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes that were sent for `span` of this reading: on character boundaries and inside the source.
    pub fn to_source(&self, source: &str, span: &Range<usize>) -> Range<usize> {
        let Range { start, end } = self.map.back(span);
        let start = source.floor_char_boundary(start);
        start..source.ceil_char_boundary(end).max(start)
    }
}

/// Where each byte of a reading comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Map {
    /// Sorted by `at`; empty where every byte is its own.
    pieces: Vec<Piece>,
}

/// A stretch of a reading, up to the next piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where it starts in the reading.
    at: usize,
    /// Where it starts in the source.
    source: usize,
    /// Where it ends in the source, if it maps as a whole; else byte by byte.
    whole: Option<usize>,
}

impl Map {
    fn back(&self, span: &Range<usize>) -> Range<usize> {
        let (first, _) = self.behind(span.start);
        if span.is_empty() {
            return first..first;
        }
        let (_, last) = self.behind(span.end.saturating_sub(1));
        first..last.max(first)
    }

    /// The source bytes behind the byte at `offset`.
    fn behind(&self, offset: usize) -> (usize, usize) {
        let after = self.pieces.partition_point(|piece| piece.at <= offset);
        match after.checked_sub(1).and_then(|at| self.pieces.get(at)) {
            None => (offset, offset + 1),
            Some(Piece { source, whole: Some(end), .. }) => (*source, *end),
            Some(Piece { at, source, whole: None }) => (source + offset - at, source + offset - at + 1),
        }
    }
}

/// A reading in the making.
struct Writer {
    text: String,
    pieces: Vec<Piece>,
    /// Where the source goes on if the next bytes are copied as they are.
    next: Option<usize>,
}

impl Writer {
    /// Starts with the first `same` bytes of the source as they are.
    fn new(source: &str, same: usize) -> Self {
        let mut text = String::with_capacity(source.len());
        text.push_str(source.get(..same).unwrap_or_default());
        Self { text, pieces: vec![Piece { at: 0, source: 0, whole: None }], next: Some(same) }
    }

    /// Copies a character that stands at `source`.
    fn copy(&mut self, character: char, source: usize) {
        if self.next != Some(source) {
            self.pieces.push(Piece { at: self.text.len(), source, whole: None });
        }
        self.text.push(character);
        self.next = Some(source + character.len_utf8());
    }

    /// Writes what the bytes at `source` say.
    fn put(&mut self, character: char, source: Range<usize>) {
        self.pieces.push(Piece { at: self.text.len(), source: source.start, whole: Some(source.end) });
        self.text.push(character);
        self.next = None;
    }

    /// Takes the last character back.
    fn take(&mut self) -> Option<char> {
        let character = self.text.pop()?;
        let len = self.text.len();
        while self.pieces.last().is_some_and(|piece| piece.at >= len && piece.at > 0) {
            self.pieces.pop();
        }
        self.next = None;
        Some(character)
    }

    fn done<'t>(self) -> Reading<'t> {
        Reading { text: Cow::Owned(self.text), map: Map { pieces: self.pieces } }
    }
}

#[cfg(test)]
mod tests;
