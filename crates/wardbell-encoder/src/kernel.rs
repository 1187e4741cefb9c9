//! Which machine instructions do the work, chosen once and at run time.
//!
//! **Three doors.** `Path::linear` multiplies 8-bit rows with packed 7-bit weights; for this there is code of its own for every
//! set of instructions. `Path::pass` runs any other part of the forward pass (`Pass`), written once in plain Rust and
//! compiled again for the registers of AVX2 and of AVX-512. `Path::weigh` is attention, whose products AVX2 and AVX-512 have code of their own for.
//!
//! **Why all paths agree to the last bit.** Sums of products are integers and stay far below 2^31. In between, the rule for
//! weights (`LANE_MAX` in `linear.rs`) keeps the 16-bit sums of the AVX2 path from saturating. Everything in `f32` is the
//! same sequence of additions, multiplications and fused ones (`mul_add`) whatever the registers' width; Rust neither reorders nor
//! fuses by itself. A CPU without AVX2 or FMA calculates what is fused in software: right, and several times slower.
//!
//! **What was run where.** The products of `Path::linear` were run on a Xeon that has AMX, AVX-VNNI among them; all of today's code but AMX and
//! AVX-VNNI on an EPYC of 2022. The tests of `linear.rs`, `attention.rs`, `tests/oracle.rs` and `tests/properties.rs` compare every path that the CPU at hand
//! has.
//!
//! **`unsafe`** stands in `kernel/x86.rs` and `kernel/amx.rs` and nowhere else in the workspace: the calls of functions that need a CPU
//! feature, loads and stores of whole registers from arrays of their size, and the instructions of the matrix unit.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::attention::Weigh;
use crate::linear::{CHUNK, Group, LANES, Linear, PANEL, Part, Tile, Weights};

/// A part of the forward pass in plain Rust, `#[inline(always)]` all the way down, so that it is compiled for the
/// instructions of the path that runs it.
pub(crate) trait Pass {
    /// Does the work.
    fn run(self);
}

/// A set of machine instructions that this CPU has.
///
/// There is no way to make one for a CPU that lacks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl Path {
    /// The path that needs nothing of the CPU.
    pub const PLAIN: Path = Path(Kind::Plain);

    /// The fastest path of this CPU.
    pub fn best() -> Path {
        Path::all().last().copied().unwrap_or(Path::PLAIN)
    }

    /// Every path of this CPU, the fastest last.
    pub fn all() -> Vec<Path> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there is one path there"))]
        let mut paths = vec![Path::PLAIN];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            paths.push(Path(Kind::Avx2));
            if is_x86_feature_detected!("avxvnni") {
                paths.push(Path(Kind::AvxVnni));
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                paths.push(Path(Kind::Avx512Vnni));
                if amx::is_there() {
                    paths.push(Path(Kind::Amx));
                }
            }
        }
        paths
    }

    /// The path's name, for logs and benches.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => "amx",
        }
    }

    /// Multiplies every row of `input` with `weights`, into rows of `out`.
    pub(crate) fn linear(self, input: Part<'_>, weights: &Linear, out: &mut [f32]) {
        assert!(weights.takes(input, out));
        match self.0 {
            Kind::Plain => {
                weights.apply(input, out, |inputs, [left, right], _| {
                    [plain_tile(inputs, left), plain_tile(inputs, right)]
                });
            }
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => x86::linear_avx2(self, input, weights, out),
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => x86::linear_avx_vnni(self, input, weights, out),
            #[cfg(target_arch = "x86_64")]
            Kind::Amx if amx::fits(input, weights) => amx::linear(self, input, weights, out),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni | Kind::Amx => x86::linear_avx512_vnni(self, input, weights, out),
        }
    }

    /// Has the queries of a head weigh its values.
    pub(crate) fn weigh(self, weigh: Weigh<'_>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni => x86::weigh_avx2(self, weigh),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni | Kind::Amx => x86::weigh_avx512(self, weigh),
            Kind::Plain => self.pass(weigh),
        }
    }

    /// Runs a pass.
    pub(crate) fn pass<P: Pass>(self, pass: P) {
        match self.0 {
            Kind::Plain => pass.run(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni => x86::pass_avx2(self, pass),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Vnni | Kind::Amx => x86::pass_avx512(self, pass),
        }
    }
}

/// The sums of products of a group and a panel, sixteen outputs at a time. By the rule for weights the products of a lane add
/// up in 16 bits, which every processor with vectors can do eight at a time.
#[inline(always)]
fn plain_tile(rows: Group<'_>, panel: &[Weights]) -> Tile {
    let mut tile = Tile::default();
    for (chunk, weights) in panel.iter().enumerate() {
        let mut by_input = [[0_i16; PANEL]; CHUNK];
        for (half, by_input) in weights.0.iter().zip(by_input.as_chunks_mut::<4>().0) {
            for (output, four) in half.iter().enumerate() {
                for (by_input, weight) in by_input.iter_mut().zip(four) {
                    by_input[output] = i16::from(*weight);
                }
            }
        }
        for (row, sums) in rows.iter().zip(&mut tile) {
            for lane in LANES {
                let mut products = [0_i16; PANEL];
                for input in lane {
                    let byte = i16::from(row[chunk].as_flattened()[input]);
                    for (product, weight) in products.iter_mut().zip(by_input[input]) {
                        *product = product.wrapping_add(byte.wrapping_mul(weight));
                    }
                }
                for (sum, product) in sums.iter_mut().zip(products) {
                    *sum += i32::from(product);
                }
            }
        }
    }
    tile
}
