//! Letters that were spaced out, broken up by marks, written as digits, or in odd case.
//!
//! **What it reads.** `i g n o r e`, `i.g.n.o.r.e`, `ig**no**re`, `ig<b>no</b>re`, `1gn0r3`, `iGnOrE`, and texts all in
//! capitals, which models of words know less well. Letters that are spaced out without a longer gap between words are cut
//! into the words of a short list. **What it misses.** Words broken by other words; letters for sounds. **Source.** The
//! list holds the commonest English words and those of orders to a model; ours.

use super::{Reading, Way, Writer};

/// How many single letters in a row are spaced out. Source: ours; initials and lists of options are shorter.
const SPACED_MIN: usize = 5;

/// How many words must hold digits for letters, and what share of all words: one in this many.
const DIGITED_MIN: usize = 2;
const DIGITED_SHARE: usize = 12;

/// The longest word in which digits are letters: longer ones are keys and hashes.
const LEET_LEN_MAX: usize = 20;

/// How many words must be in odd case, and what share of all words.
const ODD_CASE_MIN: usize = 2;
const ODD_CASE_SHARE: usize = 8;

/// How many letters a text all in capitals must have.
const CAPITALS_MIN: usize = 24;

/// Reads a text without these; `None` where there is no sign of them.
pub(super) fn read<'t>(text: &str) -> Option<Reading<'t>> {
    let signs = Signs::of(text.as_bytes());
    if !signs.any() {
        return None;
    }
    let reading = Respeller { text, signs, writer: Writer::new(text, 0), next: 0 }.run();
    (reading.text() != text).then_some(reading)
}

/// What there is a sign of.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sign of its own")]
struct Signs {
    spaced: bool,
    broken: bool,
    digited: bool,
    odd_case: bool,
}

impl Signs {
    fn any(self) -> bool {
        self.spaced || self.broken || self.digited || self.odd_case
    }

    /// Reads a text once.
    fn of(text: &[u8]) -> Self {
        let mut signs = Self::default();
        let (mut words, mut singles, mut digited, mut odd) = (0_usize, 0_usize, 0_usize, 0_usize);
        let (mut capitals, mut smalls) = (0_usize, 0_usize);
        let (mut at, mut end_before) = (0, 0);
        while let Some(word) = next_word(text, at) {
            let bytes = text.get(word.clone()).unwrap_or_default();
            words += 1;
            if is_single(bytes) {
                let goes_on = singles > 0 && is_gap(text.get(end_before..word.start).unwrap_or_default());
                singles = if goes_on { singles + 1 } else { 1 };
                signs.spaced |= singles >= SPACED_MIN;
            } else {
                singles = 0;
            }
            // Most words are small letters, perhaps after a capital: nothing is odd about them.
            let first = bytes.first().is_some_and(u8::is_ascii_uppercase);
            let small = bytes.iter().map(|byte| usize::from(byte.is_ascii_lowercase())).sum::<usize>();
            if small + usize::from(first) == bytes.len() {
                smalls += small;
                capitals += usize::from(first);
            } else {
                let shape = Shape::of(bytes);
                digited += usize::from(shape.has_digits_for_letters());
                odd += usize::from(shape.is_odd_case());
                capitals += shape.capitals;
                smalls += shape.smalls;
            }
            signs.broken |= is_break(text, word.end).is_some();
            (at, end_before) = (word.end, word.end);
        }
        signs.digited = digited >= DIGITED_MIN && digited * DIGITED_SHARE >= words;
        signs.odd_case = (odd >= ODD_CASE_MIN && odd * ODD_CASE_SHARE >= words)
            || (capitals >= CAPITALS_MIN && capitals >= smalls * 2);
        signs
    }
}

/// How many bytes may stand between two letters that are spaced out.
const GAP_BYTES_MAX: usize = 4;

