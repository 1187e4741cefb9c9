//! The texts behind a text: what a model would make of it.
//!
//! **Cast.** A [`Reading`] is a text with a way back to the bytes that were sent. The first reading of a text is the plain
//! one: compatibility forms are plain, what is invisible is out, look-alike letters of other scripts are the ones that
//! they look like. Others are read where there is a sign of them ([`Way`]): letters spelled with spaces or digits, text
//! that hides in invisible characters, escapes, base64 and other codes, ROT13, text that runs backwards. [`Readings`]
//! holds them all.
//!
//! **Theory of operation.** The plain reading is looked at once by each way. What a way finds is a reading of its own,
//! and is looked at in turn, so that base64 in base64 in a JSON string comes out.
//!
//! **Bounds.** A reading is at most [`DEPTH_MAX`] ways from the plain one; there are at most [`READINGS_MAX`] of them, and
//! besides the plain one they hold at most `GROWTH_MAX` times the text and `GROWTH_BYTES` more. What is beyond a bound stays
//! unread, and [`Readings::is_partial`] says so. Time is linear in the text.
//!
//! **What it does not do.** It knows no language: a translation is the model's matter. Pictures of letters, ciphers with a
//! key and words split by other words stay closed.

use std::borrow::Cow;
use std::ops::Range;

mod codes;
mod confusable;
mod escapes;
mod hidden;
mod plain;
mod repeated;
mod respelled;
mod turned;

/// How many ways may lie one behind the other. Source: ours; base64 in base64 in a JSON string is three.
pub const DEPTH_MAX: usize = 3;

/// How many readings a text may have, the plain one included. Source: ours.
pub const READINGS_MAX: usize = 16;

/// How many times the bytes of the text its plain reading may hold. Source: the largest expansion of NFKC in UTF-8, that of U+FDFA
/// (<https://www.unicode.org/faq/normalization.html>, as we know it).
pub const PLAIN_GROWTH_MAX: usize = 11;

/// How many times the bytes of the text the other readings may hold together. Source: ours: three that are as long.
const GROWTH_MAX: usize = 3;

/// How many bytes more, so that a short text has them all.
const GROWTH_BYTES: usize = 64 * 1024;

/// How a reading comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// As a person sees it.
    Plain,
    /// Letters that were spaced out, broken up by marks, written as digits or in odd case.
    Respelled,
    /// What invisible characters spell.
    Hidden,
    /// JSON, URL and HTML escapes.
    Escapes,
    /// Base64, base32, hexadecimal, binary and decimal codes of characters.
    Code,
    /// A phrase that comes again and again, said once.
    Repeated,
    /// Every letter moved by 13.
    Rotated,
    /// From the last character to the first, word by word or as a whole, or upside down.
    Backwards,
}

/// A text and the way back to what was sent.
#[derive(Debug, Clone)]
pub struct Reading<'t> {
    text: Cow<'t, str>,
    /// To the reading that this one was found in, or to the source.
    map: Map,
    way: Way,
    /// The reading that this one was found in.
    parent: Option<usize>,
    depth: usize,
}

impl<'t> Reading<'t> {
    /// The plain reading of a text, in time linear in its length.
    pub fn plain(source: &'t str) -> Self {
        plain::read(source)
    }

    fn found(text: impl Into<Cow<'t, str>>, map: Map, way: Way) -> Self {
        Self { text: text.into(), map, way, parent: None, depth: 0 }
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it came about.
    pub fn way(&self) -> Way {
        self.way
    }
}

/// All readings of a text.
#[derive(Debug, Clone)]
pub struct Readings<'t> {
    source: &'t str,
    /// The plain one first; a reading stands after the one it was found in.
    list: Vec<Reading<'t>>,
    is_partial: bool,
}

impl<'t> Readings<'t> {
    /// Reads a text in every way that there is a sign of.
    pub fn of(source: &'t str) -> Self {
        let mut readings = Self { source, list: vec![Reading::plain(source)], is_partial: false };
        let mut room = Room { bytes: source.len().saturating_mul(GROWTH_MAX).saturating_add(GROWTH_BYTES) };
        if let Some(hidden) = hidden::read(source) {
            readings.add(hidden, None, &mut room);
        }
        let mut next = 0;
        while let Some(reading) = readings.list.get(next) {
            let derived = derive(reading);
            if reading.depth < DEPTH_MAX {
                for found in derived {
                    readings.add(found, Some(next), &mut room);
                }
            } else {
                readings.is_partial |= !derived.is_empty();
            }
            next += 1;
        }
        readings
    }

