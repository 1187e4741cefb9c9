//! The same over and over: characters, words, phrases.
//!
//! Three measures, and the highest counts. *Runs*: how much of the text is one character many times. *Words*: the
//! share of the most frequent word, by windows, and the share of phrases of eight words that stood in the same window
//! before. *Period*: how many words equal the word one period before them, where the period was guessed from the last
//! place of the same phrase; it holds over any number of words up to the size of the ring.

use super::words::{self, Word};
use super::{ramp, share};

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Repetition {
    /// From 0 to 1.
    pub(super) score: f32,
    /// All words.
    pub(super) words: usize,
    /// The words that are numbers.
    pub(super) numbers: usize,
}

/// With fewer words than this, words and phrases say nothing: refrains, chants and stammering are short.
const WORDS_MIN: usize = 40;

/// How many words a window has. Long enough that prose repeats itself as little as in a whole book, short enough for a
/// small table.
const WINDOW_WORDS: usize = 1024;

/// How many words a phrase has. Lines of logs and of JSON have shorter stretches without a number; eight words in a row
/// twice in a thousand are rare in prose.
const PHRASE_WORDS: usize = 8;

/// The longest period that is seen, in words. A power of two.
const PERIOD_WORDS_MAX: usize = 4096;

/// How often a phrase must follow itself before it counts as periodic: more than any refrain.
const ROUNDS_MIN: usize = 6;

/// The share of the most frequent word: 0.07 in English prose ("the"), up to 0.4 in tables with a unit in each cell.
const TOP_SHARE: (f32, f32) = (0.4, 0.7);

/// The share of phrases that stood in the window before: below 0.1 in prose and code, up to 0.5 in songs.
const AGAIN_SHARE: (f32, f32) = (0.5, 0.9);

/// The share of words in periodic stretches: zero in prose.
const PERIODIC_SHARE: (f32, f32) = (0.2, 0.8);

/// The number of words in periodic stretches, whatever stands around them: a flood inside a long document.
const PERIODIC_WORDS: (f32, f32) = (1_000.0, 5_000.0);

/// From which length a run of one character counts: longer than a scream, shorter than a rule of a terminal's width.
const RUN_CHARACTERS_MIN: usize = 32;

/// How many characters in runs count: letters and digits, punctuation (rules, leaders, progress bars), white space
/// (indented and padded text).
const RUN_TOTAL_MIN: [usize; 3] = [100, 1_000, 10_000];

/// The share of the text in such runs.
const RUN_SHARE: (f32, f32) = (0.2, 0.6);

/// The number of letters or digits in runs, whatever stands around them.
const RUN_LETTERS: (f32, f32) = (4_000.0, 16_000.0);

/// Looks at a text.
pub(super) fn look(text: &str) -> Repetition {
    let mut counter = Counter::new(text.len());
    words::for_each(text, |word| counter.push(word));
    let counted = counter.finish();
    Repetition { score: counted.score.max(runs(text)), ..counted }
}

/// Words as they pass.
struct Counter {
    words: usize,
    numbers: usize,
    /// The last words, by position modulo the size.
    ring: Vec<Word>,
    /// The hash of the last eight words.
    phrase: u64,
    /// How many of the last words are data, up to eight.
    data_last: usize,
    window: Window,
    top_words: usize,
    again: usize,
    phrases: usize,
    /// Where a phrase was last seen, by its hash; position plus one.
    last: Vec<(u64, usize)>,
    /// The period that holds now, in words; zero if none.
    period: usize,
    /// For how many words it holds.
    held: usize,
    /// How many of those are no data.
    held_telling: usize,
    periodic: usize,
}

/// The multiplier of the rolling hash over a phrase: odd, otherwise free (the golden ratio in 64 bits).
const ROLL: u64 = 0x9e37_79b9_7f4a_7c15;

/// `ROLL` to the power of a phrase's words: what the word that leaves was multiplied by.
const ROLL_OUT: u64 = {
    let mut power = 1_u64;
    let mut at = 0;
    while at < PHRASE_WORDS {
        power = power.wrapping_mul(ROLL);
        at += 1;
    }
    power
};