/// Whether this may stand between two letters that are spaced out: one kind of sign, and spaces.
fn is_gap(gap: &[u8]) -> bool {
    let is_space = u8::is_ascii_whitespace;
    let mut signs = gap.iter().filter(|byte| !is_space(byte));
    let first = signs.next();
    let known = first.is_none_or(|byte| matches!(byte, b'.' | b'-' | b'_' | b'*' | b',' | b'/' | b'+' | b'~' | b'|'));
    !gap.is_empty() && gap.len() <= GAP_BYTES_MAX && known && signs.all(|byte| Some(byte) == first)
}

/// Letters, digits, and the signs that stand for letters.
const fn is_word(byte: u8) -> bool {
    WORD[byte as usize]
}

/// What [`is_word`] says of every byte.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'$' | b'!') || !byte.is_ascii();
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Whether a word is one letter or digit.
fn is_single(word: &[u8]) -> bool {
    matches!(word, [letter] if letter.is_ascii_alphanumeric())
}

fn next_word(text: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let start = from + text.get(from..)?.iter().position(|byte| is_word(*byte))?;
    let len = text.get(start..)?.iter().take_while(|byte| is_word(**byte)).count();
    Some(start..start + len)
}

/// What a word is made of.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    capitals: usize,
    smalls: usize,
    /// Digits and signs that stand for letters and have a letter somewhere after them.
    digits: usize,
    /// Changes from a small letter to a capital and back.
    turns: usize,
    len: usize,
}

impl Shape {
    fn of(word: &[u8]) -> Self {
        let mut shape = Self { len: word.len(), ..Self::default() };
        let mut waiting = 0;
        let mut before = None;
        for byte in word {
            if byte.is_ascii_alphabetic() {
                let capital = byte.is_ascii_uppercase();
                *(if capital { &mut shape.capitals } else { &mut shape.smalls }) += 1;
                shape.digits += std::mem::take(&mut waiting);
                shape.turns += usize::from(before.is_some_and(|before| before != capital));
                before = Some(capital);
            } else if letter(*byte).is_some() {
                waiting += 1;
            }
        }
        shape
    }

    /// `1gn0r3`, not `sha256` or `2024`: two letters, and a digit before one of them.
    fn has_digits_for_letters(self) -> bool {
        self.digits > 0 && self.capitals + self.smalls >= 2 && self.len <= LEET_LEN_MAX
    }

    /// `iGnOrE`, not `iPhone` or `camelCase`.
    fn is_odd_case(self) -> bool {
        self.turns >= 3 && self.turns * 2 >= self.capitals + self.smalls
    }
}

/// The letter that a digit or a sign is written for.
const fn letter(byte: u8) -> Option<char> {
    Some(match byte {
        b'0' => 'o',
        b'1' | b'!' => 'i',
        b'3' => 'e',
        b'4' | b'@' => 'a',
        b'5' | b'$' => 's',
        b'7' => 't',
        b'8' => 'b',
        b'9' => 'g',
        _ => return None,
    })
}

/// What breaks a word at `at`: marks of emphasis, a tag or a comment, with a small letter on either side. Returns where the
/// word goes on.
fn is_break(text: &[u8], at: usize) -> Option<usize> {
    /// The longest tag that is taken out of a word.
    const TAG_BYTES_MAX: usize = 40;
    let before = at.checked_sub(1).and_then(|before| text.get(before))?;
    let rest = text.get(at..)?;
    if !before.is_ascii_alphabetic() {
        return None;
    }
    let len = match rest.first()? {
        b'*' | b'~' | b'`' | b'^' => rest.iter().take_while(|byte| matches!(byte, b'*' | b'~' | b'`' | b'^')).count(),
        b'<' if rest.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!')) => {
            rest.iter().take(TAG_BYTES_MAX).position(|byte| *byte == b'>')? + 1
        }
        _ => return None,
    };
    rest.get(len).is_some_and(u8::is_ascii_lowercase).then_some(at + len)
}

struct Respeller<'s> {
    text: &'s str,
    signs: Signs,
    writer: Writer,
    /// What is not yet written.
    next: usize,
}

