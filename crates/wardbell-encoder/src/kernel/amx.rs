//! The path of x86-64 with AMX: a matrix unit that multiplies 16 rows with 16 outputs, 64 inputs at a time.
//!
//! Rust's intrinsics for it are not stable yet, so that the instructions stand here as assembly; a compiler uses none of the unit's
//! registers by itself. Linux gives a process the unit only if it asks (arch_prctl(2), `ARCH_REQ_XCOMP_PERM`). Packed weights are
//! what the unit wants as they are: 16 rows of 64 bytes, each with four inputs of 16 outputs. **Source.** Intel 64 and IA-32
//! Architectures Software Developer's Manual, volume 1, chapter 18, and Linux's Documentation/arch/x86/xstate.rst, as we know them.
#![expect(unsafe_code, reason = "the matrix unit is reached by assembly alone; each block says why it is sound")]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::LazyLock;

use super::{Kind, Path};
use crate::linear::{CHUNK, Linear, PADDED_ROWS, PANEL, Part, Tile16, Weights};

/// Inputs that the unit multiplies at once.
const STEP: usize = 64;
/// Panels that are done together, and blocks of 16 rows: with four sums all eight of the unit's registers are in use.
const SIDE: usize = 2;

/// Whether this processor has the unit and Linux lets this process use it. It asks once.
pub(super) fn is_there() -> bool {
    static THERE: LazyLock<bool> = LazyLock::new(|| has_unit() && may_use());
    *THERE
}

/// Structured extended feature flags: AMX-TILE and AMX-INT8 are bits 24 and 25 of EDX.
fn has_unit() -> bool {
    const LEAF: u32 = 7;
    const FLAGS: u32 = 1 << 24 | 1 << 25;
    __cpuid_count(0, 0).eax >= LEAF && __cpuid_count(LEAF, 0).edx & FLAGS == FLAGS
}

#[cfg(target_os = "linux")]
fn may_use() -> bool {
    /// From Linux's `asm/unistd_64.h` and `asm/prctl.h`; the feature is that of the tiles' data.
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let answer: i64;
    // SAFETY: the call takes two numbers and changes nothing but what this process may use; a kernel that does not know it says so. A
    // system call leaves rcx and r11 changed, which is said here.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn may_use() -> bool {
    false
}

/// Whether the unit can do this product; what it cannot is of other widths than the models that ship.
pub(super) fn fits(input: Part<'_>, weights: &Linear) -> bool {
    input.padded().is_some() && weights.inputs().is_multiple_of(STEP) && weights.panels().is_multiple_of(SIDE)
}

/// Multiplies as the other paths do. [`fits`] has said yes.
pub(super) fn linear(path: Path, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
    #[target_feature(enable = "avx2,fma,avx512f")]
    fn run(input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        let Some(rows) = input.padded() else { return };
        let width = weights.inputs();
        let configured = Configured::new();
        for (pair, panels) in weights.panel_chunks(SIDE).enumerate() {
            for (block, rows) in rows.chunks_exact(PADDED_ROWS * width).enumerate() {
                for (at, tile) in configured.multiply(rows, width, panels).iter().enumerate() {
                    let (half, side) = (at / SIDE, at % SIDE);
                    let first = block * PADDED_ROWS + half * (PADDED_ROWS / 2);
                    weights.finish(pair * SIDE + side, tile, first, input, out);
                }
            }
        }
    }
    assert!(path.0 == Kind::Amx);
    // SAFETY: this path is made by `Path::all` alone, which has asked the CPU for AVX2, FMA and AVX-512F first.
    unsafe { run(input, weights, out) }
}

/// The unit's registers are of use; dropped, they are given back.
struct Configured;

/// How the registers are cut: palette 1, and for each of eight 64 bytes in each of 16 rows.
#[repr(C, align(64))]
struct Cut {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

static CUT: Cut = Cut {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

impl Configured {
    fn new() -> Self {
        assert!(is_there());
        const { assert!(size_of::<Cut>() == 64) };
        // SAFETY: the unit is there, and 64 bytes in the form that it wants are read.
        unsafe { asm!("ldtilecfg [{cut}]", cut = in(reg) &raw const CUT, options(nostack, readonly)) };
        Self
    }

    /// The products of 32 rows of `width` bytes with two panels: first those of the first 16 rows with each panel.
    #[expect(clippy::unused_self, reason = "that it is there says that the registers are configured")]
    fn multiply(&self, rows: &[u8], width: usize, panels: &[Weights]) -> [Tile16; SIDE * 2] {
        assert!(width.is_multiple_of(STEP) && width > 0);
        assert_eq!(rows.len(), PADDED_ROWS * width);
        assert_eq!(panels.len(), SIDE * (width / CHUNK));
        const { assert!(size_of::<Weights>() == CHUNK * PANEL && size_of::<Tile16>() == 1024) };
        let mut tiles = [Tile16::default(); SIDE * 2];
        let (upper, lower) = rows.split_at(rows.len() / 2);
        let (left, right) = panels.split_at(panels.len() / 2);
        // SAFETY: the registers are configured, for `self` is there. In each of `width / 64` rounds 16 rows of 64 bytes are read from
        // `upper` and from `lower`, `width` bytes apart, and 1024 bytes in a row from `left` and from `right`, 128 bytes a chunk of
        // eight inputs: by the lengths above all of these are within the slices. At the end 1024 bytes are written to each of four
        // tiles. No other register or memory is changed but those that are named, and flags.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{upper} + {width}*1]",
                "tileloadd tmm6, [{left} + {line}*1]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{right} + {line}*1]",
                "tdpbusd tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{lower} + {width}*1]",
                "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "add {left}, 1024",
                "add {right}, 1024",
                "dec {rounds}",
                "jnz 2b",
                "tilestored [{tiles} + {line}*1], tmm0",
                "tilestored [{tiles} + {line}*1 + 1024], tmm1",
                "tilestored [{tiles} + {line}*1 + 2048], tmm2",
                "tilestored [{tiles} + {line}*1 + 3072], tmm3",
                upper = inout(reg) upper.as_ptr() => _,
                lower = inout(reg) lower.as_ptr() => _,
                left = inout(reg) left.as_ptr() => _,
                right = inout(reg) right.as_ptr() => _,
                rounds = inout(reg) width / STEP => _,
                width = in(reg) width,
                line = in(reg) 64_usize,
                tiles = in(reg) tiles.as_mut_ptr(),
                options(nostack),
            );
        }
        tiles
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: the unit is there, and nothing in its registers is needed any more.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}
