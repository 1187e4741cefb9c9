//! Lets every token look at every other: `softmax(query · key / √32)` weighs the values, head by head.
//!
//! The keys of a head are laid out so that sixteen of them are multiplied side by side, the values so that a token's 32 numbers
//! are. Four queries share each key that is loaded, two each value.
//!
//! Keys and values are laid out by one pass; the products are a compiler's work but for AVX-512, which has them in `kernel/x86.rs`.
//!
//! Loops are spelled out where a closure would be shorter: a closure that is not inlined is compiled for the plain
//! path, and so is all that it calls.

use crate::kernel::{Pass, Path};
use crate::number;
use crate::shape::HEAD_WIDTH;

/// How many keys stand side by side.
pub(crate) const BLOCK: usize = 16;
/// How many queries are done together.
pub(crate) const QUERIES: usize = 4;
/// 1 / √32, for powers of two instead of `e`.
const SCALE: f32 = 0.176_776_7 * std::f32::consts::LOG2_E;

/// Memory for one head.
#[derive(Debug, Default)]
pub(crate) struct HeadSpace {
    keys: Vec<Keys>,
    values: Vec<[f32; HEAD_WIDTH]>,
    weights: KeyWeights,
}

impl HeadSpace {
    /// Makes room for windows of `tokens`.
    pub(crate) fn resize(&mut self, tokens: usize) {
        let blocks = tokens.div_ceil(BLOCK);
        self.keys.resize(blocks, [[0.0; BLOCK]; HEAD_WIDTH]);
        self.values.resize(tokens, [0.0; HEAD_WIDTH]);
        for weights in &mut self.weights {
            weights.resize(blocks, [0.0; BLOCK]);
        }
    }
}

/// Queries that are done together.
pub(crate) type Queries = [[f32; HEAD_WIDTH]; QUERIES];
/// Sixteen keys side by side.
pub(crate) type Keys = [[f32; BLOCK]; HEAD_WIDTH];
/// By query, in blocks of sixteen: the weight of each key.
pub(crate) type KeyWeights = [Vec<[f32; BLOCK]>; QUERIES];

/// The attention of all heads over a window.
pub(crate) struct Attention<'a> {
    /// By token: queries, keys and values of all heads.
    pub(crate) mixed: &'a [f32],
    /// By token: what all heads give.
    pub(crate) context: &'a mut [f32],
    pub(crate) heads: usize,
    /// Sized for the window.
    pub(crate) space: &'a mut HeadSpace,
}

impl Attention<'_> {
    /// Fills `context`.
    pub(crate) fn run(self, path: Path) {
        let Attention { mixed, context, heads, space } = self;
        let hidden = heads * HEAD_WIDTH;
        for first in (0..hidden).step_by(HEAD_WIDTH) {
            path.pass(LayOut { mixed, hidden, first, space });
            path.weigh(Weigh { mixed, context, hidden, first, space });
        }
    }
}

/// Lays out the keys and values of the head whose numbers start at `first`.
struct LayOut<'a> {
    mixed: &'a [f32],
    hidden: usize,
    first: usize,
    space: &'a mut HeadSpace,
}

impl Pass for LayOut<'_> {
    #[inline(always)]
    fn run(self) {
        let HeadSpace { keys, values, .. } = self.space;
        for (token, mixed) in self.mixed.chunks_exact(3 * self.hidden).enumerate() {
            let key: [f32; HEAD_WIDTH] = part(mixed, self.hidden + self.first);
            for (row, number) in keys[token / BLOCK].iter_mut().zip(key) {
                row[token % BLOCK] = number;
            }
            values[token] = part(mixed, 2 * self.hidden + self.first);
        }
    }
}

/// Has every query of a head weigh the values, which are laid out.
pub(crate) struct Weigh<'a> {
    mixed: &'a [f32],
    context: &'a mut [f32],
    hidden: usize,
    first: usize,
    space: &'a mut HeadSpace,
}

