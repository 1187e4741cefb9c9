//! The paths of x86-64.
#![expect(unsafe_code, reason = "instructions that not every CPU has; each block says why it is sound")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi16, _mm256_add_epi32, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::{Kind, Pass, Path};
use crate::linear::{CHUNK, GROUP, Inputs, Linear, PANEL, Part, Tile, Weights};

/// Runs `pass`, compiled for AVX2.
pub(super) fn pass_avx2<P: Pass>(path: Path, pass: P) {
    #[target_feature(enable = "avx2")]
    fn run<P: Pass>(pass: P) {
        pass.run();
    }
    assert!(path.0 != Kind::Plain);
    // SAFETY: a path other than the plain one is made by `Path::all` alone, which has asked the CPU for AVX2 first.
    unsafe { run(pass) }
}

pub(super) fn linear_avx2(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |inputs, panel| tile_avx2(inputs, panel));
    }
    assert!(path.0 == Kind::Avx2);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2 first.
    unsafe { run(input, weights, out) }
}

pub(super) fn linear_avx_vnni(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,avxvnni")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |inputs, panel| tile_avx_vnni(inputs, panel));
    }
    assert!(path.0 == Kind::AvxVnni);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2 and AVX-VNNI first.
    unsafe { run(input, weights, out) }
}

pub(super) fn linear_avx512_vnni(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,avx512f,avx512vnni")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |inputs, panel| tile_avx512_vnni(inputs, panel));
    }
    assert!(matches!(path.0, Kind::Avx512Vnni | Kind::Amx));
    // SAFETY: these paths are made by `Path::all` alone, which has asked the CPU for AVX2, AVX-512F and AVX-512 VNNI first.
    unsafe { run(input, weights, out) }
}

/// Half a panel at a time, so that all sums stay in registers. The two products of a lane are added in 16 bits before they
/// are widened: at most 255 * 128, by the rule for weights.
#[target_feature(enable = "avx2")]
#[inline]
fn tile_avx2(inputs: &[Inputs], panel: &[Weights]) -> Tile {
    let mut tile = Tile::default();
    let ones = _mm256_set1_epi16(1);
    for half in 0..2 {
        let mut sums = [_mm256_setzero_si256(); GROUP];
        for (inputs, [first, second]) in inputs.iter().zip(panel) {
            let (first, second) = (load(first, half), load(second, half));
            for (row, sum) in inputs.iter().zip(&mut sums) {
                let [low, high] = halves(row);
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

#[target_feature(enable = "avx2,avxvnni")]
#[inline]
fn tile_avx_vnni(inputs: &[Inputs], panel: &[Weights]) -> Tile {
    let mut tile = Tile::default();
    for half in 0..2 {
        let mut sums = [_mm256_setzero_si256(); GROUP];
        for (inputs, [first, second]) in inputs.iter().zip(panel) {
            let (first, second) = (load(first, half), load(second, half));
            for (row, sum) in inputs.iter().zip(&mut sums) {
                let [low, high] = halves(row);
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

/// Two sums for each row, so that more are under way than the instruction takes cycles.
#[target_feature(enable = "avx2,avx512f,avx512vnni")]
#[inline]
fn tile_avx512_vnni(inputs: &[Inputs], panel: &[Weights]) -> Tile {
    let mut tile = Tile::default();
    let mut sums = [[_mm512_setzero_si512(); 2]; GROUP];
    for (inputs, [first, second]) in inputs.iter().zip(panel) {
        let (first, second) = (load_wide(first), load_wide(second));
        for (row, [low_sum, high_sum]) in inputs.iter().zip(&mut sums) {
            let [low, high] = halves(row);
            *low_sum = _mm512_dpbusd_epi32(*low_sum, _mm512_set1_epi32(low), first);
            *high_sum = _mm512_dpbusd_epi32(*high_sum, _mm512_set1_epi32(high), second);
        }
    }
    for (row, [low, high]) in tile.iter_mut().zip(sums) {
        store_wide(row, _mm512_add_epi32(low, high));
    }
    tile
}

#[inline(always)]
fn halves(inputs: &[u8; CHUNK]) -> [i32; 2] {
    let (fours, _) = inputs.as_chunks::<4>();
    [i32::from_le_bytes(fours[0]), i32::from_le_bytes(fours[1])]
}

/// Four weights of each output of one half of a panel.
#[target_feature(enable = "avx2")]
#[inline]
fn load(weights: &[[i8; 4]; PANEL], half: usize) -> __m256i {
    let weights = &weights.as_chunks::<{ PANEL / 2 }>().0[half];
    const { assert!(size_of::<[[i8; 4]; PANEL / 2]>() == 32) };
    // SAFETY: the reference is to the 32 bytes that are read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store(row: &mut [i32; PANEL], half: usize, sums: __m256i) {
    let row = &mut row.as_chunks_mut::<{ PANEL / 2 }>().0[half];
    const { assert!(size_of::<[i32; PANEL / 2]>() == 32) };
    // SAFETY: the reference is to the 32 bytes that are written, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), sums) };
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
