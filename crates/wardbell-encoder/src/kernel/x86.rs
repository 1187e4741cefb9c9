//! The paths of x86-64.
#![expect(unsafe_code, reason = "the only file of the workspace that needs CPU features; each block says why it is sound")]

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi16, _mm256_add_epi32, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::{Kind, Pass, Path};
use crate::linear::{Linear, PANEL, Part};

/// The bytes of weights that four inputs take in a panel.
const STEP: usize = 4 * PANEL;

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
        weights.apply(input, out, |rows, panel| tile_avx2(rows, panel));
    }
    assert!(path.0 == Kind::Avx2);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2 first.
    unsafe { run(input, weights, out) }
}

pub(super) fn linear_avx_vnni(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,avxvnni")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |rows, panel| tile_avx_vnni(rows, panel));
    }
    assert!(path.0 == Kind::AvxVnni);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2 and AVX-VNNI first.
    unsafe { run(input, weights, out) }
}

pub(super) fn linear_avx512_vnni(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,avx512f,avx512vnni")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        weights.apply(input, out, |rows, panel| tile_avx512_vnni(rows, panel));
    }
    assert!(path.0 == Kind::Avx512Vnni);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2, AVX-512F and AVX-512 VNNI first.
    unsafe { run(input, weights, out) }
}

/// Eight inputs a turn. The two products of a lane are added in 16 bits before they are widened: at most
/// 255 * 128, by the rule for weights.
#[target_feature(enable = "avx2")]
#[inline]
fn tile_avx2(rows: [&[u8]; 4], panel: &[i8]) -> [[i32; PANEL]; 4] {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); 2]; 4];
    let [row0, row1, row2, row3] = rows.map(|row| row.as_chunks::<8>().0.iter());
    let (panel, _) = panel.as_chunks::<{ 2 * STEP }>();
    for ((((weights, row0), row1), row2), row3) in panel.iter().zip(row0).zip(row1).zip(row2).zip(row3) {
        let (weights, _) = weights.as_chunks::<32>();
        let [low0, low1, high0, high1] = weights else { break };
        let (low, high) = ([load(low0), load(low1)], [load(high0), load(high1)]);
        for (row, sums) in [row0, row1, row2, row3].into_iter().zip(&mut sums) {
            let [first, second] = halves(row);
            let (first, second) = (_mm256_set1_epi32(first), _mm256_set1_epi32(second));
            for ((low, high), sum) in low.iter().zip(high).zip(sums) {
                let products = _mm256_add_epi16(_mm256_maddubs_epi16(first, *low), _mm256_maddubs_epi16(second, high));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, ones));
            }
        }
    }
    sums.map(|sums| stored(&sums))
}

#[target_feature(enable = "avx2,avxvnni")]
#[inline]
fn tile_avx_vnni(rows: [&[u8]; 4], panel: &[i8]) -> [[i32; PANEL]; 4] {
    let mut sums = [[_mm256_setzero_si256(); 2]; 4];
    let [row0, row1, row2, row3] = rows.map(|row| row.as_chunks::<4>().0.iter());
    let (panel, _) = panel.as_chunks::<STEP>();
    for ((((weights, row0), row1), row2), row3) in panel.iter().zip(row0).zip(row1).zip(row2).zip(row3) {
        let (weights, _) = weights.as_chunks::<32>();
        let [first, second] = weights else { break };
        let weights = [load(first), load(second)];
        for (row, sums) in [row0, row1, row2, row3].into_iter().zip(&mut sums) {
            let inputs = _mm256_set1_epi32(i32::from_le_bytes(*row));
            for (weights, sum) in weights.iter().zip(sums) {
                *sum = _mm256_dpbusd_avx_epi32(*sum, inputs, *weights);
            }
        }
    }
    sums.map(|sums| stored(&sums))
}

/// Eight rows, so that there are more sums under way than the instruction takes cycles.
#[target_feature(enable = "avx2,avx512f,avx512vnni")]
#[inline]
fn tile_avx512_vnni(rows: [&[u8]; 8], panel: &[i8]) -> [[i32; PANEL]; 8] {
    let mut sums = [_mm512_setzero_si512(); 8];
    let [row0, row1, row2, row3, row4, row5, row6, row7] = rows.map(|row| row.as_chunks::<4>().0.iter());
    let (panel, _) = panel.as_chunks::<STEP>();
    let rows = row0.zip(row1).zip(row2.zip(row3)).zip(row4.zip(row5).zip(row6.zip(row7)));
    for (weights, (((row0, row1), (row2, row3)), ((row4, row5), (row6, row7)))) in panel.iter().zip(rows) {
        let weights = load_wide(weights);
        for (row, sum) in [row0, row1, row2, row3, row4, row5, row6, row7].into_iter().zip(&mut sums) {
            *sum = _mm512_dpbusd_epi32(*sum, _mm512_set1_epi32(i32::from_le_bytes(*row)), weights);
        }
    }
    sums.map(|sum| stored_wide(sum))
}

#[inline(always)]
fn halves(inputs: &[u8; 8]) -> [i32; 2] {
    let [a, b, c, d, e, f, g, h] = *inputs;
    [i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h])]
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[i8; 32]) -> __m256i {
    // SAFETY: the reference is to the 32 bytes that are read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_wide(bytes: &[i8; STEP]) -> __m512i {
    const { assert!(STEP == 64) };
    // SAFETY: the reference is to the 64 bytes that are read, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn stored(sums: &[__m256i; 2]) -> [i32; PANEL] {
    let mut out = [0; PANEL];
    for (sums, out) in sums.iter().zip(out.as_chunks_mut::<8>().0) {
        // SAFETY: the reference is to the 32 bytes that are written, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), *sums) };
    }
    out
}

#[target_feature(enable = "avx512f")]
#[inline]
fn stored_wide(sums: __m512i) -> [i32; PANEL] {
    const { assert!(PANEL == 16) };
    let mut out = [0; PANEL];
    // SAFETY: `out` is the 64 bytes that are written, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sums) };
    out
}
