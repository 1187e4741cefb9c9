//! Rows of activations in 8 bits, weights in 7, and their product.
//!
//! **Rows.** Every row has a range of its own: `value = (byte - zero) * step`. **Weights.** Every output has a scale of its own:
//! `weight = number * scale`. So an output is `(sum of byte * number - zero * sum of number) * (step * scale) + bias`, where both
//! sums are exact integers and the second is known beforehand.
//!
//! **Packing.** A panel is 16 outputs. It holds, for every four inputs, the four weights of each of its outputs: what
//! one instruction multiplies. Panels are packed when the model is read, and multiplied two by two.

use crate::error::ModelError;
use crate::file::{NumberKind, TensorFile};
use crate::kernel::Pass;
use crate::number;
use crate::shape::WIDTH_STEP;

/// The outputs of a panel.
pub(crate) const PANEL: usize = 16;
/// Rows that are multiplied together.
pub(crate) const GROUP: usize = 8;
/// Inputs that are multiplied together: a chunk.
pub(crate) const CHUNK: usize = 8;
/// Numbers that are brought to 8 bits together; every width is a multiple of it.
const BLOCK: usize = WIDTH_STEP;
/// The inputs of a chunk of a row, four by four: so a compiler reads each four from memory into all lanes of a register at once.
pub(crate) type Inputs = [[u8; 4]; CHUNK / 4];
/// The rows of a group, each as long as a panel.
pub(crate) type Group<'a> = [&'a [Inputs]; GROUP];
/// The weights of eight inputs in a panel: two times four inputs of each output. Aligned as a whole register, so that none is read
/// across the border of two cache lines.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Weights(pub(crate) [[[i8; 4]; PANEL]; CHUNK / 4]);
/// The sums of products of a group and a panel.
pub(crate) type Tile = [[i32; PANEL]; GROUP];
/// The same for 16 rows.
pub(crate) type Tile16 = [[i32; PANEL]; 16];
/// Rows that the matrix unit takes at once; rows are padded to a multiple.
pub(crate) const PADDED_ROWS: usize = 32;
/// The largest weight.
const WEIGHT_MAX: i8 = 63;
/// The inputs of a chunk whose products are added in 16 bits: a lane of AVX2, which multiplies neighbours.
pub(crate) const LANES: [[usize; 4]; 2] = [[0, 1, 4, 5], [2, 3, 6, 7]];
/// The rule for weights: for every output, and every eight inputs in a row, the positive weights of a lane add up to at most
/// this, and so do the negative ones. `255 * 128` is still a 16-bit number.
const LANE_MAX: i32 = 128;
/// The largest scale. Source: our choice; training gives far less than 1.
const SCALE_MAX: f32 = 16.0;
/// The smallest step of a row that is not all zeros.
const STEP_MIN: f32 = 1e-20;

/// Rows of activations in 8 bits, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// By row.
    width: usize,
    count: usize,
    inputs: Vec<Inputs>,
    zeros: Vec<i32>,
    steps: Vec<f32>,
}

impl Rows {
    /// Makes room for `count` rows of `width` numbers.
    pub(crate) fn resize(&mut self, count: usize, width: usize) {
        self.width = width;
        self.count = count;
        self.inputs.resize(count.next_multiple_of(PADDED_ROWS) * (width / CHUNK), Inputs::default());
        self.zeros.resize(count, 0);
        self.steps.resize(count, 0.0);
    }

    /// Becomes what others are.
    pub(crate) fn copy(&mut self, others: &Rows) {
        let Rows { width, count, inputs, zeros, steps } = others;
        (self.width, self.count) = (*width, *count);
        self.inputs.clone_from(inputs);
        self.zeros.clone_from(zeros);
        self.steps.clone_from(steps);
    }

    /// Writes row `index`.
    #[inline(always)]
    pub(crate) fn set(&mut self, index: usize, values: &[f32]) {
        let (low, high) = number::range_with_zero(values);
        let step = (high - low) / 255.0;
        let (step, inverse) = if step < STEP_MIN { (0.0, 0.0) } else { (step, 1.0 / step) };
        let zero = number::rounded(-low * inverse);
        self.zeros[index] = zero;
        self.steps[index] = step;
        let chunks = self.width / CHUNK;
        let inputs = self.inputs[index * chunks..][..chunks].as_flattened_mut().as_flattened_mut();
        for (bytes, values) in inputs.as_chunks_mut::<BLOCK>().0.iter_mut().zip(values.as_chunks::<BLOCK>().0) {
            for (byte, value) in bytes.iter_mut().zip(values) {
                *byte = number::byte(number::rounded(value * inverse) + zero);
            }
        }
    }

