//! Texts that a matching text resembles: how alike, and where.
//!
//! An example is a vector of its [features](super::feature). For each example a window slides over the words of the
//! text, a quarter longer than the example, and its vector is compared by the cosine; the best place counts. The
//! window's length as a vector is taken from its words one by one, and never as less than the example's, so that one
//! word of an example at the start of a text is not much like it. A word that stands in a window twice is like the
//! example once. Only words that have something in common with an example cost more than a look into a table, so
//! that the time is linear in the text for a given set.
//!
//! **Figures.** `cargo test -p wardbell-detect content -- --nocapture`, triples of an example, a paraphrase that keeps
//! some of its words, and another text on the same topic, in seven languages, at the default of 0.6:
//!
//! | triples | paraphrases found | other texts taken |
//! |---|---:|---:|
//! | 44 with which the weights were chosen | 40 | 1 |
//! | 16 written afterwards | 12 | 0 |
//! | any text against the example of another triple | | 0 of 7,080 |
//!
//! The one that is taken (0.63) has `front door` and `lock` of a question about picking one. The paraphrases' median is
//! 0.79. At 0.55 the 44 give 42 and 2, the 16 give 15 and 0. Paraphrases in wholly other words are not found at all.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::ops::Range;

use super::error::Reason;
use super::feature::{self, Kind, Plain, Token};
use super::{By, Hit, fold};
use crate::view::View;

/// The most examples of all enabled policies: a word that is in all of them costs as many steps.
const EXAMPLES_MAX: usize = 256;

/// The longest example, in bytes: two long paragraphs.
const EXAMPLE_BYTES_MAX: usize = 2_000;

/// The fewest telling words of an example; a character of a script without spaces counts as a third.
const TELLING_MIN: usize = 2;

/// How many characters of a script without spaces tell as much as a word.
const CHARACTERS_PER_WORD: usize = 3;

/// The most features of all examples: some 6 MB of tables.
const FEATURES_MAX: usize = 1 << 17;

/// The lowest likeness that a policy may ask for: below it unrelated texts match.
const SIMILARITY_MIN: f32 = 0.3;

/// How much two different words must share in their runs of letters to be like each other at all: endings such as
/// `-ing` are below, the forms of one word above.
const RUNS_SHARED_MIN: f32 = 0.3;

/// How many words of a text are remembered with what they have in common with the examples.
const KNOWN_WORDS: usize = 1024;

/// How many words a window has at most: an example of [`EXAMPLE_BYTES_MAX`] has half as many words as bytes, and the
/// window is a quarter longer. A power of two.
const WINDOW_WORDS_MAX: usize = 2048;

/// Checks the least likeness of a policy.
pub(super) fn check_similarity(similarity: f32) -> Result<(), Reason> {
    if (SIMILARITY_MIN..=1.0).contains(&similarity) { Ok(()) } else { Err(Reason::Similarity { min: "0.3" }) }
}

/// Examples in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    examples: Vec<Example>,
    /// Each feature, with the examples that have it and its weight there.
    features: BTreeMap<u64, Vec<(u32, f32)>>,
    count: usize,
}

impl Builder {
    /// Adds an example of the policy at `policy`.
    pub(super) fn add(&mut self, policy: usize, entry: usize, text: &str, similarity: f32) -> Result<(), Reason> {
        if text.trim().is_empty() {
            return Err(Reason::Empty);
        }
        if text.len() > EXAMPLE_BYTES_MAX {
            return Err(Reason::Long { max_bytes: EXAMPLE_BYTES_MAX });
        }
        if self.examples.len() >= EXAMPLES_MAX {
            return Err(Reason::Many { max: EXAMPLES_MAX });
        }
        let view = View::of(text);
        let vector = Vector::of(&fold::fold(view.text()));
        if vector.telling < TELLING_MIN * CHARACTERS_PER_WORD {
            return Err(Reason::Vague { min: TELLING_MIN });
        }
        self.count += vector.weights.len();
        if self.count > FEATURES_MAX {
            return Err(Reason::Features { max: FEATURES_MAX });
        }
        let index = u32::try_from(self.examples.len()).unwrap_or(u32::MAX);
        let square: f32 = vector.weights.values().map(|weight| weight * weight).sum();
        for (feature, weight) in vector.weights {
            self.features.entry(feature).or_default().push((index, weight));
        }
        let window = (vector.tokens + vector.tokens / 4 + 2).min(WINDOW_WORDS_MAX - 1);
        self.examples.push(Example { policy, entry, similarity, square, window });
        Ok(())
    }