impl Counter {
    fn new(text_bytes: usize) -> Self {
        // A word takes two bytes at least, its separator counted, so that a small text needs small tables only.
        let size = (text_bytes / 2 + PHRASE_WORDS + 1).next_power_of_two().clamp(16, PERIOD_WORDS_MAX);
        Self {
            words: 0,
            numbers: 0,
            ring: vec![Word { hash: 0, is_data: true, is_number: false }; size],
            phrase: 0,
            data_last: 0,
            window: Window::new(size.min(WINDOW_WORDS)),
            top_words: 0,
            again: 0,
            phrases: 0,
            last: vec![(0, 0); size],
            period: 0,
            held: 0,
            held_telling: 0,
            periodic: 0,
        }
    }

    fn back(&self, words: usize) -> Option<&Word> {
        self.ring.get(self.words.checked_sub(words)? & (self.ring.len() - 1))
    }

    fn push(&mut self, word: Word) {
        self.numbers += usize::from(word.is_number);
        let leaving = self.back(PHRASE_WORDS).copied();
        self.data_last += usize::from(word.is_data);
        self.phrase = self.phrase.wrapping_mul(ROLL).wrapping_add(word.hash);
        if let Some(leaving) = leaving {
            self.phrase = self.phrase.wrapping_sub(leaving.hash.wrapping_mul(ROLL_OUT));
            self.data_last -= usize::from(leaving.is_data);
        }
        self.hold(word);
        let size = self.ring.len();
        if let Some(slot) = self.ring.get_mut(self.words & (size - 1)) {
            *slot = word;
        }
        self.words += 1;
        self.window.words += 1;
        if !word.is_data {
            self.window.count_word(word.hash);
        }
        if self.words >= PHRASE_WORDS {
            let phrase = words::mix(self.phrase);
            // A phrase of data only counts as new: rows of numbers and flags are alike without being a flood.
            self.phrases += 1;
            if self.data_last < PHRASE_WORDS {
                self.again += usize::from(self.window.saw(phrase));
            }
            self.guess(phrase);
        }
        if self.window.words >= WINDOW_WORDS {
            self.top_words += self.window.close();
        }
    }

    /// Whether the period still holds.
    fn hold(&mut self, word: Word) {
        if self.period == 0 {
            return;
        }
        if self.back(self.period).is_some_and(|before| before.hash == word.hash) {
            self.held += 1;
            self.held_telling += usize::from(!word.is_data);
        } else {
            self.end_period();
        }
    }

    fn end_period(&mut self) {
        if self.period > 0 && self.held / self.period >= ROUNDS_MIN {
            self.periodic += self.held_telling;
        }
        (self.period, self.held, self.held_telling) = (0, 0, 0);
    }

    /// Remembers a phrase and takes the distance to its last place for the period, if none holds.
    fn guess(&mut self, phrase: u64) {
        let size = self.last.len();
        let place = usize::try_from(phrase).unwrap_or(0) & (size - 1);
        let Some(slot) = self.last.get_mut(place) else { return };
        if self.period == 0 && slot.1 > 0 && slot.0 == phrase {
            let distance = self.words - slot.1;
            if distance < self.ring.len() {
                (self.period, self.held, self.held_telling) = (distance, 0, 0);
            }
        }
        *slot = (phrase, self.words);
    }

    fn finish(mut self) -> Repetition {
        self.end_period();
        self.top_words += self.window.close();
        let score = if self.words < WORDS_MIN {
            0.0
        } else {
            [
                ramp(share(self.top_words, self.words), TOP_SHARE.0, TOP_SHARE.1),
                ramp(share(self.again, self.phrases), AGAIN_SHARE.0, AGAIN_SHARE.1),
                ramp(share(self.periodic, self.words), PERIODIC_SHARE.0, PERIODIC_SHARE.1),
                ramp(self.periodic as f32, PERIODIC_WORDS.0, PERIODIC_WORDS.1),
            ]
            .into_iter()
            .fold(0.0, f32::max)
        };
        Repetition { score, words: self.words, numbers: self.numbers }
    }
}

