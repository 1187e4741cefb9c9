//! Lets every token look at every other: `softmax(query · key / √32)` weighs the values, head by head.
//!
//! **Numbers.** The queries, keys and values of a head are brought to whole numbers of 13 or 14 bits with their signs, each of the three
//! by a step of its own. Weights are multiples of 1/4096, the greatest is 1. So all sums of products are exact integers, and one
//! instruction multiplies two numbers of each of its lanes.
//!
//! **Layout.** Two numbers stand in the halves of an `i32` ([`Pair`]): of a query or a key the numbers 16 apart, of values those of tokens 16
//! apart. The keys are laid out so that 32 of them are multiplied side by side, the values so that a token's 32 numbers
//! are. Four queries share each key and value that is loaded; with AVX-512 eight.
//!
//! One pass lays a head out; the products are a compiler's work but for AVX2 and AVX-512, which have them in `kernel/x86.rs`.
//!
//! Loops are spelled out where a closure would be shorter: a closure that is not inlined is compiled for the plain
//! path, and so is all that it calls.

use crate::kernel::{Pass, Path};
use crate::number;
use crate::shape::HEAD_WIDTH;

/// Half a block: what one register of AVX-512 holds.
pub(crate) const HALF: usize = 16;
/// How many keys stand side by side, and the tokens of a block of values.
const BLOCK: usize = 2 * HALF;
/// How many queries the plain loops do together.
const QUERIES: usize = 4;
/// How many are done together at most.
const QUERIES_MAX: usize = 8;
/// 1 / √32, for powers of two instead of `e`.
const SCALE: f32 = 0.176_776_7 * std::f32::consts::LOG2_E;
/// The greatest number of a query or a key.
const SCORED_MAX: u64 = 8191;
/// The greatest number of a value.
const VALUE_MAX: u64 = 4095;
/// The weight of the key that a query likes best.
const WEIGHT_MAX: u64 = 4096;
/// The blocks of keys whose values are added as integers.
const BLOCKS: usize = 4;
// Sums of products stay below 2^31.
const _: () = assert!(HEAD_WIDTH as u64 * SCORED_MAX * SCORED_MAX < 1 << 31);
const _: () = assert!((BLOCKS * BLOCK) as u64 * WEIGHT_MAX * VALUE_MAX < 1 << 31);
/// What is added to the scores of what stands beyond the tokens: it then weighs nothing.
const BEYOND: f32 = -1e30;

/// Two numbers of 16 bits, the first in the lower half.
pub(crate) type Pair = i32;
/// A query, or any other 32 numbers.
pub(crate) type Query = [Pair; HEAD_WIDTH / 2];
/// A block of keys side by side: for each pair of numbers those of the first and of the second half.
pub(crate) type Keys = [[[Pair; HALF]; 2]; HEAD_WIDTH / 2];
/// The values of a block: in each pair those of two tokens, in two halves.
pub(crate) type Values = [[[Pair; HALF]; HEAD_WIDTH / HALF]; HALF];
/// By query: its products with a block of keys.
pub(crate) type Products<const QUERIES: usize> = [[[i32; HALF]; 2]; QUERIES];
/// By query: the weights of a block of keys, in pairs as those of values.
pub(crate) type Weights<const QUERIES: usize> = [[Pair; HALF]; QUERIES];
/// By query: the sums of weighed values.
pub(crate) type Sums<const QUERIES: usize> = [[[i32; HALF]; HEAD_WIDTH / HALF]; QUERIES];

/// Memory for one head. What stands beyond the tokens of a window may be anything but in `beyond` and `values`.
#[derive(Debug, Default)]
pub(crate) struct HeadSpace {
    tokens: usize,
    /// By column of queries, keys and values: the size of its largest number.
    most: Vec<f32>,
    /// As many as make whole groups of [`QUERIES_MAX`].
    queries: Vec<Query>,
    keys: Vec<Keys>,
    /// What is added to the score of each key: 0, or [`BEYOND`].
    beyond: Vec<[[f32; HALF]; 2]>,
    /// 0 beyond the tokens.
    values: Vec<Values>,
    /// What one of a product of a query and a key is worth, as a power of two. It is finite.
    score_step: f32,
    value_step: f32,
    /// Room for the products with each block of keys, [`QUERIES_MAX`] times, and for the weights.
    products: Vec<[[i32; HALF]; 2]>,
    weights: Vec<[Pair; HALF]>,
}

