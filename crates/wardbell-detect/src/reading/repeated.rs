//! Texts that say the same again and again, said once.
//!
//! **What it reads.** Phrases of up to [`PERIOD_MAX`] words that follow one another [`TIMES_MIN`] times or more; one of each stays. A
//! flood of one word is noise to a model, and one that it takes for an attack. **What it misses.** Floods of longer phrases, of words that
//! differ, without spaces; and those that fill less than a third of a text may pass by: they are looked for at [`PROBES`] places
//! first, since nearly all texts have none.

use std::ops::Range;

use super::{Reading, Way, Writer};

/// The longest phrase, in words. Source: ours.
const PERIOD_MAX: usize = 8;
/// How often a phrase must come in a row. Source: ours; emphasis and refrains come three times.
const TIMES_MIN: usize = 4;
/// At how many places of a text is looked whether there is a phrase at all.
const PROBES: usize = 8;

/// Reads a text with its floods said once; `None` where there is none.
pub(super) fn read<'t>(text: &str) -> Option<Reading<'t>> {
    let is_likely = (0..PROBES).any(|probe| begins_a_flood(text, text.len() * probe / PROBES));
    if !is_likely {
        return None;
    }
    let words: Vec<Range<usize>> = words(text);
    let is_same = |one: &Range<usize>, other: &Range<usize>| text.get(one.clone()) == text.get(other.clone());
    let mut writer = Writer::new(text, 0);
    let (mut next, mut at) = (0, 0);
    while let Some(rest) = words.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((period, times)) = period(rest, is_same, TIMES_MIN) else {
            at += 1;
            continue;
        };
        // One of them stays; what follows the last goes on from there.
        let end_of = |word: usize| words.get(word).map_or(text.len(), |word| word.end);
        writer.copy_all(text, next..end_of(at + period - 1));
        at += period * times;
        next = end_of(at - 1);
    }
    if next == 0 {
        return None;
    }
    writer.copy_all(text, next..text.len());
    Some(writer.done(Way::Repeated))
}

/// Whether a phrase and the same once more follow the first whole word boundary at or after `at`.
fn begins_a_flood(text: &str, at: usize) -> bool {
    let mut rest = text.get(text.ceil_char_boundary(at)..).unwrap_or_default().split_ascii_whitespace().skip(1);
    let mut words = [""; 2 * PERIOD_MAX + 2];
    let (near, far) = words.split_at_mut(PERIOD_MAX + 1);
    for (place, word) in near.iter_mut().zip(&mut rest) {
        *place = word;
    }
    // Nearly always no phrase can begin with this word, since it does not come back.
    if near.split_first().is_none_or(|(first, later)| !later.contains(first)) {
        return false;
    }
    for (place, word) in far.iter_mut().zip(rest) {
        *place = word;
    }
    let count = words.iter().take_while(|word| !word.is_empty()).count();
    period(words.get(..count).unwrap_or_default(), |one, other| one == other, 2).is_some()
}

/// The shortest phrase at the start of `words` that comes so often in a row, in words, and how often.
fn period<W>(words: &[W], is_same: impl Fn(&W, &W) -> bool, times_min: usize) -> Option<(usize, usize)> {
    (1..=PERIOD_MAX).find_map(|period| {
        let later = words.get(period..)?;
        let same = words.iter().zip(later).take_while(|(one, other)| is_same(one, other)).count();
        let times = same / period + 1;
        (times >= times_min).then_some((period, times))
    })
}

/// Where the words of a text stand.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte.is_ascii_whitespace(), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| from..text.len()));
    words
}
