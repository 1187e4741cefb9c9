//! The stretches of a text in which one rule looks.
//!
//! Windows never overlap or touch: what a rule reads adds up to no more than the text, however often its keywords
//! stand there.

use std::ops::Range;

/// Disjoint ranges, sorted.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows(Vec<Range<usize>>);

impl Windows {
    /// Adds a range. Ranges come nearly in order: keywords are reported by their ends, so that a start may lie before
    /// the last one by the length of a keyword.
    pub(super) fn open(&mut self, mut window: Range<usize>) {
        while let Some(last) = self.0.last_mut() {
            if last.end < window.start {
                break;
            }
            if last.start <= window.start {
                last.end = last.end.max(window.end);
                return;
            }
            window.end = window.end.max(last.end);
            self.0.pop();
        }
        self.0.push(window);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(usize, usize)], expect: &[(usize, usize)]) {
        let mut windows = Windows::default();
        for (start, end) in ranges {
            windows.open(*start..*end);
        }
        assert_eq!(windows.iter().map(|window| (window.start, window.end)).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn windows_that_touch_become_one() {
        check(&[(0, 5), (3, 9), (9, 12), (20, 22)], &[(0, 12), (20, 22)]);
        check(&[(0, 5), (10, 20), (8, 12)], &[(0, 5), (8, 20)]);
        check(&[(4, 5), (10, 20), (3, 12)], &[(3, 20)]);
        check(&[(0, 9), (3, 4)], &[(0, 9)]);
    }
}