impl Weigh<'_> {
    /// `score` gives the product of each query with each key, `gather` the values by their weights.
    #[inline(always)]
    pub(crate) fn apply(
        self,
        score: impl Fn(&Queries, &[Keys], &mut KeyWeights),
        gather: impl Fn(&KeyWeights, &[[f32; HEAD_WIDTH]]) -> Queries,
    ) {
        let HeadSpace { keys, values, weights } = self.space;
        let tokens = values.len();
        for start in (0..tokens).step_by(QUERIES) {
            let mut queries = [[0.0; HEAD_WIDTH]; QUERIES];
            for (query, token) in queries.iter_mut().zip(start..tokens) {
                *query = part(self.mixed, token * 3 * self.hidden + self.first);
            }
            score(&queries, keys, weights);
            let mut shares = [0.0; QUERIES];
            for (share, weights) in shares.iter_mut().zip(weights.iter_mut()) {
                *share = softmax(weights, tokens);
            }
            let gathered = gather(weights, values);
            for ((token, gathered), share) in (start..tokens).zip(gathered).zip(shares) {
                let out = &mut self.context[token * self.hidden + self.first..][..HEAD_WIDTH];
                for (out, sum) in out.iter_mut().zip(gathered) {
                    *out = sum * share;
                }
            }
        }
    }
}

impl Pass for Weigh<'_> {
    #[inline(always)]
    fn run(self) {
        self.apply(score, gather);
    }
}

/// The 32 numbers of a head that start at `first`.
#[inline(always)]
fn part(row: &[f32], first: usize) -> [f32; HEAD_WIDTH] {
    row[first..].first_chunk().copied().unwrap_or([0.0; HEAD_WIDTH])
}

/// The product of each query with each key.
#[inline(always)]
fn score(queries: &Queries, keys: &[Keys], weights: &mut KeyWeights) {
    for (block, keys) in keys.iter().enumerate() {
        let mut sums = [[0.0_f32; BLOCK]; QUERIES];
        for (number, keys) in keys.iter().enumerate() {
            for (query, sums) in queries.iter().zip(&mut sums) {
                for (sum, key) in sums.iter_mut().zip(keys) {
                    *sum = query[number].mul_add(*key, *sum);
                }
            }
        }
        for (weights, sums) in weights.iter_mut().zip(sums) {
            weights[block] = sums;
        }
    }
}

/// Turns products into weights that are not yet divided by their sum; gives 1 / sum. What stands beyond `tokens` becomes so
/// small that it counts for nothing.
#[inline(always)]
fn softmax(weights: &mut [[f32; BLOCK]], tokens: usize) -> f32 {
    let weights = weights.as_flattened_mut();
    weights[tokens..].fill(f32::MIN);
    let mut most = [f32::MIN; BLOCK];
    for block in weights.as_chunks::<BLOCK>().0 {
        for (most, weight) in most.iter_mut().zip(block) {
            *most = number::greater(*most, *weight);
        }
    }
    let most = number::folded(most, number::greater);
    let mut sums = [0.0_f32; BLOCK];
    for block in weights.as_chunks_mut::<BLOCK>().0 {
        for (sum, weight) in sums.iter_mut().zip(block) {
            *weight = number::exp2((*weight - most) * SCALE);
            *sum += *weight;
        }
    }
    1.0 / number::folded(sums, |one, other| one + other)
}

/// The values by their weights.
#[inline(always)]
fn gather(weights: &KeyWeights, values: &[[f32; HEAD_WIDTH]]) -> Queries {
    let mut gathered = [[0.0_f32; HEAD_WIDTH]; QUERIES];
    let (pairs, _) = gathered.as_chunks_mut::<2>();
    for (pair, [first, second]) in pairs.iter_mut().zip(weights.as_chunks::<2>().0) {
        let mut sums = [[0.0_f32; HEAD_WIDTH]; 2];
        for ((value, first), second) in values.iter().zip(first.as_flattened()).zip(second.as_flattened()) {
            for (sums, weight) in sums.iter_mut().zip([first, second]) {
                for (sum, value) in sums.iter_mut().zip(value) {
                    *sum = weight.mul_add(*value, *sum);
                }
            }
        }
        *pair = sums;
    }
    gathered
}