impl HeadSpace {
    /// Makes room for windows of `tokens`.
    pub(crate) fn resize(&mut self, tokens: usize) {
        let blocks = tokens.div_ceil(BLOCK);
        self.tokens = tokens;
        self.queries.resize(tokens.next_multiple_of(QUERIES_MAX), Query::default());
        self.keys.resize(blocks, Keys::default());
        self.beyond.clear();
        self.beyond.resize(blocks, [[0.0; HALF]; 2]);
        if let Some(last) = self.beyond.last_mut() {
            last.as_flattened_mut()[(tokens - 1) % BLOCK + 1..].fill(BEYOND);
        }
        self.values.resize(blocks, Values::default());
        self.products.resize(blocks * QUERIES_MAX, [[0; HALF]; 2]);
        self.weights.resize(blocks * QUERIES_MAX, [0; HALF]);
    }
}

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
        space.most.clear();
        space.most.resize(3 * hidden, 0.0);
        path.pass(Sizes { mixed, most: &mut space.most });
        for first in (0..hidden).step_by(HEAD_WIDTH) {
            path.pass(LayOut { mixed, hidden, first, space });
            path.weigh(Weigh { context, hidden, first, space });
        }
    }
}

/// Finds how large the numbers of each column become. All columns at once, since rows are far apart and columns near.
struct Sizes<'a> {
    mixed: &'a [f32],
    most: &'a mut [f32],
}

impl Pass for Sizes<'_> {
    #[inline(always)]
    fn run(self) {
        for row in self.mixed.chunks_exact(self.most.len()) {
            for (most, number) in self.most.iter_mut().zip(row) {
                *most = number::greater(*most, number.abs());
            }
        }
    }
}

/// Lays out the head whose numbers start at `first`.
struct LayOut<'a> {
    mixed: &'a [f32],
    hidden: usize,
    first: usize,
    space: &'a mut HeadSpace,
}

impl Pass for LayOut<'_> {
    #[inline(always)]
    fn run(self) {
        let HeadSpace { tokens, most, queries, keys, values, score_step, value_step, .. } = self.space;
        let row = 3 * self.hidden;
        let [query_at, key_at, value_at] = [0, 1, 2].map(|part| part * self.hidden + self.first);
        let (query_step, query_inverse) = step(most, query_at, SCORED_MAX);
        let (key_step, key_inverse) = step(most, key_at, SCORED_MAX);
        *score_step = number::lesser(query_step * key_step * SCALE, f32::MAX);
        let value_inverse;
        (*value_step, value_inverse) = step(most, value_at, VALUE_MAX);
        for token in 0..*tokens {
            queries[token] = narrowed(&part(self.mixed, token * row + query_at), query_inverse);
            let key = narrowed(&part(self.mixed, token * row + key_at), key_inverse);
            for (lanes, pair) in keys[token / BLOCK].iter_mut().zip(key) {
                lanes.as_flattened_mut()[token % BLOCK] = pair;
            }
        }
        for (block, values) in values.iter_mut().enumerate() {
            for (place, values) in values.iter_mut().enumerate() {
                let token = block * BLOCK + place;
                let (mut one, mut other) = ([0.0; HEAD_WIDTH], [0.0; HEAD_WIDTH]);
                if token < *tokens {
                    one = part(self.mixed, token * row + value_at);
                }
                if token + HALF < *tokens {
                    other = part(self.mixed, (token + HALF) * row + value_at);
                }
                for ((pair, one), other) in values.as_flattened_mut().iter_mut().zip(one).zip(other) {
                    *pair = pair_of(number::rounded(one * value_inverse), number::rounded(other * value_inverse));
                }
            }
        }
    }
}

/// The step of the 32 columns that start at `first`, and its inverse.
#[inline(always)]
fn step(most: &[f32], first: usize, whole: u64) -> (f32, f32) {
    number::step(number::folded(part(most, first), number::greater), whole as f32)
}

/// The 32 numbers of a head that start at `first`.
#[inline(always)]
fn part(row: &[f32], first: usize) -> [f32; HEAD_WIDTH] {
    row[first..].first_chunk().copied().unwrap_or([0.0; HEAD_WIDTH])
}

/// A query or a key in whole numbers.
#[inline(always)]
fn narrowed(values: &[f32; HEAD_WIDTH], inverse: f32) -> Query {
    let mut pairs = Query::default();
    for (number, pair) in pairs.iter_mut().enumerate() {
        let other = values[number + HEAD_WIDTH / 2];
        *pair = pair_of(number::rounded(values[number] * inverse), number::rounded(other * inverse));
    }
    pairs
}

/// Both numbers are of 16 bits.
#[inline(always)]
fn pair_of(first: i32, second: i32) -> Pair {
    (first & 0xFFFF) | (second << 16)
}

/// The products of the first numbers and of the second, added.
#[inline(always)]
fn product(one: Pair, other: Pair) -> i32 {
    let first = |pair: Pair| (pair << 16) >> 16;
    first(one).wrapping_mul(first(other)).wrapping_add((one >> 16).wrapping_mul(other >> 16))
}