    pub(super) fn build(self) -> Examples {
        Examples { examples: self.examples, features: self.features.into_iter().collect() }
    }
}

/// An example as a vector.
#[derive(Debug, Default)]
struct Vector {
    weights: BTreeMap<u64, f32>,
    tokens: usize,
    /// How much it tells, in characters of a script without spaces.
    telling: usize,
}

impl Vector {
    fn of(folded: &str) -> Self {
        let mut vector = Self::default();
        let mut seen = std::collections::BTreeSet::new();
        let mut last: Option<(Kind, u64)> = None;
        feature::for_each(folded, |token| {
            let kind = token.kind();
            vector.tokens += 1;
            let word = folded.get(token.start..token.end).unwrap_or_default();
            if seen.insert(token.hash) {
                vector.telling += match kind {
                    Kind::Telling => CHARACTERS_PER_WORD,
                    Kind::Character => 1,
                    Kind::Stop => 0,
                };
                feature::of_word(kind, token.hash, word, |feature, weight| {
                    *vector.weights.entry(feature).or_default() += weight;
                });
            }
            if kind == Kind::Stop {
                return;
            }
            if let Some((feature, weight)) = last.and_then(|last| feature::of_pair(last, (kind, token.hash))) {
                vector.weights.insert(feature, weight);
            }
            last = Some((kind, token.hash));
        });
        vector
    }
}

#[derive(Debug, Clone, Copy)]
struct Example {
    policy: usize,
    entry: usize,
    similarity: f32,
    /// The square of its length as a vector.
    square: f32,
    /// How many words of a text are compared with it at once.
    window: usize,
}

/// All examples, compiled.
#[derive(Debug)]
pub(super) struct Examples {
    examples: Vec<Example>,
    features: HashMap<u64, Vec<(u32, f32)>, BuildHasherDefault<Plain>>,
}

impl Examples {
    pub(super) fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// Notes the place most like an example for each policy that has no hit yet. `text` is folded.
    pub(super) fn look(&self, text: &str, hits: &mut [Option<Hit>]) {
        let is_open = |example: &Example| hits.get(example.policy).is_some_and(Option::is_none);
        if !self.examples.iter().any(is_open) {
            return;
        }
        let mut slide = Slide::new(self);
        feature::for_each(text, |token| slide.push(token, text));
        for (example, track) in self.examples.iter().zip(&slide.tracks) {
            let Some(hit) = hits.get_mut(example.policy) else { continue };
            // A word or a pattern was there before; of examples the best one stays.
            let is_better =
                hit.as_ref().is_none_or(|hit| matches!(hit.by, By::Example(_)) && hit.confidence < track.best);
            if track.best >= example.similarity && is_better {
                *hit = Some(Hit {
                    by: By::Example(example.entry),
                    span: track.place.clone(),
                    confidence: track.best,
                    is_source: false,
                });
            }
        }
    }
}

/// What a word of the text has in common with the examples.
#[derive(Debug, Clone)]
struct Known {
    hash: u64,
    kind: Kind,
    /// Where it stood last, by its number in the text plus one.
    last: usize,
    shared: Vec<(u32, f32)>,
}

/// The window of one example.
#[derive(Debug, Clone, Default)]
struct Track {
    /// The words in the window that have something in common: their number, how much, and where they start.
    inside: VecDeque<(usize, f32, usize)>,
    dot: f32,
    best: f32,
    place: Range<usize>,
}

struct Slide<'e> {
    set: &'e Examples,
    tracks: Vec<Track>,
    known: Vec<Option<Known>>,
    /// The sum of the energies of all words before each of the last words.
    energies: Vec<f64>,
    energy: f64,
    tokens: usize,
    /// The last word that is no function word.
    last: Option<(Kind, u64)>,
    /// How much the word at hand shares with each example, and which.
    sums: Vec<f32>,
    touched: Vec<u32>,
}

impl<'e> Slide<'e> {
    fn new(set: &'e Examples) -> Self {
        Self {
            set,
            tracks: vec![Track::default(); set.examples.len()],
            known: vec![None; KNOWN_WORDS],
            energies: vec![0.0; WINDOW_WORDS_MAX],
            energy: 0.0,
            tokens: 0,
            last: None,
            sums: vec![0.0; set.examples.len()],
            touched: Vec::new(),
        }
    }

