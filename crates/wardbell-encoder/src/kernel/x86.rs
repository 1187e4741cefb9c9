//! The paths of x86-64.
#![expect(unsafe_code, reason = "instructions that not every CPU has; each block says why it is sound")]

use std::arch::x86_64::{
    __m256i, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi16, _mm256_add_epi32, _mm256_dpbusd_avx_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_storeu_si256, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_loadu_si512,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::{Kind, Pass, Path};
use crate::attention::{self, Keys, Products, Query, Sums, Values, Weigh};
use crate::linear::{GROUP, Group, Linear, PANEL, Part, Tile, Weights};

/// Runs `pass`, compiled for AVX2 and FMA.
pub(super) fn pass_avx2<P: Pass>(path: Path, pass: P) {
    #[target_feature(enable = "avx2,fma")]
    fn run<P: Pass>(pass: P) {
        pass.run();
    }
    assert!(path.0 != Kind::Plain);
    // SAFETY: a path other than the plain one is made by `Path::all` alone, which has asked the CPU for AVX2 and FMA first.
    unsafe { run(pass) }
}

/// Runs `pass`, compiled for AVX-512.
pub(super) fn pass_avx512<P: Pass>(path: Path, pass: P) {
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    fn run<P: Pass>(pass: P) {
        pass.run();
    }
    assert!(matches!(path.0, Kind::Avx512Vnni | Kind::Amx));
    // SAFETY: these paths are made by `Path::all` alone, which has asked the CPU for all of these first.
    unsafe { run(pass) }
}

pub(super) fn linear_avx2(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,fma")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |rows, [left, right], _| [tile_avx2(rows, left), tile_avx2(rows, right)]);
    }
    assert!(path.0 == Kind::Avx2);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2 and FMA first.
    unsafe { run(input, weights, out) }
}

pub(super) fn linear_avx_vnni(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,fma,avxvnni")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |rows, [left, right], _| [tile_avx_vnni(rows, left), tile_avx_vnni(rows, right)]);
    }
    assert!(path.0 == Kind::AvxVnni);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2, FMA and AVX-VNNI first.
    unsafe { run(input, weights, out) }
}

pub(super) fn linear_avx512_vnni(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,fma,avx512f,avx512vnni")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |rows, panels, ahead| tiles_avx512_vnni(rows, panels, ahead));
    }
    assert!(matches!(path.0, Kind::Avx512Vnni | Kind::Amx));
    // SAFETY: these paths are made by `Path::all` alone, which has asked the CPU for AVX2, FMA, AVX-512F and AVX-512 VNNI first.
    unsafe { run(input, weights, out) }
}

/// How many queries AVX-512 does together: with two registers for each, sixteen sums are under way.
const WIDE_QUERIES: usize = 8;
/// How many AVX2 does: with two registers for each, half of its registers are sums.
const QUERIES: usize = 4;

/// The attention of one head. Its products are spelled out here: a compiler does not find the instruction that multiplies two
/// numbers of each lane.
pub(super) fn weigh_avx2(path: Path, weigh: Weigh<'_>) {
    #[target_feature(enable = "avx2,fma")]
    fn run(weigh: Weigh<'_>) {
        weigh.apply::<QUERIES>(
            |queries, keys, products| score_avx2(queries, keys, products),
            |weights, values| gather_avx2(weights, values),
        );
    }
    assert!(matches!(path.0, Kind::Avx2 | Kind::AvxVnni));
    // SAFETY: these paths are made by `Path::all` alone, which has asked the CPU for AVX2 and FMA first.
    unsafe { run(weigh) }
}

/// The attention of one head.
pub(super) fn weigh_avx512(path: Path, weigh: Weigh<'_>) {
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn run(weigh: Weigh<'_>) {
        weigh.apply::<WIDE_QUERIES>(
            |queries, keys, products| score_avx512(queries, keys, products),
            |weights, values| gather_avx512(weights, values),
        );
    }
    assert!(matches!(path.0, Kind::Avx512Vnni | Kind::Amx));
    // SAFETY: these paths are made by `Path::all` alone, which has asked the CPU for all of these first.
    unsafe { run(weigh) }
}