    /// All rows.
    pub(crate) fn all(&self) -> Part<'_> {
        self.part(0, self.count)
    }

    /// `count` rows from `first` on, a multiple of [`GROUP`].
    pub(crate) fn part(&self, first: usize, count: usize) -> Part<'_> {
        Part {
            width: self.width,
            inputs: &self.inputs[first * (self.width / CHUNK)..],
            zeros: &self.zeros[first..][..count],
            steps: &self.steps[first..][..count],
        }
    }
}

/// Some of the rows.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    width: usize,
    inputs: &'a [Inputs],
    zeros: &'a [i32],
    steps: &'a [f32],
}

impl<'a> Part<'a> {
    /// The bytes of all rows, padded to a multiple of [`PADDED_ROWS`] with what may be anything; `None` where the padding is not there.
    pub(crate) fn padded(self) -> Option<&'a [u8]> {
        let bytes = self.inputs.as_flattened().as_flattened();
        bytes.get(..self.zeros.len().next_multiple_of(PADDED_ROWS) * self.width)
    }
}

/// Gives rows in 8 bits.
pub(crate) struct Narrow<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: &'a mut Rows,
}

impl Pass for Narrow<'_> {
    #[inline(always)]
    fn run(self) {
        for (index, row) in self.values.chunks_exact(self.rows.width).enumerate() {
            self.rows.set(index, row);
        }
    }
}

