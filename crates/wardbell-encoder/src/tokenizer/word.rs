//! One word and its best cutting.

use super::trie::Trie;
use crate::token::Tokens;

/// The mark of an unknown character in a table.
const UNKNOWN: u32 = u32::MAX;

/// A word in the vocabulary's letters, with the bytes of the text that each comes from, and the table of its cutting.
///
/// It is emptied and used again for the next word.
#[derive(Debug, Default)]
pub(super) struct Word {
    bytes: Vec<u8>,
    /// By byte of the word: where its letter starts in the text.
    starts: Vec<usize>,
    /// By byte of the word: where its letter ends in the text.
    ends: Vec<usize>,
    /// By place between bytes: the best way to come there.
    best: Vec<Way>,
    cut: Vec<(u32, u32, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Way {
    score: f64,
    /// Where the last piece starts.
    from: u32,
    piece: u32,
}

impl Word {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, letter: char, start: usize, end: usize) {
        let mut utf8 = [0; 4];
        let bytes = letter.encode_utf8(&mut utf8).as_bytes();
        self.bytes.extend_from_slice(bytes);
        for _ in bytes {
            self.starts.push(start);
            self.ends.push(end);
        }
    }

    /// Finds the cutting whose scores add up to most; of several, the one whose last piece is longest.
    pub(super) fn cut(&mut self, trie: &Trie, scores: &[f64], unknown_score: f64) {
        let nowhere = Way { score: f64::NEG_INFINITY, from: 0, piece: UNKNOWN };
        self.best.clear();
        self.best.resize(self.bytes.len() + 1, nowhere);
        if let Some(start) = self.best.first_mut() {
            start.score = 0.0;
        }
        // Words are short (WORD_BYTES_MAX), so their places fit `u32`.
        for (from, start) in (0_u32..).zip(0..self.bytes.len()) {
            let (Some(rest), Some(way)) = (self.bytes.get(start..), self.best.get(start)) else { break };
            let (score, letter) = (way.score, letter_bytes(rest));
            if letter == 0 {
                continue;
            }
            let mut step = trie.root();
            let mut letter_known = false;
            for (length, byte) in (1..).zip(rest) {
                let Some(next) = trie.child(step, *byte) else { break };
                step = next;
                let Some(piece) = step.piece() else { continue };
                letter_known |= length == letter;
                let score = score + scores.get(piece as usize).copied().unwrap_or(unknown_score);
                offer(&mut self.best, start + length, Way { score, from, piece });
            }
            if !letter_known {
                offer(&mut self.best, start + letter, Way { score: score + unknown_score, from, piece: UNKNOWN });
            }
        }
    }

    /// Appends the pieces of the cutting to `tokens`, runs of unknown letters as one, and empties the word.
    pub(super) fn give(&mut self, unknown: u32, tokens: &mut Tokens) {
        self.cut.clear();
        let mut end = self.bytes.len();
        while let Some(way) = self.best.get(end).filter(|_| end > 0) {
            let place = (way.piece, way.from, u32::try_from(end).unwrap_or(u32::MAX));
            match self.cut.last_mut() {
                Some(after) if after.0 == UNKNOWN && place.0 == UNKNOWN => after.1 = place.1,
                _ => self.cut.push(place),
            }
            end = way.from as usize;
        }
        for (piece, from, to) in self.cut.iter().rev() {
            let start = self.starts.get(*from as usize).copied().unwrap_or_default();
            let end = (*to as usize).checked_sub(1).and_then(|last| self.ends.get(last).copied());
            tokens.ids.push(if *piece == UNKNOWN { unknown } else { *piece });
            tokens.ranges.push(start..end.unwrap_or(start));
        }
        self.bytes.clear();
        self.starts.clear();
        self.ends.clear();
    }
}

/// Takes a way to a place if it is better than the best so far.
fn offer(best: &mut [Way], place: usize, way: Way) {
    if let Some(known) = best.get_mut(place)
        && way.score > known.score
    {
        *known = way;
    }
}

/// The bytes of the letter that starts here; 0 inside a letter.
fn letter_bytes(rest: &[u8]) -> usize {
    match rest.first() {
        Some(0..=0x7F) => 1,
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..) => 4,
        Some(0x80..=0xBF) | None => 0,
    }
}