/// Half a panel at a time, so that all sums stay in registers. The two products of a lane are added in 16 bits before they
/// are widened: at most 255 * 128, by the rule for weights.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn tile_avx2(rows: Group<'_>, panel: &[Weights]) -> Tile {
    let mut tile = Tile::default();
    assert!(rows.iter().all(|row| row.len() == panel.len()));
    let ones = _mm256_set1_epi16(1);
    for half in 0..2 {
        let mut sums = [_mm256_setzero_si256(); GROUP];
        for (chunk, Weights([first, second])) in panel.iter().enumerate() {
            let (first, second) = (load(first, half), load(second, half));
            for (row, sum) in rows.iter().zip(&mut sums) {
                let [low, high] = row[chunk];
                let (low, high) = (i32::from_le_bytes(low), i32::from_le_bytes(high));
                let low = _mm256_maddubs_epi16(_mm256_set1_epi32(low), first);
                let high = _mm256_maddubs_epi16(_mm256_set1_epi32(high), second);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_add_epi16(low, high), ones));
            }
        }
        for (row, sum) in tile.iter_mut().zip(sums) {
            store(row, half, sum);
        }
    }
    tile
}

#[target_feature(enable = "avx2,fma,avxvnni")]
#[inline]
fn tile_avx_vnni(rows: Group<'_>, panel: &[Weights]) -> Tile {
    let mut tile = Tile::default();
    assert!(rows.iter().all(|row| row.len() == panel.len()));
    for half in 0..2 {
        let mut sums = [_mm256_setzero_si256(); GROUP];
        for (chunk, Weights([first, second])) in panel.iter().enumerate() {
            let (first, second) = (load(first, half), load(second, half));
            for (row, sum) in rows.iter().zip(&mut sums) {
                let [low, high] = row[chunk];
                let (low, high) = (i32::from_le_bytes(low), i32::from_le_bytes(high));
                *sum = _mm256_dpbusd_avx_epi32(*sum, _mm256_set1_epi32(low), first);
                *sum = _mm256_dpbusd_avx_epi32(*sum, _mm256_set1_epi32(high), second);
            }
        }
        for (row, sum) in tile.iter_mut().zip(sums) {
            store(row, half, sum);
        }
    }
    tile
}

/// Two panels at once: each broadcast of inputs is multiplied twice, and 16 sums under way are more than the instruction takes cycles. What is `ahead` is
/// fetched on the way, a few cache lines at a time; of more than a panel of it, as a window of eight tokens has it, half.
#[target_feature(enable = "avx2,fma,avx512f,avx512vnni")]
#[inline]
fn tiles_avx512_vnni(rows: Group<'_>, [left, right]: [&[Weights]; 2], ahead: &[Weights]) -> [Tile; 2] {
    let mut sums = [[_mm512_setzero_si512(); 2]; GROUP];
    assert!(rows.iter().all(|row| row.len() == left.len()));
    for (chunk, (left, right)) in left.iter().zip(right).enumerate() {
        if let Some(ahead) = ahead.get(chunk) {
            fetch(ahead);
        }
        for half in 0..2 {
            let (left, right) = (load_wide(&left.0[half]), load_wide(&right.0[half]));
            for (row, [left_sum, right_sum]) in rows.iter().zip(&mut sums) {
                let four = _mm512_set1_epi32(i32::from_le_bytes(row[chunk][half]));
                *left_sum = _mm512_dpbusd_epi32(*left_sum, four, left);
                *right_sum = _mm512_dpbusd_epi32(*right_sum, four, right);
            }
        }
    }
    let mut tiles = [Tile::default(); 2];
    for (row, sums) in sums.iter().enumerate() {
        for (tile, sum) in tiles.iter_mut().zip(sums) {
            store_wide(&mut tile[row], *sum);
        }
    }
    tiles
}

/// Half a block of keys at a time, so that all sums stay in registers.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn score_avx2(queries: &[Query; QUERIES], keys: &[Keys], products: &mut [Products<QUERIES>]) {
    for (keys, products) in keys.iter().zip(products) {
        for half in 0..2 {
            let mut sums = [[_mm256_setzero_si256(); 2]; QUERIES];
            for (number, keys) in keys.iter().enumerate() {
                let (left, right) = (load(&keys[half], 0), load(&keys[half], 1));
                for query in 0..QUERIES {
                    let pair = _mm256_set1_epi32(queries[query][number]);
                    sums[query][0] = _mm256_add_epi32(sums[query][0], _mm256_madd_epi16(pair, left));
                    sums[query][1] = _mm256_add_epi32(sums[query][1], _mm256_madd_epi16(pair, right));
                }
            }
            for (products, [left, right]) in products.iter_mut().zip(sums) {
                store(&mut products[half], 0, left);
                store(&mut products[half], 1, right);
            }
        }
    }
}

