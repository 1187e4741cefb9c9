//! Texts with their letters moved or turned round.
//!
//! **What it reads.** ROT13; text from the last character to the first, as a whole and word by word; letters upside down.
//! The signs are common English words in that form. **What it misses.** Other languages, other rotations. **Source.** The words
//! are the commonest of English and of orders to a model; ours.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Map, Piece, Reading, Way, Writer};

/// The words that are looked for, in their right form.
const WORDS: [&str; 28] = [
    "the",
    "and",
    "you",
    "your",
    "all",
    "this",
    "that",
    "with",
    "are",
    "have",
    "from",
    "will",
    "what",
    "ignore",
    "previous",
    "prior",
    "instructions",
    "instruction",
    "rules",
    "prompt",
    "system",
    "reveal",
    "forget",
    "disregard",
    "tell",
    "secret",
    "password",
    "print",
];

/// How many of them must stand in a text. Source: ours; one alone is a name or an accident.
const WORDS_MIN: usize = 2;

/// The words in their turned forms: first all of ROT13, then all backwards.
static TURNED: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let rotated = WORDS.iter().map(|word| word.chars().map(rotate).collect::<String>());
    let backwards = WORDS.iter().map(|word| word.chars().rev().collect::<String>());
    let words: Vec<String> = rotated.chain(backwards).collect();
    // Words of letters always compile.
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .ok()
});

/// Reads a turned text the right way round.
pub(super) fn read<'t>(text: &str) -> Vec<Reading<'t>> {
    let (mut rotated, mut backwards) = (0, 0);
    if let Some(turned) = &*TURNED {
        for word in turned.find_iter(text) {
            if stands_alone(text.as_bytes(), word.start(), word.end()) {
                let is_rotated = word.pattern().as_usize() < WORDS.len();
                *(if is_rotated { &mut rotated } else { &mut backwards }) += 1;
            }
        }
    }
    let mut found = Vec::new();
    if rotated >= WORDS_MIN {
        found.push(Reading::found(text.chars().map(rotate).collect::<String>(), Map::default(), Way::Rotated));
    }
    if backwards >= WORDS_MIN {
        found.push(reversed(text, |character| character));
        found.push(words_reversed(text));
    }
    if !text.is_ascii() && text.chars().filter(|character| flipped(*character).is_some()).take(3).count() == 3 {
        found.push(reversed(text, |character| match character {
            'u' => 'n',
            'n' => 'u',
            'p' => 'd',
            'd' => 'p',
            'b' => 'q',
            'q' => 'b',
            other => flipped(other).unwrap_or(other),
        }));
    }
    found
}

fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let is_letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    !is_letter(start.checked_sub(1)) && !is_letter(Some(end))
}

fn rotate(character: char) -> char {
    let turn = |first: u8| {
        let place = u8::try_from(character).unwrap_or(first) - first;
        char::from(first + (place + 13) % 26)
    };
    match character {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        other => other,
    }
}

/// The text from its last character to its first.
fn reversed<'t>(text: &str, right: impl Fn(char) -> char) -> Reading<'t> {
    let mut writer = Writer::default();
    for (at, character) in text.char_indices().rev() {
        writer.put(right(character), at..at + character.len_utf8());
    }
    writer.done(Way::Backwards)
}

/// The words where they stand, each from its last character to its first.
fn words_reversed<'t>(text: &str) -> Reading<'t> {
    let mut said = String::with_capacity(text.len());
    let mut pieces = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let letters = word.trim_end();
        pieces.push(Piece { at, source: at, whole: Some(at + word.len()) });
        said.extend(letters.chars().rev());
        said.push_str(word.get(letters.len()..).unwrap_or_default());
        at += word.len();
    }
    Reading::found(Cow::Owned(said), Map { pieces }, Way::Backwards)
}

/// The letter that a sign is upside down, of signs that are nothing else.
fn flipped(character: char) -> Option<char> {
    Some(match character {
        'ɐ' => 'a',
        'ɔ' => 'c',
        'ǝ' => 'e',
        'ɟ' => 'f',
        'ƃ' => 'g',
        'ɥ' => 'h',
        'ᴉ' => 'i',
        'ɾ' => 'j',
        'ʞ' => 'k',
        'ɯ' => 'm',
        'ɹ' => 'r',
        'ʇ' => 't',
        'ʌ' => 'v',
        'ʍ' => 'w',
        'ʎ' => 'y',
        _ => return None,
    })
}
