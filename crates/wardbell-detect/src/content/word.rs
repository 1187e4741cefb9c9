//! Words and phrases of all policies: one automaton, one pass.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::error::Reason;
use super::{By, Hit, fold};
use crate::view::{self, View};

/// The most words of all enabled policies.
const WORDS_MAX: usize = 10_000;

/// The longest word or phrase, in bytes.
const WORD_BYTES_MAX: usize = 256;

/// The most bytes of all words: the automaton takes some tens of bytes for each.
const WORDS_BYTES_MAX: usize = 1 << 18;

/// How many words may be endings of one word: each costs a look wherever the longest stands.
const ENDINGS_MAX: usize = 16;

/// Words in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    /// Each word, folded, with the policies that have it and its position there.
    words: BTreeMap<String, Vec<(usize, usize)>>,
    count: usize,
    bytes: usize,
}

impl Builder {
    /// Adds a word of the policy at `policy`.
    pub(super) fn add(&mut self, policy: usize, entry: usize, word: &str) -> Result<(), Reason> {
        let view = View::of(word);
        let folded = fold::fold(view.text().trim());
        if folded.is_empty() {
            return Err(Reason::Empty);
        }
        if folded.len() > WORD_BYTES_MAX {
            return Err(Reason::Long { max_bytes: WORD_BYTES_MAX });
        }
        self.count += 1;
        self.bytes += folded.len();
        if self.count > WORDS_MAX || self.bytes > WORDS_BYTES_MAX {
            return Err(Reason::Many { max: WORDS_MAX });
        }
        self.words.entry(folded).or_default().push((policy, entry));
        Ok(())
    }

    pub(super) fn build(self) -> Result<Words, Reason> {
        for word in self.words.keys() {
            let endings = word
                .char_indices()
                .skip(1)
                .filter(|(at, _)| word.get(*at..).is_some_and(|ending| self.words.contains_key(ending)))
                .count();
            if endings > ENDINGS_MAX {
                return Err(Reason::Nested { max: ENDINGS_MAX });
            }
        }
        if self.words.is_empty() {
            return Ok(Words { automaton: None, owners: Vec::new() });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(self.words.keys())
            .map_err(|error| Reason::Automaton { problem: error.to_string() })?;
        Ok(Words { automaton: Some(automaton), owners: self.words.into_values().collect() })
    }
}

/// All words, compiled.
#[derive(Debug)]
pub(super) struct Words {
    automaton: Option<AhoCorasick>,
    /// The policies of each word of the automaton, and its position there.
    owners: Vec<Vec<(usize, usize)>>,
}

impl Words {
    pub(super) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// Notes the first word of each policy that has no hit yet. `text` is folded.
    pub(super) fn look(&self, text: &str, hits: &mut [Option<Hit>]) {
        let Some(automaton) = &self.automaton else { return };
        for found in automaton.find_overlapping_iter(text) {
            let Some(owners) = self.owners.get(found.pattern().as_usize()) else { continue };
            let is_new = |owner: &&(usize, usize)| hits.get(owner.0).is_some_and(Option::is_none);
            if !owners.iter().any(|owner| is_new(&owner)) || !stands_alone(text, &found.range()) {
                continue;
            }
            for (policy, entry) in owners {
                if let Some(hit @ None) = hits.get_mut(*policy) {
                    *hit = Some(Hit { by: By::Word(*entry), span: found.range(), confidence: 1.0, is_source: false });
                }
            }
        }
    }
}

/// Whether the word at `span` is no part of a longer word.
fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let inside = text.get(span.clone()).unwrap_or_default();
    let before = text.get(..span.start).and_then(|before| before.chars().next_back());
    let after = text.get(span.end..).and_then(|after| after.chars().next());
    let part = |one: Option<char>, other: Option<char>| one.is_some_and(joins) && other.is_some_and(joins);
    !part(before, inside.chars().next()) && !part(inside.chars().next_back(), after)
}

/// Whether a character makes a longer word with its neighbour: letters and digits of scripts with spaces.
fn joins(character: char) -> bool {
    character.is_alphanumeric() && !view::is_unspaced(character)
}