impl Respeller<'_> {
    fn run<'t>(mut self) -> Reading<'t> {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(word) = next_word(bytes, at) {
            at = word.end;
            if self.signs.spaced && is_single(bytes.get(word.clone()).unwrap_or_default()) {
                let letters = spaced(bytes, &word);
                if letters.len() >= SPACED_MIN {
                    at = letters.last().map_or(at, |last| last + 1);
                    self.copy_until(word.start);
                    self.join(&letters);
                    self.next = at;
                    continue;
                }
            }
            if self.signs.digited || self.signs.odd_case {
                self.copy_until(word.start);
                self.word(word.clone());
                self.next = word.end;
            }
            if self.signs.broken
                && let Some(on) = is_break(bytes, word.end)
            {
                self.copy_until(word.end);
                self.next = on;
                at = on;
            }
        }
        self.copy_until(bytes.len());
        self.writer.done(Way::Respelled)
    }

    fn copy_until(&mut self, end: usize) {
        self.writer.copy_all(self.text, self.next..end);
        self.next = end;
    }

    /// Writes a word in small letters and with letters for digits.
    fn word(&mut self, word: std::ops::Range<usize>) {
        let bytes = self.text.as_bytes().get(word.clone()).unwrap_or_default();
        let shape = Shape::of(bytes);
        let digits = self.signs.digited && shape.capitals + shape.smalls > 0 && shape.len <= LEET_LEN_MAX;
        let Some(text) = self.text.get(word.clone()) else { return };
        let twice = |at: usize, byte: u8| {
            byte == b'1'
                && (bytes.get(at + 1) == Some(&byte) || at.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&byte))
        };
        for (at, character) in text.char_indices() {
            let place = word.start + at;
            let byte = u8::try_from(character).unwrap_or(0);
            let last = at + 1 == bytes.len();
            match letter(byte) {
                // Two of them are `ll`; a mark at the end of a word is a mark.
                Some(_) if digits && twice(at, byte) => self.writer.put('l', place..place + 1),
                Some(letter) if digits && !(last && byte == b'!') => self.writer.put(letter, place..place + 1),
                _ if self.signs.odd_case && character.is_ascii_uppercase() => {
                    self.writer.put(character.to_ascii_lowercase(), place..place + 1);
                }
                _ => self.writer.copy(character, place),
            }
        }
    }

    /// Writes letters that stand apart as words: a longer gap than the first one ends a word.
    fn join(&mut self, letters: &[usize]) {
        let bytes = self.text.as_bytes();
        let gap = |at: usize| letters.get(at).zip(letters.get(at + 1)).map_or(1, |(a, b)| b - a);
        let usual = (0..letters.len() - 1).map(gap).min().unwrap_or(1);
        let has_words = (0..letters.len() - 1).any(|at| gap(at) > usual);
        let small: Vec<u8> = letters.iter().filter_map(|at| bytes.get(*at)).map(u8::to_ascii_lowercase).collect();
        let cuts = if has_words { Vec::new() } else { words::cut(&small) };
        let mut cuts = cuts.into_iter().rev().peekable();
        for (at, (place, letter)) in letters.iter().zip(&small).enumerate() {
            let starts =
                if has_words { at > 0 && gap(at - 1) > usual } else { cuts.next_if(|cut| *cut == at).is_some() };
            if starts {
                self.writer.put(' ', *place..*place);
            }
            self.writer.put(char::from(*letter), *place..place + 1);
        }
    }
}

/// Where the letters stand that are spaced out from the one at `first` on.
fn spaced(text: &[u8], first: &std::ops::Range<usize>) -> Vec<usize> {
    let mut letters = vec![first.start];
    let mut end = first.end;
    while let Some(word) = next_word(text, end) {
        if !is_single(text.get(word.clone()).unwrap_or_default())
            || !is_gap(text.get(end..word.start).unwrap_or_default())
        {
            break;
        }
        letters.push(word.start);
        end = word.end;
    }
    letters
}

mod words;
