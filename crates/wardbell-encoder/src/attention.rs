//! Lets every token look at every other: `softmax(query · key / √32)` weighs the values, head by head.
//!
//! The keys of a head are laid out so that sixteen of them are multiplied side by side, the values so that a token's 32 numbers
//! are. Four queries share each key that is loaded, two each value; with AVX-512 eight share both.
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
/// How many queries the plain loops do together.
const QUERIES: usize = 4;
/// How many are done together at most.
const QUERIES_MAX: usize = 8;
/// 1 / √32, for powers of two instead of `e`.
const SCALE: f32 = 0.176_776_7 * std::f32::consts::LOG2_E;

/// Memory for one head.
#[derive(Debug, Default)]
pub(crate) struct HeadSpace {
    keys: Vec<Keys>,
    values: Vec<[f32; HEAD_WIDTH]>,
    /// Room for the weights of each block of keys, [`QUERIES_MAX`] times.
    weights: Vec<[f32; BLOCK]>,
}

impl HeadSpace {
    /// Makes room for windows of `tokens`.
    pub(crate) fn resize(&mut self, tokens: usize) {
        let blocks = tokens.div_ceil(BLOCK);
        self.keys.resize(blocks, [[0.0; BLOCK]; HEAD_WIDTH]);
        self.values.resize(tokens, [0.0; HEAD_WIDTH]);
        self.weights.resize(blocks * QUERIES_MAX, [0.0; BLOCK]);
    }
}

/// Queries that are done together.
pub(crate) type Queries<const QUERIES: usize> = [[f32; HEAD_WIDTH]; QUERIES];
/// Sixteen keys side by side.
pub(crate) type Keys = [[f32; BLOCK]; HEAD_WIDTH];
/// By query: the weights of sixteen keys.
pub(crate) type KeyWeights<const QUERIES: usize> = [[f32; BLOCK]; QUERIES];

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
    /// `score` gives the product of each query with each key, by block of keys, `gather` the values by their weights; `QUERIES`, at most
    /// eight, are done together.
    #[inline(always)]
    pub(crate) fn apply<const QUERIES: usize>(
        self,
        score: impl Fn(&Queries<QUERIES>, &[Keys], &mut [KeyWeights<QUERIES>]),
        gather: impl Fn(&[KeyWeights<QUERIES>], &[[f32; HEAD_WIDTH]]) -> Queries<QUERIES>,
    ) {
        const { assert!(QUERIES <= QUERIES_MAX) };
        let HeadSpace { keys, values, weights } = self.space;
        let weights = &mut weights.as_chunks_mut::<QUERIES>().0[..keys.len()];
        let tokens = values.len();
        for start in (0..tokens).step_by(QUERIES) {
            let mut queries = [[0.0; HEAD_WIDTH]; QUERIES];
            for (query, token) in queries.iter_mut().zip(start..tokens) {
                *query = part(self.mixed, token * 3 * self.hidden + self.first);
            }
            score(&queries, keys, weights);
            let shares = softmax(weights, tokens);
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
        self.apply::<QUERIES>(score, gather);
    }
}

/// The 32 numbers of a head that start at `first`.
#[inline(always)]
fn part(row: &[f32], first: usize) -> [f32; HEAD_WIDTH] {
    row[first..].first_chunk().copied().unwrap_or([0.0; HEAD_WIDTH])
}

/// The product of each query with each key.
#[inline(always)]
fn score(queries: &Queries<QUERIES>, keys: &[Keys], weights: &mut [KeyWeights<QUERIES>]) {
    for (keys, weights) in keys.iter().zip(weights) {
        let mut sums = [[0.0_f32; BLOCK]; QUERIES];
        for (number, keys) in keys.iter().enumerate() {
            for (query, sums) in queries.iter().zip(&mut sums) {
                for (sum, key) in sums.iter_mut().zip(keys) {
                    *sum = query[number].mul_add(*key, *sum);
                }
            }
        }
        *weights = sums;
    }
}

/// Turns products into weights that are not yet divided by their sum; gives 1 / sum for each query. What stands beyond `tokens` becomes
/// so small that it counts for nothing.
#[inline(always)]
fn softmax<const QUERIES: usize>(weights: &mut [KeyWeights<QUERIES>], tokens: usize) -> [f32; QUERIES] {
    if let Some(last) = weights.last_mut() {
        for weights in last {
            weights[(tokens - 1) % BLOCK + 1..].fill(f32::MIN);
        }
    }
    let mut most = [[f32::MIN; BLOCK]; QUERIES];
    for block in weights.iter() {
        for (most, weights) in most.iter_mut().zip(block) {
            for (most, weight) in most.iter_mut().zip(weights) {
                *most = number::greater(*most, *weight);
            }
        }
    }
    let mut shares = [0.0; QUERIES];
    for (share, most) in shares.iter_mut().zip(most) {
        *share = number::folded(most, number::greater);
    }
    let mut sums = [[0.0_f32; BLOCK]; QUERIES];
    for block in weights {
        for ((weights, most), sums) in block.iter_mut().zip(shares).zip(&mut sums) {
            for (weight, sum) in weights.iter_mut().zip(sums) {
                *weight = number::exp2((*weight - most) * SCALE);
                *sum += *weight;
            }
        }
    }
    for (share, sums) in shares.iter_mut().zip(sums) {
        *share = 1.0 / number::folded(sums, |one, other| one + other);
    }
    shares
}

/// The values by their weights.
#[inline(always)]
fn gather(weights: &[KeyWeights<QUERIES>], values: &[[f32; HEAD_WIDTH]]) -> Queries<QUERIES> {
    let mut gathered = [[0.0_f32; HEAD_WIDTH]; QUERIES];
    for (pair, sums) in gathered.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let mut pair_sums = [[0.0_f32; HEAD_WIDTH]; 2];
        for (weights, values) in weights.iter().zip(values.chunks(BLOCK)) {
            for (lane, value) in (0..BLOCK).zip(values) {
                for (query, sums) in pair_sums.iter_mut().enumerate() {
                    for (sum, value) in sums.iter_mut().zip(value) {
                        *sum = weights[2 * pair + query][lane].mul_add(*value, *sum);
                    }
                }
            }
        }
        *sums = pair_sums;
    }
    gathered
}