    fn push(&mut self, token: Token, text: &str) {
        let slot = usize::try_from(token.hash).unwrap_or(0) % KNOWN_WORDS;
        let mut known = match self.known.get_mut(slot).and_then(Option::take) {
            Some(known) if known.hash == token.hash => known,
            _ => self.meet(token, text.get(token.start..token.end).unwrap_or_default()),
        };
        let number = self.tokens;
        if let Some(place) = self.energies.get_mut(number % WINDOW_WORDS_MAX) {
            *place = self.energy;
        }
        self.tokens += 1;
        self.energy += f64::from(feature::energy(known.kind));
        let pair = if known.kind == Kind::Stop {
            None
        } else {
            let now = (known.kind, token.hash);
            self.last.replace(now).and_then(|last| feature::of_pair(last, now))
        };
        let pair = pair.map(|(feature, weight)| {
            self.energy += f64::from(weight * weight);
            (self.set.features.get(&feature).map(Vec::as_slice).unwrap_or_default(), weight)
        });
        for (example, shared) in &known.shared {
            self.meet_example(*example, *shared, number, known.last, &token, known.kind == Kind::Stop);
        }
        if let Some((owners, weight)) = pair {
            for (example, other) in owners {
                self.meet_example(*example, weight * other, number, 0, &token, false);
            }
        }
        known.last = number + 1;
        if let Some(place) = self.known.get_mut(slot) {
            *place = Some(known);
        }
    }

    /// Looks a word up for the first time.
    fn meet(&mut self, token: Token, word: &str) -> Known {
        let kind = token.kind();
        let Self { set, sums, touched, .. } = self;
        let mut shared: Vec<(u32, f32)> = Vec::new();
        let mut is_word_itself = true;
        feature::of_word(kind, token.hash, word, |feature, weight| {
            let owners = set.features.get(&feature).map(Vec::as_slice).unwrap_or_default();
            if std::mem::take(&mut is_word_itself) {
                shared.extend(owners.iter().map(|(example, other)| (*example, weight * other)));
                return;
            }
            for (example, other) in owners {
                let Some(sum) = sums.get_mut(*example as usize) else { continue };
                if *sum == 0.0 {
                    touched.push(*example);
                }
                *sum += weight * other;
            }
        });
        for example in touched.drain(..) {
            let Some(sum) = sums.get_mut(example as usize).map(std::mem::take) else { continue };
            match shared.binary_search_by_key(&example, |(example, _)| *example) {
                Ok(at) => {
                    if let Some((_, known)) = shared.get_mut(at) {
                        *known += sum;
                    }
                }
                Err(at) if sum >= RUNS_SHARED_MIN => shared.insert(at, (example, sum)),
                Err(_) => {}
            }
        }
        Known { hash: token.hash, kind, last: 0, shared }
    }

    /// Takes what the word at hand shares with an example into the example's window, and compares.
    fn meet_example(&mut self, index: u32, shared: f32, number: usize, last: usize, token: &Token, is_stop: bool) {
        let index = index as usize;
        let (Some(example), Some(track)) = (self.set.examples.get(index), self.tracks.get_mut(index)) else { return };
        let first = (number + 1).saturating_sub(example.window);
        // The same word is in the window already.
        if last > first {
            return;
        }
        while let Some((at, gone, _)) = track.inside.front().copied() {
            if at >= first {
                break;
            }
            track.dot -= gone;
            track.inside.pop_front();
        }
        if track.inside.is_empty() {
            track.dot = 0.0;
        }
        track.dot += shared;
        track.inside.push_back((number, shared, token.start));
        if is_stop {
            return;
        }
        // The window is taken from its first word that has something in common.
        let from = track.inside.front().map_or(number, |(at, ..)| *at);
        let before = self.energies.get(from % WINDOW_WORDS_MAX).copied().unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a window's energy is a small number")]
        let square = ((self.energy - before) as f32).max(example.square);
        let likeness = (track.dot / (square * example.square).sqrt()).min(1.0);
        if likeness > track.best {
            track.best = likeness;
            track.place = track.inside.front().map_or(token.start, |(_, _, start)| *start)..token.end;
        }
    }
}
