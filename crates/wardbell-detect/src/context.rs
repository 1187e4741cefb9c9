//! Words near a match.
//!
//! A rule's context words are found by the same pass over the text that finds the keywords. A word counts if it stands
//! alone: `ssn` counts in `"user_ssn"` and in `userSsn`, not in `lessness`. It stands near a match if at most
//! [`WORDS_MAX`] words lie between the two, before or after (`spec/pii-and-secrets.md` 1.4).

use std::ops::Range;

/// How many words may lie between a context word and a match.
const WORDS_MAX: usize = 6;

/// How many bytes may lie between a context word and a match: six long words.
const GAP_BYTES_MAX: usize = 80;

/// Whether the word at `span` stands alone: not inside a longer run of letters, unless a capital or a plural `s` parts
/// them.
pub(crate) fn stands_alone(text: &[u8], span: &Range<usize>) -> bool {
    let byte = |at: usize| text.get(at).copied().unwrap_or(b' ');
    let starts = match span.start.checked_sub(1).map(byte) {
        Some(before) if before.is_ascii_alphabetic() => {
            before.is_ascii_lowercase() && byte(span.start).is_ascii_uppercase()
        }
        _ => true,
    };
    let after = byte(span.end);
    let plural = after.eq_ignore_ascii_case(&b's') && !byte(span.end + 1).is_ascii_alphabetic();
    let last_is_lower = byte(span.end.saturating_sub(1)).is_ascii_lowercase();
    starts && (!after.is_ascii_alphabetic() || plural || (last_is_lower && after.is_ascii_uppercase()))
}

/// Whether one of `words`, which are sorted by start, stands near `span`.
///
/// Only the nearest word on each side is looked at: if that is too far, so are the others. That bounds the work for a
/// match, however many context words an attacker writes around it.
pub(crate) fn stands_near(text: &[u8], words: &[Range<usize>], span: &Range<usize>) -> bool {
    let before = words.partition_point(|word| word.start < span.start).checked_sub(1).and_then(|at| words.get(at));
    let after = words.get(words.partition_point(|word| word.start < span.end));
    before.is_some_and(|word| is_short(text, word.end..span.start))
        || after.is_some_and(|word| is_short(text, span.end..word.start))
}

/// Whether few enough bytes and words lie in `gap`. An empty or inverted gap is short.
fn is_short(text: &[u8], gap: Range<usize>) -> bool {
    let Some(between) = text.get(gap.clone()) else { return gap.start >= gap.end };
    if between.len() > GAP_BYTES_MAX {
        return false;
    }
    let mut words = 0;
    let mut inside = false;
    for byte in between {
        let is_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        words += usize::from(is_word && !inside);
        inside = is_word;
    }
    words <= WORDS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, word: &str) -> Range<usize> {
        let start = text.find(word).unwrap();
        start..start + word.len()
    }

    #[test]
    fn a_word_inside_a_longer_word_does_not_count() {
        for (text, word, expect) in [
            ("my ssn is", "ssn", true),
            ("\"user_ssn\":", "ssn", true),
            ("userSsn=", "Ssn", true),
            ("two SSNs", "SSN", true),
            ("lessness", "ssn", false),
            ("ssnap", "ssn", false),
            ("cardNumber", "card", true),
            ("discard", "card", false),
            ("cardigan", "card", false),
        ] {
            assert_eq!(stands_alone(text.as_bytes(), &find(text, word)), expect, "{text}");
        }
    }

    #[test]
    fn six_words_are_near_and_seven_are_not() {
        for (text, expect) in [
            ("card one two three four five six 4111", true),
            ("card one two three four five six seven 4111", false),
            ("4111 is my card", true),
            ("4111 a b c d e f g card", false),
            ("card 4111", true),
            ("card:4111", true),
        ] {
            let words = [find(text, "card")];
            assert_eq!(stands_near(text.as_bytes(), &words, &find(text, "4111")), expect, "{text}");
        }
    }
}