/// Has every query of a head weigh the values, which are laid out.
pub(crate) struct Weigh<'a> {
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
        score: impl Fn(&[Query; QUERIES], &[Keys], &mut [Products<QUERIES>]),
        gather: impl Fn(&[Weights<QUERIES>], &[Values]) -> Sums<QUERIES>,
    ) {
        const { assert!(QUERIES <= QUERIES_MAX && QUERIES_MAX.is_multiple_of(QUERIES)) };
        let HeadSpace { tokens, queries, keys, beyond, values, score_step, value_step, products, weights, .. } =
            self.space;
        let products = &mut products.as_chunks_mut::<QUERIES>().0[..keys.len()];
        let weights = &mut weights.as_chunks_mut::<QUERIES>().0[..keys.len()];
        for (start, queries) in (0..*tokens).step_by(QUERIES).zip(queries.as_chunks::<QUERIES>().0) {
            score(queries, keys, products);
            let totals = softmax(products, beyond, *score_step, weights);
            for (part, (weights, values)) in weights.chunks(BLOCKS).zip(values.chunks(BLOCKS)).enumerate() {
                for ((token, sums), total) in (start..*tokens).zip(gather(weights, values)).zip(totals) {
                    let share = *value_step / total as f32;
                    let out = &mut self.context[token * self.hidden + self.first..][..HEAD_WIDTH];
                    if part == 0 {
                        out.fill(0.0);
                    }
                    for (out, sum) in out.iter_mut().zip(sums.as_flattened()) {
                        *out = (*sum as f32).mul_add(share, *out);
                    }
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

/// The product of each query with each key.
#[inline(always)]
fn score(queries: &[Query; QUERIES], keys: &[Keys], products: &mut [Products<QUERIES>]) {
    for (keys, products) in keys.iter().zip(products) {
        let mut sums = Products::<QUERIES>::default();
        for (number, keys) in keys.iter().enumerate() {
            for (query, sums) in queries.iter().zip(&mut sums) {
                for (sum, key) in sums.as_flattened_mut().iter_mut().zip(keys.as_flattened()) {
                    *sum = sum.wrapping_add(product(query[number], *key));
                }
            }
        }
        *products = sums;
    }
}

/// Turns products into weights; gives the sum of each query's, which is at least [`WEIGHT_MAX`]. Query by query: so a compiler keeps
/// in registers what goes on from block to block.
#[inline(always)]
fn softmax<const QUERIES: usize>(
    products: &[Products<QUERIES>],
    beyond: &[[[f32; HALF]; 2]],
    step: f32,
    weights: &mut [Weights<QUERIES>],
) -> [i32; QUERIES] {
    let mut totals = [0; QUERIES];
    for (query, total) in totals.iter_mut().enumerate() {
        let mut most = [f32::MIN; HALF];
        for (products, beyond) in products.iter().zip(beyond) {
            for half in 0..2 {
                for (lane, most) in most.iter_mut().enumerate() {
                    *most = number::greater(*most, products[query][half][lane] as f32 + beyond[half][lane]);
                }
            }
        }
        let most = number::folded(most, number::greater);
        let mut sums = [0; HALF];
        for ((products, beyond), weights) in products.iter().zip(beyond).zip(weights.iter_mut()) {
            let [firsts, seconds] = &products[query];
            for (lane, sum) in sums.iter_mut().enumerate() {
                let first = weight(firsts[lane] as f32 + beyond[0][lane] - most, step);
                let second = weight(seconds[lane] as f32 + beyond[1][lane] - most, step);
                weights[query][lane] = pair_of(first, second);
                *sum += first + second;
            }
        }
        *total = number::folded(sums, |one, other| one + other);
    }
    totals
}

/// The weight of a key whose score is so far from that of the best.
#[inline(always)]
fn weight(score: f32, step: f32) -> i32 {
    number::rounded(number::exp2(score * step) * WEIGHT_MAX as f32)
}

/// The values by their weights.
#[inline(always)]
fn gather(weights: &[Weights<QUERIES>], values: &[Values]) -> Sums<QUERIES> {
    let mut sums = Sums::<QUERIES>::default();
    for (weights, values) in weights.iter().zip(values) {
        for (place, values) in values.iter().enumerate() {
            for (weights, sums) in weights.iter().zip(&mut sums) {
                for (sum, value) in sums.as_flattened_mut().iter_mut().zip(values.as_flattened()) {
                    *sum = sum.wrapping_add(product(weights[place], *value));
                }
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: usize = 2;
    const HIDDEN: usize = HEADS * HEAD_WIDTH;

    /// Numbers from -1 to 1 that differ from place to place.
    fn mixed(tokens: usize) -> Vec<f32> {
        let number = |place: usize| (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32;
        (0..tokens * 3 * HIDDEN).map(|place| number(place) / (1 << 23) as f32 - 1.0).collect()
    }

    /// As the definition says.
    fn exact(mixed: &[f32], tokens: usize) -> Vec<f64> {
        let numbers = |token: usize, part: usize, head: usize| {
            let at = token * 3 * HIDDEN + part * HIDDEN + head * HEAD_WIDTH;
            mixed[at..][..HEAD_WIDTH].iter().map(|number| f64::from(*number))
        };
        let mut context = vec![0.0; tokens * HIDDEN];
        for (token, head) in (0..tokens).flat_map(|token| (0..HEADS).map(move |head| (token, head))) {
            let score = |key: usize| numbers(token, 0, head).zip(numbers(key, 1, head)).map(|(one, other)| one * other);
            let weights: Vec<f64> = (0..tokens).map(|key| (score(key).sum::<f64>() / 32.0_f64.sqrt()).exp()).collect();
            for number in 0..HEAD_WIDTH {
                let values = (0..tokens).filter_map(|key| numbers(key, 2, head).nth(number));
                let sum: f64 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
                context[token * HIDDEN + head * HEAD_WIDTH + number] = sum / weights.iter().sum::<f64>();
            }
        }
        context
    }

    /// What every path makes of it; they agree to the last bit.
    fn attended(mixed: &[f32], tokens: usize, space: &mut HeadSpace) -> Vec<f32> {
        let mut all = Vec::new();
        for path in Path::all() {
            let mut context = vec![f32::NAN; tokens * HIDDEN];
            space.resize(tokens);
            Attention { mixed, context: &mut context, heads: HEADS, space }.run(path);
            all.push((path.name(), context));
        }
        for (name, context) in &all[1..] {
            let same = context.iter().zip(&all[0].1).all(|(one, other)| one.to_bits() == other.to_bits());
            assert!(same, "{name}, {tokens} tokens");
        }
        all.swap_remove(0).1
    }

    #[test]
    fn all_lengths_are_right_whatever_was_in_memory_before() {
        let mut space = HeadSpace::default();
        for tokens in [512, 2, 15, 16, 17, 31, 32, 33, 64, 100, 128, 129, 160, 257] {
            let mixed = mixed(tokens);
            for (found, right) in attended(&mixed, tokens, &mut space).iter().zip(exact(&mixed, tokens)) {
                assert!((f64::from(*found) - right).abs() < 1e-3, "{tokens} tokens: {found}, not {right}");
            }
        }
    }

    #[test]
    fn one_key_far_above_all_others_is_all_that_counts() {
        let tokens = 40;
        let mut mixed = mixed(tokens);
        for (token, row) in mixed.chunks_exact_mut(3 * HIDDEN).enumerate() {
            row[..HIDDEN].fill(30.0);
            row[HIDDEN..2 * HIDDEN].fill(if token == 35 { 30.0 } else { -30.0 });
        }
        let best = &mixed[35 * 3 * HIDDEN + 2 * HIDDEN..][..HIDDEN];
        for context in attended(&mixed, tokens, &mut HeadSpace::default()).chunks_exact(HIDDEN) {
            assert!(context.iter().zip(best).all(|(found, right)| (found - right).abs() < 1e-3));
        }
    }

    #[test]
    fn queries_of_nothing_weigh_all_values_alike_and_values_of_nothing_give_nothing() {
        let tokens = 33;
        let mut mixed = mixed(tokens);
        for row in mixed.chunks_exact_mut(3 * HIDDEN) {
            row[..HIDDEN].fill(0.0);
            row[2 * HIDDEN..2 * HIDDEN + HEAD_WIDTH].fill(1e-12);
        }
        let mut space = HeadSpace::default();
        for (found, right) in attended(&mixed, tokens, &mut space).iter().zip(exact(&mixed, tokens)) {
            assert!((f64::from(*found) - right).abs() < 1e-3, "{found}, not {right}");
        }
    }

    /// No model should give such numbers; a broken one must not bring the process down.
    #[test]
    fn what_is_not_finite_breaks_nothing() {
        let tokens = 20;
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let mut mixed = mixed(tokens);
            for row in mixed.chunks_exact_mut(3 * HIDDEN) {
                row[5] = wrong;
                row[HIDDEN + 7] = wrong;
                row[2 * HIDDEN + 9] = wrong;
            }
            for path in Path::all() {
                let mut context = vec![0.0; tokens * HIDDEN];
                let mut space = HeadSpace::default();
                space.resize(tokens);
                Attention { mixed: &mixed, context: &mut context, heads: HEADS, space: &mut space }.run(path);
            }
        }
    }
}
