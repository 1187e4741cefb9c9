//! Texts made to use up resources: by their size, their nesting, what cannot be seen in them, or what they ask for.

use super::repetition::Repetition;
use super::{ramp, share};
use crate::view;

mod demand;

/// The size of a text, in bytes. LockLLM scans documents of 100,000 characters (`spec/wire-lockllm.md` 2.7), long
/// contexts of today's models take a million tokens, which are about 4 MB.
const BYTES: (f32, f32) = (2_000_000.0, 6_000_000.0);

/// How deep brackets stand in one another. serde_json refuses JSON deeper than 128 (its `RECURSION_LIMIT`); programs
/// and their data stay below 30.
const DEPTH: (f32, f32) = (32.0, 96.0);

/// How many visible bytes without a bracket end a nesting: prose with a bracket that nobody closes does not add up.
const DEPTH_GAP_BYTES_MAX: usize = 512;

/// How many invisible characters, or marks on one letter, stand in a row before they count. The flag of Scotland is
/// followed by six tags, a family of emoji has one joiner between any two.
const UNSEEN_ROW_MIN: usize = 8;

/// The number of such characters in long rows.
const UNSEEN_IN_ROWS: (f32, f32) = (24.0, 72.0);

/// The share of invisible characters anywhere. Khmer and Persian use them between words (up to 0.2), sequences of emoji
/// up to 0.45.
const UNSEEN_SHARE: (f32, f32) = (0.25, 0.6);

/// Fewer invisible characters than this say nothing about the share.
const UNSEEN_MIN: usize = 64;

/// How many numbers in a text of little else. A table of 5,000 rows with four figures stays below.
const NUMBERS: (f32, f32) = (20_000.0, 60_000.0);

/// The share of words that are numbers in a list of numbers; tables have names, units or dates as well.
const NUMBERS_SHARE_MIN: f32 = 0.95;

/// From 0 to 1.
pub(super) fn look(text: &str, repetition: &Repetition) -> f32 {
    let numbers = if share(repetition.numbers, repetition.words) >= NUMBERS_SHARE_MIN {
        ramp(repetition.numbers as f32, NUMBERS.0, NUMBERS.1)
    } else {
        0.0
    };
    let unseen = if text.is_ascii() { 0.0 } else { unseen(text) };
    [
        ramp(text.len() as f32, BYTES.0, BYTES.1),
        ramp(depth(text.as_bytes()) as f32, DEPTH.0, DEPTH.1),
        numbers,
        unseen,
        demand::look(text),
    ]
    .into_iter()
    .fold(0.0, f32::max)
}

/// How deep brackets of any kind stand in one another.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut gap, mut at) = (0_usize, 0, 0, 0);
    loop {
        if depth == 0 {
            // Outside of all brackets nothing counts but an opening one.
            let rest = text.get(at..).unwrap_or_default();
            let Some(open) = memchr::memchr3(b'(', b'[', b'{', rest) else { return deepest };
            at += open;
        }
        let Some(byte) = text.get(at) else { return deepest };
        match byte {
            b'[' if is_escape(text.get(..at).unwrap_or_default()) => {}
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
                gap = 0;
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                gap = 0;
            }
            b' ' | b'\n' | b'\t' | b'\r' => {}
            _ => {
                gap += 1;
                if gap > DEPTH_GAP_BYTES_MAX {
                    depth = 0;
                }
            }
        }
        at += 1;
    }
}

/// Whether a terminal's escape stands before a bracket, as the character or as programs spell it: `ESC[0m` closes nothing.
fn is_escape(before: &[u8]) -> bool {
    [b"\x1b".as_slice(), b"x1b", b"u001b", b"{1b}", b"\\033", b"\\e"].iter().any(|escape| before.ends_with(escape))
}

/// How much of a text cannot be seen.
fn unseen(text: &str) -> f32 {
    let (mut all, mut count, mut in_rows, mut row) = (0, 0, 0, 0);
    for character in text.chars() {
        all += 1;
        let is_unseen = view::is_unseen(character);
        // Joiners and variation selectors between emoji draw one picture.
        count += usize::from(is_unseen && !matches!(character, '\u{200D}' | '\u{FE0F}'));
        if is_unseen || view::is_mark(character) {
            row += 1;
            in_rows += match row {
                UNSEEN_ROW_MIN => UNSEEN_ROW_MIN,
                more if more > UNSEEN_ROW_MIN => 1,
                _ => 0,
            };
        } else {
            row = 0;
        }
    }
    let by_share = if count >= UNSEEN_MIN { ramp(share(count, all), UNSEEN_SHARE.0, UNSEEN_SHARE.1) } else { 0.0 };
    by_share.max(ramp(in_rows as f32, UNSEEN_IN_ROWS.0, UNSEEN_IN_ROWS.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_stand_in_one_another_unless_a_long_text_is_between() {
        let apart = |bytes: usize| format!("({}(", "x".repeat(bytes));
        let table = [
            ("", 0),
            ("no bracket", 0),
            (")]} (a) [b] {c}", 1),
            ("a) ( [ {b} ] )", 3),
            ("((( never closed", 3),
            ("\x1b[0m \x1b[1m [\x1b[0m", 1),
            (&apart(DEPTH_GAP_BYTES_MAX), 2),
            (&apart(DEPTH_GAP_BYTES_MAX + 1), 1),
            (&(apart(DEPTH_GAP_BYTES_MAX + 1) + " [["), 3),
        ];
        for (text, expect) in table {
            assert_eq!(depth(text.as_bytes()), expect, "{text}");
        }
    }
}
