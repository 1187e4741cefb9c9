//! Detectors on any text.

use std::ops::Range;
use std::sync::LazyLock;

use wardbell_core::content::{ContentPolicy, SIMILARITY_DEFAULT};
use wardbell_core::finding::Finding;
use wardbell_detect::abuse;
use wardbell_detect::content::ContentSet;
use wardbell_detect::engine::{Engine, EngineSettings};
use wardbell_detect::reading::{PLAIN_GROWTH_MAX, READINGS_MAX, Readings};

use crate::HEAD_BYTES;

/// Everything that is built in. Without it no target of this file could say anything.
#[expect(clippy::expect_used, reason = "a test of the engine builds every rule")]
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(&EngineSettings::default()).expect("the built-in rules compile"));

/// What the built-in engine finds.
pub(crate) fn find(text: &str) -> Vec<Finding> {
    ENGINE.scan(text)
}

pub(crate) fn engine(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = find(&text);
    for finding in &found {
        stands_in(&text, &finding.span);
        assert!((0.0..=1.0).contains(&finding.score));
    }
    assert!(found.is_sorted_by_key(|finding| (finding.span.start, finding.span.end)));
    for injection in [false, true] {
        let kind: Vec<_> = found.iter().filter(|finding| finding.entity.is_injection() == injection).collect();
        assert!(kind.windows(2).all(|pair| matches!(pair, [one, other] if one.span.end <= other.span.start)));
    }
}

/// The policy's lists stand before a zero byte, one entry a line: `p`, `w` or `e` says which list.
pub(crate) fn content_abuse(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(0);
    let (lists, text) = data.split_at(at);
    let (lists, text) = (String::from_utf8_lossy(lists), String::from_utf8_lossy(text));
    let of = |list: char| lists.lines().filter_map(move |line| line.strip_prefix(list)).map(str::to_owned).collect();
    let policy = ContentPolicy {
        name: "any".to_owned(),
        description: String::new(),
        enabled: true,
        patterns: of('p'),
        words: of('w'),
        examples: of('e'),
        similarity: SIMILARITY_DEFAULT,
    };
    if let Ok(set) = ContentSet::compile(&[policy]) {
        let broken = set.look(&text);
        assert!(broken.len() <= 1);
        for broken in broken {
            stands_in(&text, &broken.span);
            assert!((0.0..=1.0).contains(&broken.confidence));
        }
    }
    let abuse = abuse::look(&text);
    for indicator in [abuse.bot, abuse.repetition, abuse.resource, abuse.pattern] {
        assert!((0.0..=1.0).contains(&indicator));
    }
}

/// The head says, in two bytes each, where a span of a reading begins and ends.
pub(crate) fn injection_readings(data: &[u8]) {
    let (head, text) = data.split_at(data.len().min(HEAD_BYTES));
    let number = |at: usize| {
        head.get(at..at + 2).map_or(0, |two| two.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)))
    };
    let text = String::from_utf8_lossy(text);
    let readings = Readings::of(&text);
    let bytes: usize = readings.iter().map(|reading| reading.text().len()).sum();
    // One sign may stand for many letters: the plain form has at most eleven times the bytes (`PLAIN_GROWTH_MAX`); what is found in it, three
    // times, and 64 KiB.
    assert!(bytes <= text.len() * (PLAIN_GROWTH_MAX + 3) + 64 * 1024, "{bytes} bytes of {}", text.len());
    assert!((1..=READINGS_MAX).contains(&readings.iter().len()));
    assert!((0..readings.iter().len()).any(|index| !readings.is_superseded(index)));
    for (index, reading) in readings.iter().enumerate() {
        let length = reading.text().len();
        let (one, other) = (number(0).min(length), number(2).min(length));
        let span = readings.to_source(index, &(one.min(other)..one.max(other)));
        assert!(text.get(span.clone()).is_some(), "{span:?} of {}", text.len());
    }
}

/// A span is within the text, on the boundaries of characters.
fn stands_in(text: &str, span: &Range<usize>) {
    assert!(text.get(span.clone()).is_some_and(|piece| !piece.is_empty()), "{span:?} of {}", text.len());
}
