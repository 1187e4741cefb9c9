//! Windows of tokens.

use std::ops::Range;

use wardbell_encoder::token::Tokens;

use super::Window;

/// Signs that end a sentence. Source: ours, as in training.
const ENDS: &[char] = &['.', '!', '?', '。', '！', '？', '؟', '।', '…', ';'];

/// Cuts tokens into windows of at most `content`, each overlapping the one before by `overlap`. A window ends with a
/// sentence if one ends within its last `overlap` tokens; so each starts after the one before, and all are covered.
pub(super) fn cut(tokens: &Tokens, text: &str, content: usize, overlap: usize) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    let mut start = 0;
    while start < tokens.len() {
        let mut end = (start + content).min(tokens.len());
        if end < tokens.len() {
            let least = end - overlap.saturating_sub(1).min(end - start - 1);
            end = (least..=end).rev().find(|end| ends_sentence(tokens, text, end - 1)).unwrap_or(end);
        }
        windows.push(start..end);
        if end >= tokens.len() {
            break;
        }
        start = end - overlap.min(end - start - 1);
    }
    windows
}

fn ends_sentence(tokens: &Tokens, text: &str, at: usize) -> bool {
    let range = tokens.ranges.get(at).cloned().unwrap_or_default();
    text.get(range).is_some_and(|piece| piece.ends_with(ENDS))
}

/// The bytes of the text behind a window.
pub(super) fn span(tokens: &Tokens, window: &Range<usize>) -> Range<usize> {
    let ranges = tokens.ranges.get(window.clone()).unwrap_or_default();
    match (ranges.first(), ranges.last()) {
        (Some(first), Some(last)) => first.start..last.end,
        _ => 0..0,
    }
}

/// Keeps at most `most` windows: the first and the last plain one, then those that score highest. Returns whether any went.
pub(super) fn within(windows: &mut Vec<Window>, most: usize, rank: impl Fn(&Window) -> (bool, f32)) -> bool {
    if windows.len() <= most {
        return false;
    }
    let first = windows.iter().position(|window| rank(window).0);
    let last = windows.iter().rposition(|window| rank(window).0);
    let mut order: Vec<usize> = (0..windows.len()).collect();
    let is_end = |at: usize| Some(at) == first || Some(at) == last;
    let score = |at: usize| windows.get(at).map_or(f32::MIN, |window| rank(window).1);
    order.sort_by(|a, b| is_end(*b).cmp(&is_end(*a)).then(score(*b).total_cmp(&score(*a))));
    order.truncate(most);
    order.sort_unstable();
    let mut keep = order.into_iter().peekable();
    let mut at = 0;
    windows.retain(|_| {
        let kept = keep.next_if_eq(&at).is_some();
        at += 1;
        kept
    });
    true
}

/// Joins spans that overlap or touch, and sorts them.
pub(super) fn join(spans: &mut Vec<Range<usize>>) {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    spans.dedup_by(|next, before| {
        let touch = next.start <= before.end;
        if touch {
            before.end = before.end.max(next.end);
        }
        touch
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Way;

    /// A token for each character.
    fn tokens(text: &str) -> Tokens {
        let ranges: Vec<_> = text.char_indices().map(|(at, letter)| at..at + letter.len_utf8()).collect();
        Tokens { ids: ranges.iter().map(|_| 7).collect(), ranges }
    }

    fn check(text: &str, expect: &[(usize, usize)]) {
        let cut: Vec<_> = cut(&tokens(text), text, 10, 3).into_iter().map(|w| (w.start, w.end)).collect();
        assert_eq!(cut, expect, "{text}");
    }

    #[test]
    fn windows_overlap_and_end_with_sentences_where_they_can() {
        check("", &[]);
        check("abc", &[(0, 3)]);
        check("abcdefghij", &[(0, 10)]);
        check("abcdefghijk", &[(0, 10), (7, 11)]);
        check("abcdefgh. klmno", &[(0, 9), (6, 15)]);
        check("abc. fghijklmno", &[(0, 10), (7, 15)]);
        check("。。。。。。。。。。。。", &[(0, 10), (7, 12)]);
    }

    #[test]
    fn spans_that_touch_are_one() {
        let mut spans = vec![5..9, 0..2, 2..3, 8..12, 20..21];
        join(&mut spans);
        assert_eq!(spans, [0..3, 5..12, 20..21]);
    }

    #[test]
    fn the_ends_stay_and_the_worst() {
        let window = |linear: f32| Window {
            speaker: crate::cascade::Speaker::Anyone,
            ids: Vec::new(),
            key: crate::cascade::memory::Memory::<()>::new(2).key(&0),
            span: 0..0,
            way: Way::Plain,
            linear,
            is_known: true,
            of: 6,
            known: None,
        };
        let mut windows: Vec<Window> = [0.0, 5.0, 1.0, 7.0, 2.0, -9.0].into_iter().map(window).collect();
        assert!(within(&mut windows, 4, |window| (true, window.linear)));
        assert_eq!(windows.iter().map(|window| window.linear).collect::<Vec<_>>(), [0.0, 5.0, 7.0, -9.0]);
        assert!(!within(&mut windows, 4, |window| (true, window.linear)));
    }
}