/// Half of the numbers of a value at a time, so that all sums stay in registers.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn gather_avx2(weights: &[attention::Weights<QUERIES>], values: &[Values]) -> Sums<QUERIES> {
    let mut gathered = Sums::<QUERIES>::default();
    for half in 0..2 {
        let mut sums = [[_mm256_setzero_si256(); 2]; QUERIES];
        for (weights, values) in weights.iter().zip(values) {
            for (place, values) in values.iter().enumerate() {
                let (left, right) = (load(&values[half], 0), load(&values[half], 1));
                for (weights, [left_sum, right_sum]) in weights.iter().zip(&mut sums) {
                    let weight = _mm256_set1_epi32(weights[place]);
                    *left_sum = _mm256_add_epi32(*left_sum, _mm256_madd_epi16(weight, left));
                    *right_sum = _mm256_add_epi32(*right_sum, _mm256_madd_epi16(weight, right));
                }
            }
        }
        for (gathered, [left, right]) in gathered.iter_mut().zip(sums) {
            store(&mut gathered[half], 0, left);
            store(&mut gathered[half], 1, right);
        }
    }
    gathered
}

/// A block of keys at a time: sixteen sums under way are more than the instruction takes cycles.
#[target_feature(enable = "avx2,fma,avx512f,avx512vnni")]
#[inline]
fn score_avx512(queries: &[Query; WIDE_QUERIES], keys: &[Keys], products: &mut [Products<WIDE_QUERIES>]) {
    for (keys, products) in keys.iter().zip(products) {
        let mut sums = [[_mm512_setzero_si512(); 2]; WIDE_QUERIES];
        for (number, [left, right]) in keys.iter().enumerate() {
            let (left, right) = (load_wide(left), load_wide(right));
            // By number: where the queries are walked over, the compiler leaves a loop, and the sums in memory.
            for query in 0..WIDE_QUERIES {
                let pair = _mm512_set1_epi32(queries[query][number]);
                sums[query] =
                    [_mm512_dpwssd_epi32(sums[query][0], pair, left), _mm512_dpwssd_epi32(sums[query][1], pair, right)];
            }
        }
        for (products, sums) in products.iter_mut().zip(sums) {
            for (products, sum) in products.iter_mut().zip(sums) {
                store_wide(products, sum);
            }
        }
    }
}

/// All numbers of a value at once.
#[target_feature(enable = "avx2,fma,avx512f,avx512vnni")]
#[inline]
fn gather_avx512(weights: &[attention::Weights<WIDE_QUERIES>], values: &[Values]) -> Sums<WIDE_QUERIES> {
    let mut sums = [[_mm512_setzero_si512(); 2]; WIDE_QUERIES];
    for (weights, values) in weights.iter().zip(values) {
        for (place, [left, right]) in values.iter().enumerate() {
            let (left, right) = (load_wide(left), load_wide(right));
            for (weights, [left_sum, right_sum]) in weights.iter().zip(&mut sums) {
                let weight = _mm512_set1_epi32(weights[place]);
                *left_sum = _mm512_dpwssd_epi32(*left_sum, weight, left);
                *right_sum = _mm512_dpwssd_epi32(*right_sum, weight, right);
            }
        }
    }
    let mut gathered = Sums::<WIDE_QUERIES>::default();
    for (gathered, sums) in gathered.iter_mut().zip(sums) {
        for (gathered, sum) in gathered.iter_mut().zip(sums) {
            store_wide(gathered, sum);
        }
    }
    gathered
}

/// Half of sixteen times 32 bits: weights of four inputs for each output of a panel, or pairs.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn load<T>(numbers: &[T; PANEL], half: usize) -> __m256i {
    let numbers = &numbers.as_chunks::<{ PANEL / 2 }>().0[half];
    const { assert!(size_of::<[T; PANEL / 2]>() == 32) };
    // SAFETY: the reference is to the 32 bytes that are read, and both callers' types are made of integers; the load needs no alignment.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn store(row: &mut [i32; PANEL], half: usize, sums: __m256i) {
    let row = &mut row.as_chunks_mut::<{ PANEL / 2 }>().0[half];
    const { assert!(size_of::<[i32; PANEL / 2]>() == 32) };
    // SAFETY: the reference is to the 32 bytes that are written, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), sums) };
}

/// Has the CPU bring weights near that will be read soon.
#[target_feature(enable = "avx512f")]
#[inline]
fn fetch(Weights(halves): &Weights) {
    for half in halves {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(half).cast());
    }
}

/// Sixteen times 32 bits: weights of four inputs for each output of a panel, or pairs.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_wide<T>(numbers: &[T; PANEL]) -> __m512i {
    const { assert!(size_of::<[T; PANEL]>() == 64) };
    // SAFETY: the reference is to the 64 bytes that are read, and both callers' types are made of integers; the load needs no alignment.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_wide(row: &mut [i32; PANEL], sums: __m512i) {
    const { assert!(size_of::<[i32; PANEL]>() == 64) };
    // SAFETY: the reference is to the 64 bytes that are written, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), sums) };
}
