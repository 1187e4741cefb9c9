//! Sentences that differ in a rising number only: `Please check order 17.` `Please check order 18.`
//!
//! A sentence ends at a line end or at a full stop, question or exclamation mark with a space after it. Lines of logs
//! have several numbers, lists have different words, and a table of contents has few: none of them counts.

use super::super::words::{HASH_PRIME, mix};

/// The fewest words of a sentence that counts: chapter headings and labels have two or three.
const WORDS_MIN: usize = 5;

/// The longest number that is read, in digits.
const DIGITS_MAX: usize = 15;

/// A sentence without its number.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Shape {
    hash: u64,
    /// The value of its number.
    value: u64,
}

/// How much longer or shorter than the one before a sentence of a series can be: its number gains or loses a digit.
const LENGTHS_APART_MAX: usize = 1;

/// How many sentences the longest series has.
pub(super) fn longest_count(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut longest, mut length) = (0, 0);
    let (mut last, mut last_shape) = (&[] as &[u8], None);
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
        // Most sentences differ in length from the one before and need no closer look.
        let before = std::mem::replace(&mut last, sentence);
        let shape_before = last_shape.take();
        if before.len().abs_diff(sentence.len()) > LENGTHS_APART_MAX {
            length = 0;
            continue;
        }
        let now = shape(sentence);
        last_shape = Some(now);
        let (Some(now), Some(before)) = (now, shape_before.unwrap_or_else(|| shape(before))) else {
            length = 0;
            continue;
        };
        let step_now = now.value.wrapping_sub(before.value);
        let goes_on = now.hash == before.hash && (1..=10).contains(&step_now) && (length < 2 || step_now == step);
        length = if goes_on { length.max(1) + 1 } else { 0 };
        step = step_now;
        longest = longest.max(length);
    }
    longest
}

/// The shape of a sentence that can be of a series; none if it has no number, or several, or few words.
fn shape(sentence: &[u8]) -> Option<Shape> {
    let mut shape = Shape::default();
    let (mut in_number, mut in_word, mut digits, mut numbers, mut words, mut letters) = (false, false, 0, 0, 0, 0);
    for byte in sentence {
        let is_digit = byte.is_ascii_digit();
        let is_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        words += usize::from(is_word && !in_word);
        letters += usize::from(byte.is_ascii_alphabetic() || *byte == b' ' || !byte.is_ascii());
        if is_digit {
            if !in_number {
                numbers += 1;
                if numbers > 1 {
                    return None;
                }
                shape.hash = mix(shape.hash ^ 1).wrapping_add(1);
            }
            if digits < DIGITS_MAX {
                shape.value = shape.value * 10 + u64::from(byte - b'0');
                digits += 1;
            }
        } else {
            shape.hash = (shape.hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(HASH_PRIME);
        }
        (in_number, in_word) = (is_digit, is_word);
    }
    (numbers == 1 && words >= WORDS_MIN && letters * 2 > sentence.len()).then_some(shape)
}
