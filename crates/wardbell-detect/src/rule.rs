//! The shape of a rule.
//!
//! A rule is a constant in a file of its own. It says what wakes it ([`Search`]), and it carries the texts that it
//! must find and must not find; one test in the registry runs them all. Rules read the [view](crate::view), never the
//! source: their offsets are offsets of the view until the engine maps them back.

use std::ops::Range;

use wardbell_core::entity::EntityType;

use crate::context;
use crate::digits::DigitRun;

/// One thing to look for.
pub(crate) struct Rule {
    /// `family.name`, unique in the registry; the `rule` of every finding.
    pub(crate) id: &'static str,
    /// What a finding of this rule is.
    pub(crate) entity: EntityType,
    /// One sentence for listings.
    pub(crate) doc: &'static str,
    /// What wakes the rule and how it recognises a match.
    pub(crate) search: Search,
    /// Words near a match that make it likelier, in lower case. ASCII letter case is ignored.
    pub(crate) context: &'static [&'static str],
    /// Texts in which this rule finds something that scores the default threshold of a policy or more.
    pub(crate) hits: &'static [&'static str],
    /// Texts in which this rule finds nothing.
    pub(crate) misses: &'static [&'static str],
}

/// What wakes a rule.
pub(crate) enum Search {
    /// A keyword, and then a pattern in a window about it.
    Pattern(Pattern),
    /// A run of digits with single separators between them. The function is called once for each run and must take
    /// time linear in the run's length.
    Digits(fn(&DigitRun<'_>, &Scene<'_>, &mut Spots<'_>)),
    /// An at sign. The function is called once for each, with its position, and must take time linear in the distance
    /// to the at signs on either side.
    AtSign(fn(usize, &Scene<'_>, &mut Spots<'_>)),
}

/// A regular expression that runs in windows about keywords.
pub(crate) struct Pattern {
    /// Every match of the pattern holds one of these, in any ASCII letter case.
    pub(crate) keywords: &'static [&'static str],
    /// The expression: bytes, ASCII classes. Bounded repeats only, so that the automaton stays small.
    pub(crate) expression: &'static str,
    /// How many bytes a match can start before its keyword.
    pub(crate) lead_bytes_max: usize,
    /// How many bytes a match can reach from the start of its keyword.
    pub(crate) match_bytes_max: usize,
    /// Where a match really ends, if the expression recognises only how it starts: gets the text and where the
    /// expression stopped, returns an offset not before it. Must not look at a byte twice over all matches.
    pub(crate) run_on: Option<fn(&[u8], usize) -> usize>,
    /// A last look at a match; `None` drops it. Must take constant time, apart from a look at the match itself.
    pub(crate) judge: fn(&Scene<'_>, &Range<usize>) -> Option<f32>,
}

/// A match in the view.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    /// Byte offsets of the view.
    pub(crate) span: Range<usize>,
    /// How sure the rule is, from 0 to 1.
    pub(crate) score: f32,
    /// The position of the rule in the engine's list.
    pub(crate) rule: usize,
}

/// Where a rule puts what it finds.
pub(crate) struct Spots<'s> {
    /// All that was found so far, by all rules.
    pub(crate) found: &'s mut Vec<Spot>,
    /// The rule that is looking now.
    pub(crate) rule: usize,
}

impl Spots<'_> {
    /// Notes a match.
    pub(crate) fn push(&mut self, span: Range<usize>, score: f32) {
        self.found.push(Spot { span, score, rule: self.rule });
    }
}

/// What a rule can see: the view, and where its context words stand.
pub(crate) struct Scene<'v> {
    /// The view's bytes. UTF-8, but a rule may look at any byte.
    pub(crate) text: &'v [u8],
    /// Where this rule's context words stand, sorted by start.
    pub(crate) context: &'v [Range<usize>],
}

impl<'v> Scene<'v> {
    /// Whether a context word of the rule stands within six words of `span`.
    pub(crate) fn has_context(&self, span: &Range<usize>) -> bool {
        context::stands_near(self.text, self.context, span)
    }

    /// The byte before `offset`.
    pub(crate) fn before(&self, offset: usize) -> Option<u8> {
        offset.checked_sub(1).and_then(|at| self.text.get(at)).copied()
    }

    /// The byte at `offset`.
    pub(crate) fn at(&self, offset: usize) -> Option<u8> {
        self.text.get(offset).copied()
    }

    /// The bytes of `span`; empty if it is out of bounds.
    pub(crate) fn bytes(&self, span: &Range<usize>) -> &'v [u8] {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

/// Whether `byte` is an ASCII letter or digit: what glues a number to something longer.
pub(crate) fn is_alphanumeric(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}
