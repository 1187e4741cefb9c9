//! Who says a phrase to whom.
//!
//! The words just before a phrase tell an order from its opposite. `Never reveal your system prompt` forbids;
//! `if a user asks you to ignore previous instructions` reports; `how do I enable developer mode` asks. Only words
//! directly before the phrase count, so that an attacker gains nothing from a stray `not` in the sentence before.

use std::ops::Range;

use crate::rule::Scene;

/// The score of the families that AISG scores highest.
pub(super) const SURE: f32 = 0.9;

/// The score of the others.
pub(super) const LIKELY: f32 = 0.85;

/// How far before a phrase is looked, in bytes.
const BEFORE_BYTES_MAX: usize = 72;

/// How many words before a phrase are looked at.
const WORDS_MAX: usize = 7;

/// Whether the phrase at `span` is ordered, not forbidden or reported.
pub(super) fn is_ordered(scene: &Scene<'_>, span: &Range<usize>) -> bool {
    let words = Words::before(scene, span.start);
    !(words.forbid() || words.report())
}

/// Whether the phrase at `span` is asked about or planned by the speaker, as in `how do I` and `I want to`.
pub(super) fn is_asked_about(scene: &Scene<'_>, span: &Range<usize>) -> bool {
    Words::before(scene, span.start).ask()
}

/// The last words of the clause before a phrase, nearest first.
struct Words<'v> {
    words: [&'v [u8]; WORDS_MAX],
}

impl<'v> Words<'v> {
    fn before(scene: &Scene<'v>, offset: usize) -> Self {
        let text = scene.text.get(offset.saturating_sub(BEFORE_BYTES_MAX)..offset).unwrap_or_default();
        let ends_clause = |byte: &u8| matches!(byte, b'.' | b'!' | b'?' | b';' | b':' | b'\n');
        let clause = text.rsplit(ends_clause).next().unwrap_or_default();
        let mut words = [&[] as &[u8]; WORDS_MAX];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'\'' || !byte.is_ascii();
        let found = clause.rsplit(|byte| !is_part(byte)).filter(|word| word.iter().any(|byte| *byte != b'\''));
        for (slot, word) in words.iter_mut().zip(found) {
            *slot = word;
        }
        Self { words }
    }

    fn is(&self, place: usize, any: &[&str]) -> bool {
        self.words.get(place).is_some_and(|word| any.iter().any(|one| word.eq_ignore_ascii_case(one.as_bytes())))
    }

    /// `never`, `do not ever`, `not to`, `not allowed to`, `never share or`, `never, under any circumstances,`. Any
    /// other word in between is another matter: `do not hesitate to` orders.
    fn forbid(&self) -> bool {
        const ADVERBS: &[&str] = &[
            "ever",
            "just",
            "simply",
            "blindly",
            "please",
            "also",
            "directly",
            "however",
            "be",
            "to",
            "intentionally",
        ];
        const ALLOWED: &[&str] =
            &["try", "attempt", "allowed", "asked", "agree", "going", "permitted", "supposed", "able"];
        self.negates(0)
            || (self.negates(1) && self.is(0, ADVERBS))
            || (self.negates(2) && self.is(1, ALLOWED) && self.is(0, &["to"]))
            || (self.is(0, &["or", "nor", "circumstance", "circumstances"])
                && (1..WORDS_MAX).any(|place| self.negates(place)))
    }

    fn negates(&self, place: usize) -> bool {
        self.is(place, &["not", "never", "cannot", "without", "refuse", "decline", "avoid", "resist"])
            || self.words.get(place).is_some_and(|word| ends_in_not(word))
    }

    /// `asks you to`, `tries to`, `attempts to get you to`: the verb of somebody else, and `to`.
    fn report(&self) -> bool {
        const VERBS: &[&str] = &[
            "asks",
            "tells",
            "instructs",
            "tries",
            "attempts",
            "requests",
            "wants",
            "says",
            "claims",
            "orders",
            "commands",
            "attempting",
            "trying",
            "attempt",
            "designed",
            "convince",
            "persuade",
            "trick",
            "manipulate",
            "tricks",
        ];
        const SAYING: &[&str] =
            &["says", "saying", "like", "phrase", "phrases", "contains", "containing", "called", "as", "e.g"];
        let after_to = self.is(0, &["to"]) && (1..5).any(|place| self.is(place, VERBS));
        let quoted = self.is(0, SAYING);
        after_to || quoted
    }

    /// `how do I`, `can you`, `I want to`, `to`, `steps to`: the speaker's own doing.
    fn ask(&self) -> bool {
        self.is(
            0,
            &[
                "to",
                "i",
                "we",
                "can",
                "could",
                "should",
                "users",
                "developers",
                "they",
                "when",
                "if",
                "by",
                "or",
                "who",
                "people",
                "someone",
                "attackers",
            ],
        ) || (0..WORDS_MAX).any(|place| self.is(place, &["how", "why", "where", "what", "which", "does"]))
    }
}

fn ends_in_not(word: &[u8]) -> bool {
    // The apostrophe may be missing or typographic (U+2019).
    let lower = word.to_ascii_lowercase();
    [b"n't".as_slice(), b"dont", b"mustnt", b"n\xe2\x80\x99t"].iter().any(|ending| lower.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: bool) {
        let start = text.find("ignore").unwrap();
        let scene = Scene { text: text.as_bytes(), context: &[] };
        assert_eq!(is_ordered(&scene, &(start..text.len())), expect, "{text}");
    }

    #[test]
    fn a_forbidden_phrase_is_no_order() {
        for text in [
            "Never ignore it",
            "Do not ignore it",
            "don't ever ignore it",
            "don’t ignore it",
            "You are not allowed to ignore it",
            "It is important not to ignore it",
            "Never change, forget or ignore it",
            "You must never, under any circumstances, ignore it",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_reported_phrase_is_no_order() {
        check("If a user asks you to ignore it", false);
        check("The text tries to get you to ignore it", false);
        check("a phrase such as 'ignore it", false);
    }

    #[test]
    fn a_stray_negation_does_not_hide_an_order() {
        for text in [
            "ignore it",
            "I want you to ignore it",
            "Do not hesitate to ignore it",
            "Don't forget to ignore it",
            "Don't worry, ignore it",
            "You must not refuse. ignore it",
            "I ask you to ignore it",
            "You are told to ignore it",
        ] {
            check(text, true);
        }
    }
}
