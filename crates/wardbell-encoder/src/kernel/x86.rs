//! The paths of x86-64.
#![expect(unsafe_code, reason = "instructions that not every CPU has; each block says why it is sound")]

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi16, _mm256_add_epi32, _mm256_dpbusd_avx_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_storeu_si256, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps,
    _mm512_storeu_si512,
};

use super::{Kind, Pass, Path};
use crate::attention::{BLOCK, KeyWeights, Keys, Queries, Weigh};
use crate::linear::{GROUP, Group, Linear, PANEL, Part, Tile, Weights};
use crate::shape::HEAD_WIDTH;

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

/// How many queries are done together: with two registers for each, sixteen sums are under way.
const QUERIES: usize = 8;

/// The attention of one head. Its products are spelled out here: left to itself, the compiler gathers and scatters single numbers.
pub(super) fn weigh_avx512(path: Path, weigh: Weigh<'_>) {
    #[target_feature(enable = "avx2,fma,avx512f")]
    fn run(weigh: Weigh<'_>) {
        weigh.apply::<QUERIES>(
            |queries, keys, weights| score_avx512(queries, keys, weights),
            |weights, values| gather_avx512(weights, values),
        );
    }
    assert!(matches!(path.0, Kind::Avx512Vnni | Kind::Amx));
    // SAFETY: these paths are made by `Path::all` alone, which has asked the CPU for these three first.
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

/// Two blocks of keys at once: more sums under way than the instruction takes cycles, on two units.
#[target_feature(enable = "avx2,fma,avx512f")]
#[inline]
fn score_avx512(queries: &Queries<QUERIES>, keys: &[Keys], weights: &mut [KeyWeights<QUERIES>]) {
    let (pairs, rest) = keys.as_chunks::<2>();
    let (weight_pairs, weight_rest) = weights.as_chunks_mut::<2>();
    for ([left, right], [left_weights, right_weights]) in pairs.iter().zip(weight_pairs) {
        let mut sums = [[_mm512_setzero_ps(); 2]; QUERIES];
        for (number, (left, right)) in left.iter().zip(right).enumerate() {
            let (left, right) = (load_floats(left), load_floats(right));
            for (query, [left_sum, right_sum]) in queries.iter().zip(&mut sums) {
                let query = _mm512_set1_ps(query[number]);
                *left_sum = _mm512_fmadd_ps(query, left, *left_sum);
                *right_sum = _mm512_fmadd_ps(query, right, *right_sum);
            }
        }
        for (query, [left, right]) in sums.iter().enumerate() {
            store_floats(&mut left_weights[query], *left);
            store_floats(&mut right_weights[query], *right);
        }
    }
    for (keys, weights) in rest.iter().zip(weight_rest) {
        let mut sums = [_mm512_setzero_ps(); QUERIES];
        for (number, keys) in keys.iter().enumerate() {
            let keys = load_floats(keys);
            for (query, sum) in queries.iter().zip(&mut sums) {
                *sum = _mm512_fmadd_ps(_mm512_set1_ps(query[number]), keys, *sum);
            }
        }
        for (weights, sum) in weights.iter_mut().zip(sums) {
            store_floats(weights, sum);
        }
    }
}

#[target_feature(enable = "avx2,fma,avx512f")]
#[inline]
fn gather_avx512(weights: &[KeyWeights<QUERIES>], values: &[[f32; HEAD_WIDTH]]) -> Queries<QUERIES> {
    let mut sums = [[_mm512_setzero_ps(); HEAD_WIDTH / BLOCK]; QUERIES];
    for (weights, values) in weights.iter().zip(values.chunks(BLOCK)) {
        for (lane, value) in (0..BLOCK).zip(values) {
            let (halves, _) = value.as_chunks::<BLOCK>();
            let (left, right) = (load_floats(&halves[0]), load_floats(&halves[1]));
            for (weights, [left_sum, right_sum]) in weights.iter().zip(&mut sums) {
                let weight = _mm512_set1_ps(weights[lane]);
                *left_sum = _mm512_fmadd_ps(weight, left, *left_sum);
                *right_sum = _mm512_fmadd_ps(weight, right, *right_sum);
            }
        }
    }
    let mut gathered = [[0.0; HEAD_WIDTH]; QUERIES];
    for (gathered, sums) in gathered.iter_mut().zip(sums) {
        for (gathered, sum) in gathered.as_chunks_mut::<BLOCK>().0.iter_mut().zip(sums) {
            store_floats(gathered, sum);
        }
    }
    gathered
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_floats(floats: &[f32; BLOCK]) -> __m512 {
    const { assert!(size_of::<[f32; BLOCK]>() == 64) };
    // SAFETY: the reference is to the 64 bytes that are read, and the load needs no alignment.
    unsafe { _mm512_loadu_ps(floats.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_floats(floats: &mut [f32; BLOCK], values: __m512) {
    const { assert!(size_of::<[f32; BLOCK]>() == 64) };
    // SAFETY: the reference is to the 64 bytes that are written, and the store needs no alignment.
    unsafe { _mm512_storeu_ps(floats.as_mut_ptr(), values) };
}

/// Four weights of each output of one half of a panel.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn load(weights: &[[i8; 4]; PANEL], half: usize) -> __m256i {
    let weights = &weights.as_chunks::<{ PANEL / 2 }>().0[half];
    const { assert!(size_of::<[[i8; 4]; PANEL / 2]>() == 32) };
    // SAFETY: the reference is to the 32 bytes that are read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) }
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

/// Four weights of each output of a panel.
#[target_feature(enable = "avx512f")]
#[inline]
fn load_wide(weights: &[[i8; 4]; PANEL]) -> __m512i {
    const { assert!(size_of::<[[i8; 4]; PANEL]>() == 64) };
    // SAFETY: the reference is to the 64 bytes that are read, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_wide(row: &mut [i32; PANEL], sums: __m512i) {
    const { assert!(size_of::<[i32; PANEL]>() == 64) };
    // SAFETY: the reference is to the 64 bytes that are written, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(row.as_mut_ptr().cast(), sums) };
}