    /// The readings, the plain one first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Reading<'t>> {
        self.list.iter()
    }

    /// Whether something was left unread because of a bound.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Whether all that the reading at `index` says is said in plainer words by one that was found in it: it is a code from
    /// end to end, half of it and more are escapes, a third are marks between letters, or a tenth are signs and digits for letters or
    /// letters in odd case. To a model such a text is noise.
    pub fn is_superseded(&self, index: usize) -> bool {
        /// How many bytes may stand beside a code: too few for an order. Source: ours; `decode: ` has eight.
        const BESIDE_BYTES_MAX: usize = 12;
        let Some(length) = self.list.get(index).map(|reading| reading.text.len()) else { return false };
        self.list.iter().filter(|found| found.parent == Some(index)).any(|found| match found.way {
            Way::Code => length.saturating_sub(found.map.whole_bytes()) <= BESIDE_BYTES_MAX,
            // What is not escaped stands in it as it was.
            Way::Escapes => found.text.len().saturating_mul(2) <= length,
            // A third of it and more were marks between letters, or a tenth stand there as other letters; the rest stands in it, too.
            Way::Respelled => {
                found.text.len().saturating_mul(3) <= length.saturating_mul(2)
                    || found.map.whole_bytes().saturating_mul(10) >= length
            }
            // The same where a third of it and more was said before.
            Way::Repeated => found.text.len().saturating_mul(3) <= length.saturating_mul(2),
            Way::Plain | Way::Hidden | Way::Rotated | Way::Backwards => false,
        })
    }

    /// The bytes that were sent for `span` of the reading at `index`: on character boundaries and inside the source.
    pub fn to_source(&self, index: usize, span: &Range<usize>) -> Range<usize> {
        let mut span = span.clone();
        let mut at = Some(index);
        while let Some(reading) = at.and_then(|at| self.list.get(at)) {
            span = reading.map.back(&span);
            at = reading.parent;
        }
        let start = self.source.floor_char_boundary(span.start);
        start..self.source.ceil_char_boundary(span.end).max(start)
    }

    fn add(&mut self, found: Reading<'t>, parent: Option<usize>, room: &mut Room) {
        if self.list.iter().any(|known| known.text == found.text) {
            return;
        }
        if self.list.len() >= READINGS_MAX || room.bytes < found.text.len() {
            self.is_partial = true;
            return;
        }
        room.bytes -= found.text.len();
        // What hides in a text stands beside its plain reading, one way from it.
        let depth = parent.and_then(|parent| self.list.get(parent)).map_or(0, |parent| parent.depth) + 1;
        self.list.push(Reading { parent, depth, ..found });
    }
}

/// The memory that is left for readings.
struct Room {
    bytes: usize,
}

/// What stands behind a reading.
fn derive<'t>(reading: &Reading<'_>) -> Vec<Reading<'t>> {
    let text = reading.text();
    let mut found = Vec::new();
    if reading.way != Way::Plain {
        // What comes out of a code may itself be disguised.
        let plain = plain::read(text);
        if matches!(plain.text, Cow::Owned(_)) {
            let Reading { text, map, way, .. } = plain;
            found.push(Reading::found(text.into_owned(), map, way));
        }
        found.extend(hidden::read(text));
    }
    let respelled = reading.way == Way::Respelled;
    found.extend(if respelled { None } else { respelled::read(text) });
    found.extend(if reading.way == Way::Repeated { None } else { repeated::read(text) });
    found.extend(escapes::read(text));
    found.extend(codes::read(text));
    if !matches!(reading.way, Way::Rotated | Way::Backwards) {
        found.extend(turned::read(text));
    }
    found
}

/// Whether a text that came out of a code says something: a guess by its characters.
fn says_something(text: &str) -> bool {
    /// The fewest characters that are worth a look. Source: ours; shorter orders do nothing on their own.
    const CHARACTERS_MIN: usize = 6;
    /// From how many characters on digits count as letters: a code within a code has many, a table of numbers has few
    /// letters besides.
    const DIGITS_COUNT_FROM: usize = 24;
    let (mut all, mut letters, mut digits) = (0, 0, 0);
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
            return false;
        }
        all += 1;
        letters += usize::from(character.is_alphabetic() || character == ' ');
        digits += usize::from(character.is_ascii_digit());
    }
    if all >= DIGITS_COUNT_FROM {
        letters += digits;
    }
    // Three quarters of a sentence are letters and spaces.
    all >= CHARACTERS_MIN && letters * 4 >= all * 3
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
    /// How many bytes of the source stand behind pieces that map as a whole.
    fn whole_bytes(&self) -> usize {
        self.pieces.iter().filter_map(|piece| Some(piece.whole?.saturating_sub(piece.source))).sum()
    }

    /// The source of a span: from the first byte that any of its bytes comes from to the last. A reading that runs
    /// backwards has its ends the other way round.
    fn back(&self, span: &Range<usize>) -> Range<usize> {
        let (first, first_end) = self.behind(span.start);
        if span.is_empty() {
            return first..first;
        }
        let (last, last_end) = self.behind(span.end.saturating_sub(1));
        first.min(last)..first_end.max(last_end)
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
#[derive(Debug, Default)]
struct Writer {
    text: String,
    pieces: Vec<Piece>,
    /// Where the source goes on if the next bytes are copied as they are.
    next: Option<usize>,
}

impl Writer {
    /// Starts with the first `same` bytes of the source as they are.
    fn new(source: &str, same: usize) -> Self {
        let mut writer = Self { text: String::with_capacity(source.len()), pieces: Vec::new(), next: None };
        writer.copy_all(source, 0..same);
        writer
    }

    /// Copies a stretch of the source.
    fn copy_all(&mut self, source: &str, range: Range<usize>) {
        let Some(part) = source.get(range.clone()).filter(|part| !part.is_empty()) else { return };
        if self.next != Some(range.start) {
            self.pieces.push(Piece { at: self.text.len(), source: range.start, whole: None });
        }
        self.text.push_str(part);
        self.next = Some(range.end);
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

    /// Takes the last character back and says where it came from.
    fn take(&mut self) -> Option<(char, usize)> {
        let character = self.text.pop()?;
        let len = self.text.len();
        let after = self.pieces.partition_point(|piece| piece.at <= len);
        let piece = after.checked_sub(1).and_then(|at| self.pieces.get(at))?;
        let source = if piece.whole.is_some() { piece.source } else { piece.source + len - piece.at };
        while self.pieces.last().is_some_and(|piece| piece.at >= len) {
            self.pieces.pop();
        }
        self.next = None;
        Some((character, source))
    }

    fn done<'t>(self, way: Way) -> Reading<'t> {
        Reading::found(self.text, Map { pieces: self.pieces }, way)
    }
}

#[cfg(test)]
mod tests;
