//! D4: answers of the model that say the same.
//!
//! **What it finds.** Of the model's last [`TURNS_MAX`] turns without calls, those whose simhash is within [`DISTANCE_MAX`]
//! bits of the last one's.
//!
//! **Theory of operation.** Every three words in a row are hashed; each bit of the simhash is what most of them have. Texts
//! that share nearly all of their triples differ in few bits. Only turns of about the same length are hashed at all: others
//! cannot be near.
//!
//! **What it misses.** Answers of fewer than [`WORDS_MIN`] words (`yes`, `ok`, a label): they are the same for good reasons.
//! Turns that call tools: there the calls tell. The same thought in other words.
//!
//! **Source.** Charikar, "Similarity estimation techniques from rounding algorithms" (2002); distance 3 of 64 bits is that of
//! Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling" (2007).

use wardbell_core::loops::Detector;
use wardbell_core::origin::Origin;
use wardbell_core::policy::Thresholds;
use wardbell_core::transcript::Turn;

use super::LoopFinding;
use super::fold::fold;
use super::keys::LoopKeys;
use super::transcript::level;

/// The most turns of the model that are compared. Source: our choice; twice the threshold and some.
const TURNS_MAX: usize = 16;
/// The most turns at the end of a transcript that are looked through for them. Source: our choice.
const TURNS_BACK_MAX: usize = 256;
/// In how many bits near texts differ at most. Source: Manku et al. (above).
const DISTANCE_MAX: u32 = 3;
/// The fewest words of a text that can be compared. Source: our choice; with fewer triples one word changes many bits.
const WORDS_MIN: usize = 12;
/// The fewest bytes of such a text: letters and spaces.
const BYTES_MIN: usize = 2 * WORDS_MIN - 1;

pub(super) fn inspect(keys: &LoopKeys, thresholds: Thresholds, turns: &[Turn<'_>]) -> Option<LoopFinding> {
    let mut said = turns
        .iter()
        .enumerate()
        .rev()
        .take(TURNS_BACK_MAX)
        .filter(|(_, turn)| turn.origin == Origin::Assistant && turn.calls.is_empty())
        .take(TURNS_MAX);
    let (_, last) = said.next()?;
    if last.text.len() < BYTES_MIN {
        return None;
    }
    let alike: Vec<_> = said.filter(|(_, turn)| is_as_long(turn.text, last.text)).collect();
    level(alike.len() + 1, thresholds)?;
    let mut scratch = Vec::new();
    let own = simhash(keys, last.text, &mut scratch)?;
    let mut first = None;
    let mut count = 1;
    let wanted = usize::try_from(thresholds.warn.min(thresholds.block)).unwrap_or(usize::MAX);
    for (left, (number, turn)) in (0..alike.len()).rev().zip(alike) {
        let near = |other: u64| (own ^ other).count_ones() <= DISTANCE_MAX;
        if turn.text == last.text || simhash(keys, turn.text, &mut scratch).is_some_and(near) {
            count += 1;
            first = Some((number, turn.text));
        }
        if count + left < wanted {
            return None;
        }
    }
    let level = level(count, thresholds)?;
    let (first_step, text) = first?;
    let simhash = simhash(keys, text, &mut scratch)?;
    let detector = Detector::NearDuplicate;
    let fingerprint = keys.seal(&[detector.as_str().as_bytes(), &simhash.to_be_bytes()]);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Some(LoopFinding { detector, level, tool: None, count, fingerprint, first_step })
}

/// Within a sixteenth, which is more than three bits allow, and what volatile parts may differ by.
fn is_as_long(one: &str, other: &str) -> bool {
    const VOLATILE_BYTES: usize = 24;
    one.len().abs_diff(other.len()) <= other.len() / 16 + VOLATILE_BYTES
}

/// `None` for a text of too few words.
fn simhash(keys: &LoopKeys, text: &str, scratch: &mut Vec<u8>) -> Option<u64> {
    scratch.clear();
    fold(text, scratch);
    let mut votes = Votes::default();
    let (mut before, mut words) = ([0_u128; 2], 0);
    for word in scratch.split(|byte| *byte == b' ') {
        let mut mix = keys.mix();
        mix.bytes(word);
        let word = mix.end();
        words += 1;
        if words >= 3 {
            let [first, second] = before;
            let triple = first.rotate_left(2).wrapping_add(second.rotate_left(1)).wrapping_add(word);
            #[expect(clippy::cast_possible_truncation, reason = "64 of its 128 bits")]
            votes.add((triple ^ triple >> 64) as u64);
        }
        before = [before[1], word];
    }
    (words >= WORDS_MIN).then(|| votes.majority())
}

/// How many numbers have each of 64 bits. Eight counters of a byte share a word; they are carried over before they are full.
#[derive(Default)]
struct Votes {
    carried: [[u32; 8]; 8],
    counters: [u64; 8],
    waiting: u32,
    all: u32,
}

impl Votes {
    fn add(&mut self, number: u64) {
        /// Bit `n` of byte `n`.
        const DIAGONAL: u64 = 0x8040_2010_0804_0201;
        const ONES: u64 = 0x0101_0101_0101_0101;
        for (counters, byte) in self.counters.iter_mut().zip(number.to_le_bytes()) {
            let picked = u64::from(byte).wrapping_mul(ONES) & DIAGONAL;
            *counters += (picked + 0x7f * ONES) >> 7 & ONES;
        }
        (self.waiting, self.all) = (self.waiting + 1, self.all.saturating_add(1));
        if self.waiting == u32::from(u8::MAX) {
            self.carry();
        }
    }

    fn carry(&mut self) {
        for (carried, counters) in self.carried.iter_mut().zip(&mut self.counters) {
            for (carried, counter) in carried.iter_mut().zip(counters.to_le_bytes()) {
                *carried = carried.saturating_add(u32::from(counter));
            }
            *counters = 0;
        }
        self.waiting = 0;
    }

    /// The bits that more than half of the numbers have.
    fn majority(mut self) -> u64 {
        self.carry();
        let votes = self.carried.as_flattened().iter().enumerate();
        votes.filter(|(_, votes)| **votes > self.all / 2).fold(0, |hash, (bit, _)| hash | 1 << bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_what_most_numbers_have() {
        let mut votes = Votes::default();
        let mut plain = [0_u32; 64];
        let mut number = 1_u64;
        for _ in 0..1001 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mixed = number ^ number >> 31;
            votes.add(mixed);
            for (bit, votes) in plain.iter_mut().enumerate() {
                *votes += u32::from(mixed >> bit & 1 == 1);
            }
        }
        let expect =
            plain.iter().enumerate().filter(|(_, votes)| **votes > 500).fold(0, |hash, (bit, _)| hash | 1 << bit);
        assert_eq!(votes.majority(), expect);
    }
}
