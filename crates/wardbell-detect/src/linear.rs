//! The linear tier: one weight for each run of letters, added up.
//!
//! **Cast.** [`symbol`] reads a text as a stream of plain symbols: lower case, accents off, digits all alike, white space
//! one space. [`feature`] slides over the stream and names a bucket for each run of three to five symbols, each word and
//! each pair of words. A [`Linear`] holds a weight of eight bits for each of the [`feature::BUCKETS`] buckets.
//!
//! **Theory of operation.** Sums are kept for blocks of [`feature::BLOCK_SYMBOLS`] symbols. A window is two blocks that
//! follow one another, so that windows overlap by half and a hostile line stands whole in one of them. A window's score is
//! the sum of the weights of its features over the square root of their number, plus a bias: text of any length is read
//! once, and memory does not grow with it beyond a few words for each block.
//!
//! **What it does not do.** It knows the words it was shown and little more: it is the first tier, never the judge
//! (`spec/injection-model.md`).

use std::ops::Range;

use crate::linear::feature::Sink;

pub mod feature;
pub mod symbol;

/// The weights of the linear tier.
#[derive(Debug, Clone, Copy)]
pub struct Linear<'m> {
    weights: &'m [i8; feature::BUCKETS],
    /// What one step of a weight is worth.
    scale: f32,
    /// What a window without features scores.
    bias: f32,
}

/// A window of a text and what the linear tier says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Byte offsets into the text that was read, on character boundaries.
    pub span: Range<usize>,
    /// Log-odds, not calibrated: more is more hostile.
    pub logit: f32,
    /// Whether it is in a language that the tier knows well: English, by its function words.
    pub is_known: bool,
}

/// The weights are not those of a linear tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinearError {
    /// There are not [`feature::BUCKETS`] of them.
    #[error("a linear tier has {} weights, not {found}", feature::BUCKETS)]
    Count {
        /// How many there are.
        found: usize,
    },
    /// The scale or the bias is not a finite number.
    #[error("the scale or the bias of the linear tier is not a finite number")]
    NotFinite,
}

impl<'m> Linear<'m> {
    /// A linear tier with these weights, each worth `scale`.
    ///
    /// # Errors
    /// If there are more or fewer than [`feature::BUCKETS`] weights, or a number is not finite.
    pub fn new(weights: &'m [i8], scale: f32, bias: f32) -> Result<Self, LinearError> {
        let Ok(weights) = <&[i8; feature::BUCKETS]>::try_from(weights) else {
            return Err(LinearError::Count { found: weights.len() });
        };
        if !scale.is_finite() || !bias.is_finite() {
            return Err(LinearError::NotFinite);
        }
        Ok(Self { weights, scale, bias })
    }

    /// Scores all windows of a text, in order; one at least. Time is linear in the text.
    pub fn score(&self, text: &str) -> Vec<Scored> {
        let blocks = Vec::with_capacity(text.len() / feature::BLOCK_SYMBOLS + 1);
        let mut sums = Sums { weights: self.weights, blocks, now: Block::default() };
        feature::read(text, &mut sums);
        let Sums { blocks, .. } = sums;
        if let [only] = blocks.as_slice() {
            return vec![self.window(only, &Block::default())];
        }
        blocks.iter().zip(blocks.iter().skip(1)).map(|(first, second)| self.window(first, second)).collect()
    }

    fn window(&self, first: &Block, second: &Block) -> Scored {
        let count = (first.count + second.count).max(1);
        Scored {
            span: first.span.start..first.span.end.max(second.span.end),
            logit: self.bias + self.scale * (first.sum + second.sum) as f32 / (count as f32).sqrt(),
            is_known: (first.stops + second.stops) * STOPS_SHARE >= first.words + second.words,
        }
    }
}

/// The sums of the blocks so far.
struct Sums<'m> {
    weights: &'m [i8; feature::BUCKETS],
    blocks: Vec<Block>,
    /// The block that is being read.
    now: Block,
}

#[derive(Debug, Default)]
struct Block {
    span: Range<usize>,
    sum: i64,
    count: u64,
    words: u64,
    /// How many of the words are English function words.
    stops: u64,
}

/// One word in this many is a function word in English of any kind; in another language hardly any is. Source: ours, from
/// counts of both.
const STOPS_SHARE: u64 = 6;

impl Sink for Sums<'_> {
    fn features(&mut self, buckets: &[u32]) {
        // A bucket is below the number of weights, which is a power of two. A block's weights are fetched in one go: the fetches
        // wait for memory side by side, not one after the other.
        let weight = |bucket: &u32| i32::from(self.weights[*bucket as usize % feature::BUCKETS]);
        self.now.sum += i64::from(buckets.iter().map(weight).sum::<i32>());
        self.now.count += buckets.len() as u64;
    }

    fn words(&mut self, words: u64, stops: u64) {
        self.now.words += words;
        self.now.stops += stops;
    }

    fn block(&mut self, end: usize) {
        self.now.span.end = end;
        let next = Block { span: end..end, ..Block::default() };
        self.blocks.push(std::mem::replace(&mut self.now, next));
    }
}

#[cfg(test)]
mod tests;