/// The weights of a linear layer, packed.
#[derive(Debug)]
pub(crate) struct Linear {
    inputs: usize,
    outputs: usize,
    panels: Vec<Weights>,
    /// By output: the sum of its weights.
    sums: Vec<i32>,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl Linear {
    /// Reads layers that have the same input and puts their outputs side by side. Each has `outputs` of them, a multiple of
    /// two panels, and `inputs`, a multiple of eight.
    pub(crate) fn read(
        file: &TensorFile,
        names: &[String],
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, ModelError> {
        let mut linear = Linear {
            inputs,
            outputs: outputs * names.len(),
            panels: Vec::with_capacity(outputs * names.len() / PANEL * (inputs / CHUNK)),
            sums: Vec::new(),
            scales: Vec::new(),
            biases: Vec::new(),
        };
        for name in names {
            let weight = format!("{name}.weight");
            let bytes = file.bytes(&weight, NumberKind::I8, &[outputs, inputs])?;
            let weights: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
            if weights.iter().any(|weight| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(weight)) {
                return Err(ModelError::tensor(&weight, "has a weight that is not from -63 to 63"));
            }
            if !weights.as_chunks::<8>().0.iter().all(|chunk| keeps_the_rule(*chunk)) {
                return Err(ModelError::tensor(&weight, "breaks the rule for the sums of weights"));
            }
            let scales = file.floats(&format!("{name}.scale"), &[outputs])?;
            if scales.iter().any(|scale| *scale <= 0.0 || *scale > SCALE_MAX) {
                return Err(ModelError::tensor(
                    &format!("{name}.scale"),
                    "has a scale that is not above 0 and at most 16",
                ));
            }
            linear.add(&weights);
            linear.scales.extend(scales);
            linear.biases.extend(file.floats(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(linear)
    }

    /// Packs the weights of more outputs.
    fn add(&mut self, weights: &[i8]) {
        for panel in weights.chunks_exact(self.inputs * PANEL) {
            for first in (0..self.inputs).step_by(CHUNK) {
                let mut packed = Weights::default();
                for (output, row) in panel.chunks_exact(self.inputs).enumerate() {
                    for (half, weights) in packed.0.iter_mut().zip(row[first..].as_chunks::<4>().0) {
                        half[output] = *weights;
                    }
                }
                self.panels.push(packed);
            }
        }
        let rows = weights.chunks_exact(self.inputs);
        self.sums.extend(rows.map(|row| row.iter().map(|weight| i32::from(*weight)).sum::<i32>()));
    }

    /// Walks pair of panels by pair, so that each is read from memory once, and over all groups of `input`; `tiles` gives the
    /// sums of products of a group with both. It is given a share of the next pair, too, which it may have fetched meanwhile:
    /// all weights of a model are more than the second-level cache of a core holds.
    #[inline(always)]
    pub(crate) fn apply(
        &self,
        input: Part<'_>,
        out: &mut [f32],
        tiles: impl Fn(Group<'_>, [&[Weights]; 2], &[Weights]) -> [Tile; 2],
    ) {
        let chunks = self.inputs / CHUNK;
        let groups = input.zeros.len().div_ceil(GROUP);
        let mut ahead = self.panel_chunks(2).skip(1);
        for (pair, panels) in self.panel_chunks(2).enumerate() {
            let panels = panels.split_at(chunks);
            let mut ahead = ahead.next().unwrap_or_default().chunks((2 * chunks).div_ceil(groups));
            let groups = input.inputs.chunks_exact(GROUP * chunks).zip((0..input.zeros.len()).step_by(GROUP));
            for (inputs, first) in groups {
                let row = |index: usize| &inputs[index * chunks..][..chunks];
                let group = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
                let [left, right] = tiles(group, panels.into(), ahead.next().unwrap_or_default());
                self.finish(pair * 2, &left, first, input, out);
                self.finish(pair * 2 + 1, &right, first, input, out);
            }
        }
    }

    /// Whether the rows of `input` are as wide as they must be, stand in whole groups, and fill `out` when they are multiplied: what all paths rest on.
    pub(crate) fn takes(&self, input: Part<'_>, out: &[f32]) -> bool {
        let rows = input.zeros.len();
        input.width == self.inputs
            && input.inputs.len() >= rows.next_multiple_of(GROUP) * (self.inputs / CHUNK)
            && out.len() == rows * self.outputs
    }

    /// How many inputs there are.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many panels there are.
    pub(crate) fn panels(&self) -> usize {
        self.outputs / PANEL
    }

    /// The packed weights, so many panels at a time.
    pub(crate) fn panel_chunks(&self, panels: usize) -> impl Iterator<Item = &[Weights]> {
        self.panels.chunks_exact(panels * (self.inputs / CHUNK))
    }

    /// Turns the sums of products of some rows, of which `first` is the first, with a panel into outputs.
    #[inline(always)]
    pub(crate) fn finish(&self, panel: usize, tile: &[[i32; PANEL]], first: usize, input: Part<'_>, out: &mut [f32]) {
        let at = panel * PANEL;
        let sums: [i32; PANEL] = self.sums[at..].first_chunk().copied().unwrap_or_default();
        let scales: [f32; PANEL] = self.scales[at..].first_chunk().copied().unwrap_or_default();
        let biases: [f32; PANEL] = self.biases[at..].first_chunk().copied().unwrap_or_default();
        let rows = input.zeros.iter().zip(input.steps).skip(first);
        let outs = out.chunks_exact_mut(self.outputs).skip(first);
        for ((products, (zero, step)), out) in tile.iter().zip(rows).zip(outs) {
            let out = &mut out[at..][..PANEL];
            for output in 0..PANEL {
                let sum = products[output] - zero * sums[output];
                out[output] = (sum as f32).mul_add(step * scales[output], biases[output]);
            }
        }
    }
}

fn keeps_the_rule(weights: [i8; CHUNK]) -> bool {
    LANES.iter().all(|lane| {
        let weights = lane.map(|input| i32::from(weights[input]));
        let positive: i32 = weights.iter().map(|weight| weight.max(&0)).sum();
        let negative: i32 = weights.iter().map(|weight| weight.min(&0)).sum();
        positive <= LANE_MAX && negative >= -LANE_MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Path;

    /// Numbers that differ from place to place.
    fn mixed(place: usize) -> usize {
        place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
    }

    /// The outputs of `weights` on every path, for rows of bytes, beside the sums taken one by one.
    fn check(inputs: usize, weights: &[i8], bytes: &[Vec<u8>]) {
        let outputs = weights.len() / inputs;
        let mut linear = Linear {
            inputs,
            outputs,
            panels: Vec::new(),
            sums: Vec::new(),
            scales: vec![1.0; outputs],
            biases: vec![0.0; outputs],
        };
        linear.add(weights);
        let mut rows = Rows::default();
        rows.resize(bytes.len(), inputs);
        rows.steps.fill(1.0);
        for (index, row) in bytes.iter().enumerate() {
            for (place, byte) in row.iter().enumerate() {
                rows.inputs.as_flattened_mut().as_flattened_mut()[index * inputs + place] = *byte;
            }
        }
        for path in Path::all() {
            let mut out = vec![0.0; bytes.len() * outputs];
            path.linear(rows.all(), &linear, &mut out);
            for (row, out) in bytes.iter().zip(out.chunks_exact(outputs)) {
                for (weights, out) in weights.chunks_exact(inputs).zip(out) {
                    let products = row.iter().zip(weights).map(|(byte, weight)| i32::from(*byte) * i32::from(*weight));
                    assert_eq!(out.to_bits(), (products.sum::<i32>() as f32).to_bits(), "{}", path.name());
                }
            }
        }
    }

    #[test]
    fn sums_are_exact_where_sixteen_bits_are_full() {
        // Every lane at its limit of 128, up and down, with the largest bytes.
        for sign in [1, -1] {
            let chunk = [63, 63, 63, 63, 1, 1, 1, 1].map(|weight: i8| weight * sign);
            check(32, &chunk.repeat(4 * 2 * PANEL), &vec![vec![255; 32]; 9]);
        }
    }

    #[test]
    fn sums_are_exact_for_any_number_of_rows() {
        let weights: Vec<i8> = (0..96 * 64).map(|place| i8::try_from(mixed(place) % 65).unwrap() - 32).collect();
        for count in 1..=17 {
            let rows: Vec<Vec<u8>> = (0..count)
                .map(|row| (0..96).map(|place| u8::try_from(mixed(row * 977 + place) % 256).unwrap()).collect())
                .collect();
            check(96, &weights, &rows);
        }
    }

    /// Widths that the matrix unit takes.
    #[test]
    fn sums_are_exact_in_blocks_of_32_rows_and_outputs() {
        let chunk = [63, 63, 63, 63, 1, 1, 1, 1];
        for sign in [1_i8, -1] {
            check(64, &chunk.map(|weight| weight * sign).repeat(8 * 2 * PANEL), &vec![vec![255; 64]; 33]);
        }
        let weights: Vec<i8> = (0..192 * 64).map(|place| i8::try_from(mixed(place) % 65).unwrap() - 32).collect();
        for count in [1, 15, 16, 17, 31, 32, 33, 64, 97] {
            let rows: Vec<Vec<u8>> = (0..count)
                .map(|row| (0..192).map(|place| u8::try_from(mixed(row * 977 + place) % 256).unwrap()).collect())
                .collect();
            check(192, &weights, &rows);
        }
    }

    #[test]
    fn a_row_keeps_its_values_to_half_a_step() {
        let values: Vec<f32> = (0..64).map(|place| mixed(place) as f32 / (1 << 24) as f32 * 7.0 - 2.0).collect();
        let mut rows = Rows::default();
        rows.resize(2, 64);
        rows.set(1, &values);
        for (place, value) in values.iter().enumerate() {
            let byte = rows.inputs.as_flattened().as_flattened()[64 + place];
            let back = (i32::from(byte) - rows.zeros[1]) as f32 * rows.steps[1];
            assert!((back - value).abs() <= rows.steps[1] * 0.51, "{value} came back as {back}");
        }
        rows.set(0, &[0.0; 64]);
        assert_eq!((rows.zeros[0], rows.steps[0].to_bits()), (0, 0));
    }

    #[test]
    fn the_rule_for_weights_is_checked_to_the_unit() {
        assert!(keeps_the_rule([63, 63, -63, -63, 1, 1, -1, -1]));
        assert!(!keeps_the_rule([63, 63, 0, 0, 1, 2, 0, 0]));
        assert!(!keeps_the_rule([0, 0, -63, -63, 0, 0, -1, -2]));
    }
}
