//! Runs of digits: groups of digits with exactly one separator between them, as people write numbers.
//!
//! `4111 1111-1111.1111` is one run of four groups. Two spaces, a letter or any other byte end a run. The scan reads
//! each byte once. A run of very many groups is handed out in pieces that overlap by more groups than any rule needs,
//! so that memory stays small whatever the text.

use std::ops::Range;

/// How many groups are handed out at once.
const GROUPS_MAX: usize = 256;

/// How many groups a piece shares with the one before it: more than the 19 of a card with a separator after each digit,
/// and one on either side.
const GROUPS_SHARED: usize = 32;

/// A run of digits, or a piece of a very long one.
pub(crate) struct DigitRun<'r> {
    /// Byte offsets of its groups, each of at least one digit, in order.
    pub(crate) groups: &'r [Range<usize>],
    /// The text that the offsets count in.
    text: &'r [u8],
}

impl DigitRun<'_> {
    /// How many digits the group at `index` has; zero if there is none.
    pub(crate) fn len(&self, index: usize) -> usize {
        self.groups.get(index).map_or(0, ExactSizeIterator::len)
    }

    /// The separator between the group at `index` and the one before it, if there is one.
    pub(crate) fn separator(&self, index: usize) -> Option<u8> {
        let before = self.groups.get(index.checked_sub(1)?)?;
        self.groups.get(index)?;
        self.text.get(before.end).copied()
    }

    /// The bytes from the start of the group at `first` to the end of the group at `last`.
    pub(crate) fn span(&self, first: usize, last: usize) -> Option<Range<usize>> {
        Some(self.groups.get(first)?.start..self.groups.get(last)?.end)
    }
}

/// Whether one `byte` may stand between two groups of a number.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'_' | b'/' | b'\n')
}

/// Calls `each` with every run of digits in `text`, in order.
pub(crate) fn for_each_run(text: &[u8], mut each: impl FnMut(&DigitRun<'_>)) {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(start) = next_digit(text, from) {
        let end = start + text.get(start..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        groups.push(start..end);
        let goes_on =
            text.get(end).is_some_and(|byte| is_separator(*byte)) && text.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !goes_on {
            each(&DigitRun { groups: &groups, text });
            groups.clear();
        } else if groups.len() >= GROUPS_MAX {
            each(&DigitRun { groups: &groups, text });
            groups.drain(..GROUPS_MAX - GROUPS_SHARED);
        }
        from = end;
    }
}

fn next_digit(text: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?.iter().position(u8::is_ascii_digit).map(|distance| from + distance)
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "tests may panic")]
mod tests {
    use super::*;

    fn runs(text: &str) -> Vec<Vec<&str>> {
        let mut all = Vec::new();
        for_each_run(text.as_bytes(), |run| all.push(run.groups.iter().map(|group| &text[group.clone()]).collect()));
        all
    }

    #[test]
    fn one_separator_joins_and_anything_else_parts() {
        assert_eq!(runs("a12-34.5 67  8x9"), [vec!["12", "34", "5", "67"], vec!["8"], vec!["9"]]);
        assert_eq!(runs("no digits"), Vec::<Vec<&str>>::new());
        assert_eq!(runs("1-"), [["1"]]);
    }

    #[test]
    fn a_run_without_end_comes_in_overlapping_pieces() {
        let text = "1 ".repeat(1000);
        let pieces = runs(&text);
        assert!(pieces.len() > 1);
        assert!(pieces.iter().all(|piece| piece.len() <= GROUPS_MAX));
        let fresh: usize = pieces.iter().map(Vec::len).sum::<usize>() - (pieces.len() - 1) * GROUPS_SHARED;
        assert_eq!(fresh, 1000);
    }
}
