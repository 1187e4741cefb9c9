//! Sentences that differ in a rising number only: `Please check order 17.` `Please check order 18.`
//!
//! A sentence ends at a line end or at a full stop, question or exclamation mark with a space after it. Lines of logs
//! have several numbers, lists have different words, and a table of contents has few: none of them counts.

use super::super::words::mix;

/// The fewest words of a sentence that counts: chapter headings and labels have two or three.
const WORDS_MIN: usize = 5;

/// The longest number that is read, in digits.
const DIGITS_MAX: usize = 15;

/// A sentence without its number.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Shape {
    hash: u64,
    words: usize,
    numbers: usize,
    /// The value of its number.
    value: u64,
    letters: usize,
}

/// How many sentences the longest series has.
pub(super) fn longest_count(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut longest, mut length) = (0, 0);
    let mut last = Shape::default();
    let mut step = 0;
    let mut start = 0;
    for at in memchr::memchr3_iter(b'.', b'\n', b'!', bytes).chain([bytes.len()]) {
        let is_end = match bytes.get(at) {
            None | Some(b'\n') => true,
            Some(_) => bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace),
        };
        if !is_end {
            continue;
        }
        let sentence = bytes.get(start..at).unwrap_or_default().trim_ascii();
        start = at + 1;
        if sentence.is_empty() {
            continue;
        }
        let shape = shape(sentence);
        let is_counted = shape.numbers == 1 && shape.words >= WORDS_MIN && shape.letters * 2 > sentence.len();
        let step_now = shape.value.wrapping_sub(last.value);
        if is_counted && shape.hash == last.hash && (1..=10).contains(&step_now) && (length < 2 || step_now == step) {
            length += 1;
        } else {
            length = usize::from(is_counted);
        }
        step = step_now;
        longest = longest.max(length);
        last = shape;
    }
    longest
}

fn shape(sentence: &[u8]) -> Shape {
    let mut shape = Shape::default();
    let (mut in_number, mut in_word, mut digits) = (false, false, 0);
    for byte in sentence {
        let is_digit = byte.is_ascii_digit();
        let is_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        shape.words += usize::from(is_word && !in_word);
        shape.letters += usize::from(byte.is_ascii_alphabetic() || *byte == b' ' || !byte.is_ascii());
        if is_digit {
            if !in_number {
                shape.numbers += 1;
                shape.value = 0;
                digits = 0;
                shape.hash = mix(shape.hash ^ 1).wrapping_add(1);
            }
            if digits < DIGITS_MAX {
                shape.value = shape.value * 10 + u64::from(byte - b'0');
                digits += 1;
            }
        } else {
            shape.hash = (shape.hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3);
        }
        (in_number, in_word) = (is_digit, is_word);
    }
    shape
}
