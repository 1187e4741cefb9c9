//! A project's content policies: what it does not want to be talked about, compiled once and looked for in any text.
//!
//! **What it finds.** A policy is broken by a *pattern* that matches, a *word* or phrase that stands in the text, or a
//! stretch of the text that is like an *example*. Patterns are matched in the [view](crate::view) and, where it
//! differs, in the text as sent; they heed letter case unless they say `(?i)`. Words ignore letter case and accents,
//! and must not be part of a longer word; words of scripts without spaces (Chinese, Japanese, Thai) match anywhere.
//!
//! **What an example is.** There is no model behind it. A text is like an example if a window of it has the same
//! words, or words that share most of their letters, much of them in the same pairs; function words hardly count. It
//! is a *lexical* likeness: it sees changed order, endings, typing errors and added words. It does not see that
//! `explosive device` means `bomb`: give an example for each wording. The figures are in `content/example.rs`.
//!
//! **What it misses.** Meaning; translations; a phrase with two spaces or a mark inside; what the view does not fold.
//!
//! **Bounds.** All of them are checked by [`ContentSet::compile`]. A look takes time linear in the text: one search for
//! each pattern, one pass for all words, one for all examples. Ten policies cost some 7 to 10 ms for 1 MB; a set at all of its bounds, on a
//! text made for it, about 1 s.

use std::ops::Range;

use wardbell_core::content::ContentPolicy;

use crate::view::View;

mod error;
mod example;
mod feature;
mod fold;
mod pattern;
mod word;

pub use error::{ContentError, Field, Reason};

/// The most policies of a project: far more than people can keep in mind.
pub const POLICIES_MAX: usize = 100;

/// All enabled policies of a project, compiled. Immutable: share one between all threads.
#[derive(Debug)]
pub struct ContentSet {
    policies: Vec<Policy>,
    words: word::Words,
    examples: example::Examples,
}

#[derive(Debug)]
struct Policy {
    name: String,
    description: String,
    patterns: pattern::Patterns,
}

/// A policy that a text breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its description, for people.
    pub description: &'s str,
    /// What of the policy was met: a pattern before a word, a word before an example.
    pub by: By,
    /// Where, as byte offsets of the text on character boundaries. Of words and patterns the first place, of examples
    /// the one most alike.
    pub span: Range<usize>,
    /// From 0 to 1: 1 for patterns and words, the likeness for examples.
    pub confidence: f32,
}

/// The entry of a policy that was met, by its position in the policy's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Of `patterns`.
    Pattern(usize),
    /// Of `words`.
    Word(usize),
    /// Of `examples`.
    Example(usize),
}

/// What was found for one policy, in the view.
#[derive(Debug, Clone, PartialEq)]
struct Hit {
    by: By,
    span: Range<usize>,
    confidence: f32,
    /// Whether `span` counts in the text as sent.
    is_source: bool,
}

impl ContentSet {
    /// Checks all policies and compiles those that are enabled.
    ///
    /// # Errors
    /// On the first entry of any policy, enabled or not, that cannot be looked for, and if a bound is passed: the error
    /// names the policy, the list, the entry, and what to do.
    pub fn compile(policies: &[ContentPolicy]) -> Result<Self, ContentError> {
        if policies.len() > POLICIES_MAX {
            return Err(ContentError::of(POLICIES_MAX, "", Field::Policy, None, Reason::Many { max: POLICIES_MAX }));
        }
        // Disabled policies are built like the others and left out after, so that enabling one cannot fail later for
        // what it says itself. Bounds over the set count the enabled ones.
        let (mut kept, mut words, mut examples) = (Vec::new(), word::Builder::default(), example::Builder::default());
        for (index, policy) in policies.iter().enumerate() {
            let problem = |field, entry, reason| ContentError::of(index, &policy.name, field, entry, reason);
            example::check_similarity(policy.similarity).map_err(|reason| problem(Field::Similarity, None, reason))?;
            let patterns = pattern::Patterns::compile(&policy.patterns)
                .map_err(|(entry, reason)| problem(Field::Patterns, Some(entry), reason))?;
            let (mut words_apart, mut examples_apart) = (word::Builder::default(), example::Builder::default());
            let (words, examples) =
                if policy.enabled { (&mut words, &mut examples) } else { (&mut words_apart, &mut examples_apart) };
            let place = kept.len();
            for (entry, word) in policy.words.iter().enumerate() {
                words.add(place, entry, word).map_err(|reason| problem(Field::Words, Some(entry), reason))?;
            }
            for (entry, text) in policy.examples.iter().enumerate() {
                examples
                    .add(place, entry, text, policy.similarity)
                    .map_err(|reason| problem(Field::Examples, Some(entry), reason))?;
            }
            if policy.enabled {
                let (name, description) = (policy.name.clone(), policy.description.clone());
                kept.push(Policy { name, description, patterns });
                let total: usize = kept.iter().map(|policy| policy.patterns.len()).sum();
                if total > pattern::PATTERNS_MAX {
                    return Err(problem(Field::Patterns, None, Reason::Many { max: pattern::PATTERNS_MAX }));
                }
            }
        }
        let words = words.build().map_err(|reason| ContentError::of(0, "", Field::Words, None, reason))?;
        Ok(Self { policies: kept, words, examples: examples.build() })
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
            && self.examples.is_empty()
            && self.policies.iter().all(|policy| policy.patterns.len() == 0)
    }

    /// Finds the policies that `text` breaks, in the order of the policies, each once.
    pub fn look(&self, text: &str) -> Vec<Broken<'_>> {
        if self.is_empty() {
            return Vec::new();
        }
        let view = View::of(text);
        let mut hits: Vec<Option<Hit>> =
            self.policies.iter().map(|policy| policy.patterns.look(view.text(), text)).collect();
        if !(self.words.is_empty() && self.examples.is_empty()) {
            let folded = fold::fold(view.text());
            self.words.look(&folded, &mut hits);
            self.examples.look(&folded, &mut hits);
        }
        self.policies
            .iter()
            .zip(hits)
            .filter_map(|(policy, hit)| {
                let hit = hit?;
                let span = if hit.is_source { hit.span } else { view.to_source(&hit.span) };
                let Policy { name, description, .. } = policy;
                Some(Broken { name, description, by: hit.by, span, confidence: hit.confidence })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
