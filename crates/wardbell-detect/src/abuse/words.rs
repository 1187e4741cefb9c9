//! The words of a text as repetition sees them.
//!
//! A word is a run of letters and digits, in ASCII lower case, cut after [`WORD_CHARACTERS_MAX`] characters, so that a
//! flood without spaces is a sequence of equal words as well. A character of a script that writes without spaces is a
//! word of its own, and so is an emoji. Punctuation makes a word only where a whole piece's length of it stands
//! together. Invisible characters are no part of a word.

use crate::view;

/// Where a long word is cut: longer than nearly all words of prose, shorter than what a flood is made of.
const WORD_CHARACTERS_MAX: u32 = 16;

/// Words that are data: tables and lists of them say nothing about who wrote them.
const DATA: [&str; 14] =
    ["null", "nan", "na", "none", "nil", "true", "false", "undefined", "yes", "no", "x", "ok", "n", "y"];

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Equal words have equal hashes; unequal ones have not, but for one in 2^64.
    pub(super) hash: u64,
    /// Digits only, or a word that stands for a value.
    pub(super) is_data: bool,
    /// Digits only.
    pub(super) is_number: bool,
}

/// The word in the making.
#[derive(Clone, Copy)]
struct Piece {
    hash: u64,
    characters: u32,
    is_number: bool,
    is_punctuation: bool,
}

/// FNV-1a's start value (RFC 9923 section 5).
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a's prime (RFC 9923 section 5).
pub(super) const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Piece {
    const EMPTY: Self = Self { hash: HASH_START, characters: 0, is_number: true, is_punctuation: false };

    fn push(&mut self, character: u32) {
        self.hash = (self.hash ^ u64::from(character)).wrapping_mul(HASH_PRIME);
        self.characters += 1;
    }

    /// Hands the word out, if there is one, and starts anew.
    fn finish(&mut self, data: &Data, each: &mut impl FnMut(Word)) {
        let whole = self.characters > 0 && (!self.is_punctuation || self.characters >= WORD_CHARACTERS_MAX);
        if whole {
            let is_number = self.is_number && !self.is_punctuation;
            let is_data = is_number || (self.characters <= 9 && data.contains(self.hash));
            each(Word { hash: mix(self.hash), is_data, is_number });
        }
        *self = Self::EMPTY;
    }
}

/// The hashes of [`DATA`], behind one word that tells most others off.
struct Data {
    hashes: [u64; DATA.len()],
    bits: u64,
}

impl Data {
    fn new() -> Self {
        let hash =
            |word: &str| word.bytes().fold(HASH_START, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(HASH_PRIME));
        let hashes = DATA.map(hash);
        Self { hashes, bits: hashes.iter().fold(0, |bits, hash| bits | 1 << (hash & 63)) }
    }

    fn contains(&self, hash: u64) -> bool {
        self.bits >> (hash & 63) & 1 == 1 && self.hashes.contains(&hash)
    }
}

/// Spreads a hash over all its bits (the finisher of MurmurHash3, public domain).
pub(super) const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash
}

/// Calls `each` with every word of `text`, in order.
pub(super) fn for_each(text: &str, mut each: impl FnMut(Word)) {
    let data = Data::new();
    let mut piece = Piece::EMPTY;
    for character in text.chars() {
        let is_word = if character.is_ascii() {
            character.is_ascii_alphanumeric()
        } else {
            if view::is_unseen(character) {
                continue;
            }
            if stands_alone(character) {
                piece.finish(&data, &mut each);
                each(Word { hash: mix(u64::from(u32::from(character))), is_data: false, is_number: false });
                continue;
            }
            character.is_alphanumeric()
        };
        let is_punctuation = !is_word && !character.is_whitespace();
        if !is_word && !is_punctuation
            || piece.is_punctuation != is_punctuation
            || piece.characters >= WORD_CHARACTERS_MAX
        {
            piece.finish(&data, &mut each);
        }
        if is_word || is_punctuation {
            piece.is_punctuation = is_punctuation;
            piece.is_number &= character.is_ascii_digit();
            piece.push(u32::from(character.to_ascii_lowercase()));
        }
    }
    piece.finish(&data, &mut each);
}

/// Whether a character is a word of its own: of a script without spaces (Han, kana, Thai, Lao, Khmer, Myanmar), or a
/// picture.
fn stands_alone(character: char) -> bool {
    view::is_unspaced(character) || matches!(character, '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}')
}