/// The words and phrases of one window: two tables that are emptied by a new stamp.
struct Window {
    words: usize,
    stamp: u32,
    counts: Vec<(u64, u32, usize)>,
    phrases: Vec<(u64, u32)>,
    top: usize,
}

/// How many slots are tried for a word. A word that finds none is not counted: the frequent ones come early.
const PROBES_MAX: usize = 8;

impl Window {
    fn new(words: usize) -> Self {
        let slots = words * 2;
        Self { words: 0, stamp: 1, counts: vec![(0, 0, 0); slots], phrases: vec![(0, 0); slots], top: 0 }
    }

    fn count_word(&mut self, hash: u64) {
        let mask = self.counts.len() - 1;
        let start = usize::try_from(hash).unwrap_or(0);
        for probe in 0..PROBES_MAX {
            let Some(slot) = self.counts.get_mut((start + probe) & mask) else { return };
            if slot.1 != self.stamp {
                *slot = (hash, self.stamp, 0);
            }
            if slot.0 == hash {
                slot.2 += 1;
                self.top = self.top.max(slot.2);
                return;
            }
        }
    }

    /// Whether the phrase was in this window before; remembers it.
    fn saw(&mut self, hash: u64) -> bool {
        let mask = self.phrases.len() - 1;
        let start = usize::try_from(hash).unwrap_or(0);
        for probe in 0..PROBES_MAX {
            let Some(slot) = self.phrases.get_mut((start + probe) & mask) else { return false };
            if slot.1 != self.stamp {
                *slot = (hash, self.stamp);
                return false;
            }
            if slot.0 == hash {
                return true;
            }
        }
        false
    }

    /// Ends the window and returns how often its most frequent word stands in it.
    fn close(&mut self) -> usize {
        self.words = 0;
        self.stamp += 1;
        std::mem::take(&mut self.top)
    }
}

/// How far long runs of one character make the text up.
fn runs(text: &str) -> f32 {
    let bytes = text.as_bytes();
    let mut totals = [0_usize; 3];
    // A run of one character has equal bytes at its width's distance, so that most starts need two bytes to be told
    // from a long run. What is read of a run that ends early is skipped, so that no byte is read twice.
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let width = match byte {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
        };
        let probe = RUN_CHARACTERS_MIN * width - width;
        // The far end of a run that would be long enough must be equal.
        if bytes.get(at + probe) != Some(byte) {
            at += width;
            continue;
        }
        let Some(first) = bytes.get(at..at + width) else { break };
        let run = bytes.get(at..).unwrap_or_default().chunks_exact(width).take_while(|chunk| *chunk == first).count();
        if run >= RUN_CHARACTERS_MIN {
            let is_rule =
                || byte.is_ascii_punctuation() || text.get(at..).is_some_and(|rest| rest.starts_with(is_rule));
            let class = if byte.is_ascii_whitespace() { 2 } else { usize::from(is_rule()) };
            if let Some(total) = totals.get_mut(class) {
                *total += run * width;
            }
        }
        at += run.max(1) * width;
    }
    let by_share = totals
        .iter()
        .zip(RUN_TOTAL_MIN)
        .filter(|(total, least)| *total >= least)
        .map(|(total, _)| ramp(share(*total, bytes.len()), RUN_SHARE.0, RUN_SHARE.1))
        .fold(0.0, f32::max);
    by_share.max(ramp(totals[0] as f32, RUN_LETTERS.0, RUN_LETTERS.1))
}

/// Whether a character draws lines, boxes and bars.
fn is_rule(character: char) -> bool {
    matches!(character, '\u{2010}'..='\u{2015}' | '\u{2022}' | '\u{2026}' | '\u{2500}'..='\u{25FF}' | '\u{3000}' | '\u{00A0}')
}
