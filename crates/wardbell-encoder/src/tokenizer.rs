//! Cuts a text into the pieces of the model's vocabulary: a unigram tokenizer as SentencePiece describes it.
//!
//! **Theory of operation.** The text goes through the [`normaliser`] one character at a time. Spaces end words; each word
//! gets the mark `▁` in front and is cut by itself, for no piece holds the mark anywhere but at its start. A word is cut
//! into the pieces whose scores add up to most ([`word`]): at every character the [`trie`] lists the pieces that start
//! there. Source: Kudo, "Subword Regularization", 2018, section 3.2 (<https://arxiv.org/abs/1804.10959>, read 2026-11-25).
//!
//! **Bounds.** A piece has at most [`PIECE_BYTES_MAX`] bytes, so that a character costs at most as many steps. A word of more
//! than [`WORD_BYTES_MAX`] bytes is cut there, so that the table of a word stays small; in text without spaces this may
//! change one piece in some thousands.
//!
//! **What it cannot do.** Text cannot spell a special token: these have no letters.

mod normaliser;
mod trie;
mod word;

use std::collections::BTreeSet;

use self::normaliser::Normaliser;
use self::trie::Trie;
use self::word::Word;
use crate::error::ModelError;
use crate::file::{NumberKind, TensorFile};
use crate::shape::Shape;
use crate::token::Tokens;

/// The mark in front of every word. Source: SentencePiece.
const WORD_MARK: char = '\u{2581}';
/// The longest piece. Source: our choice; the longest of multilingual-e5-small has 48.
const PIECE_BYTES_MAX: usize = 64;
/// The longest word that is cut as one. Source: our choice, 256 KiB of table.
const WORD_BYTES_MAX: usize = 1 << 14;
/// The bytes of all pieces. Source: our choice; multilingual-e5-small has 2.6 MB.
const PIECES_BYTES_MAX: usize = 1 << 22;
/// What an unknown character scores less than the worst piece. Source: `kUnkPenalty` of SentencePiece.
const UNKNOWN_PENALTY: f64 = 10.0;

/// The tokenizer of a model.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    normaliser: Normaliser,
    trie: Trie,
    /// By piece. `f32` values in `f64`: their sums over a word are exact, whatever the order.
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
}

impl Tokenizer {
    pub(crate) fn read(file: &TensorFile, shape: &Shape) -> Result<Tokenizer, ModelError> {
        let length = file.length("tokenizer.pieces", PIECES_BYTES_MAX)?;
        let bytes = file.bytes("tokenizer.pieces", NumberKind::U8, &[length])?;
        let offsets = file.counts("tokenizer.offsets", &[shape.vocabulary + 1])?;
        let scores = file.floats("tokenizer.scores", &[shape.vocabulary])?;
        if scores.iter().any(|score| !(-100.0..=0.0).contains(score)) {
            return Err(ModelError::tensor("tokenizer.scores", "has a score that is not from -100 to 0"));
        }
        let special: BTreeSet<u32> = [shape.cls, shape.sep, shape.unknown].into();
        let mut pieces = Vec::with_capacity(shape.vocabulary);
        for (id, place) in (0_u32..).zip(offsets.windows(2)) {
            let piece = piece(bytes, place).ok_or_else(|| {
                ModelError::tensor(
                    "tokenizer.offsets",
                    "cuts a piece that is too long, not UTF-8, or has the mark inside",
                )
            })?;
            if special.contains(&id) && !piece.is_empty() {
                return Err(ModelError::tensor("tokenizer.pieces", "has letters for a special piece"));
            }
            if !piece.is_empty() {
                pieces.push((piece, id));
            }
        }
        if offsets.first() != Some(&0) || offsets.last().map(|last| *last as usize) != Some(length) {
            return Err(ModelError::tensor("tokenizer.offsets", "does not begin at 0 and end with the pieces"));
        }
        let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
        let worst = scores.iter().copied().fold(0.0, f64::min);
        Ok(Tokenizer {
            normaliser: Normaliser::read(file)?,
            trie: Trie::build(pieces)?,
            scores,
            unknown: shape.unknown,
            unknown_score: worst - UNKNOWN_PENALTY,
        })
    }

    /// The pieces of `text`.
    pub(crate) fn tokenize(&self, text: &str) -> Tokens {
        let mut reader = Reader { tokenizer: self, word: Word::default(), tokens: Tokens::default(), covered: 0 };
        for (start, letter) in text.char_indices() {
            let end = start + letter.len_utf8();
            match self.normaliser.replacement(letter) {
                None => reader.letter(letter, start, end),
                Some(letters) => letters.iter().for_each(|letter| reader.letter(*letter, start, end)),
            }
        }
        reader.end_word();
        if let Some(last) = reader.tokens.ranges.last_mut() {
            last.end = text.len();
        }
        reader.tokens
    }
}

/// The piece between two offsets.
fn piece<'b>(bytes: &'b [u8], place: &[u32]) -> Option<&'b str> {
    let &[start, end] = place else { return None };
    let piece = std::str::from_utf8(bytes.get(start as usize..end as usize)?).ok()?;
    let marked_inside = piece.chars().skip(1).any(|letter| letter == WORD_MARK);
    (piece.len() <= PIECE_BYTES_MAX && !marked_inside).then_some(piece)
}

/// A text on its way through the tokenizer.
struct Reader<'t> {
    tokenizer: &'t Tokenizer,
    word: Word,
    tokens: Tokens,
    /// Up to where the text belongs to a letter of some word.
    covered: usize,
}

impl Reader<'_> {
    /// Takes a letter that comes from `start..end` of the text.
    fn letter(&mut self, letter: char, start: usize, end: usize) {
        if letter == ' ' || letter == WORD_MARK {
            self.end_word();
            return;
        }
        let from = self.covered.min(start);
        if self.word.is_empty() {
            self.word.push(WORD_MARK, from, self.covered.max(start));
            self.word.push(letter, start, end);
        } else {
            if self.word.len() >= WORD_BYTES_MAX {
                self.end_word();
            }
            self.word.push(letter, from, end);
        }
        self.covered = self.covered.max(end);
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let tokenizer = self.tokenizer;
        self.word.cut(&tokenizer.trie, &tokenizer.scores, tokenizer.unknown_score);
        self.word.give(tokenizer.unknown, &mut self.tokens);
    }
}
